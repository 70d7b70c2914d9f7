//! Files that only their owner can read, and that are there whole or not at all.

use crate::error::EvidenceError;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// A file under a temporary name until it is put in its place; gone if it never is.
pub(crate) struct Pending {
    temporary: PathBuf,
    path: PathBuf,
    in_place: bool,
}

impl Pending {
    /// Writes what `content` writes.
    pub(crate) fn write(
        path: &Path,
        content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<Self, EvidenceError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let pending = Self { temporary: temporary.into(), path: path.to_owned(), in_place: false };
        let written = create_private(&pending.temporary).and_then(|file| {
            let mut writer = BufWriter::new(file);
            content(&mut writer)?;
            writer.flush()
        });
        written.map_err(|source| EvidenceError::Write { path: path.to_owned(), source })?;
        Ok(pending)
    }

    /// Replaces whatever is there.
    pub(crate) fn put_in_place(mut self) -> Result<(), EvidenceError> {
        fs::rename(&self.temporary, &self.path)
            .map_err(|source| EvidenceError::Write { path: self.path.clone(), source })?;
        self.in_place = true;
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.in_place {
            // What led here is the error worth telling; a leftover is replaced by the next write.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), EvidenceError> {
    remove_if_there(path).map_err(|source| EvidenceError::Write { path: path.to_owned(), source })
}

/// Creates the folder that `path` is in, and those above it.
pub(crate) fn create_parent(path: &Path) -> Result<(), EvidenceError> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent).map_err(|source| EvidenceError::Write { path: parent.to_owned(), source })
}

/// Reads a file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: u64, mend: &'static str) -> Result<Vec<u8>, EvidenceError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|source| EvidenceError::Read { path: path.to_owned(), source, mend })?;
    if bytes.len() as u64 > most {
        let what = format!("it is larger than {} MiB", most >> 20);
        return Err(EvidenceError::Unusable { path: path.to_owned(), what, mend });
    }
    Ok(bytes)
}

fn create_private(path: &Path) -> io::Result<File> {
    // A leftover may have other modes, or be a link to somewhere else: never write into it.
    remove_if_there(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
