//! A target's folder, wherever it comes from.

use crate::LabError;
use include_dir::{Dir, DirEntry};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The files of a target's folder, by path inside it (with `/`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetFiles(BTreeMap<String, Vec<u8>>);

impl TargetFiles {
    /// These files.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self(files.into_iter().collect())
    }

    /// A folder that was compiled in.
    #[must_use]
    pub fn included(folder: &Dir<'_>) -> Self {
        fn walk(root: &Path, folder: &Dir<'_>, all: &mut BTreeMap<String, Vec<u8>>) {
            for entry in folder.entries() {
                match entry {
                    DirEntry::Dir(inner) => walk(root, inner, all),
                    DirEntry::File(file) => {
                        all.insert(name(root, file.path()), file.contents().to_vec());
                    }
                }
            }
        }
        let mut all = BTreeMap::new();
        walk(folder.path(), folder, &mut all);
        Self(all)
    }

    /// A folder on disk. Symbolic links are followed.
    ///
    /// # Errors
    /// [`LabError::Read`].
    pub fn read(folder: &Path) -> Result<Self, LabError> {
        fn walk(root: &Path, folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) -> Result<(), LabError> {
            let error = |path: &Path, error| LabError::Read { path: path.display().to_string(), error };
            for entry in fs::read_dir(folder).map_err(|e| error(folder, e))? {
                let path = entry.map_err(|e| error(folder, e))?.path();
                if path.is_dir() {
                    walk(root, &path, all)?;
                } else {
                    all.insert(name(root, &path), fs::read(&path).map_err(|e| error(&path, e))?);
                }
            }
            Ok(())
        }
        let mut all = BTreeMap::new();
        walk(folder, folder, &mut all)?;
        Ok(Self(all))
    }

    /// The content of one file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// The text of one file.
    ///
    /// # Errors
    /// [`LabError::Files`] where it is missing or not UTF-8.
    pub(crate) fn text(&self, target: &str, path: &str) -> Result<&str, LabError> {
        let error = |what: &str| LabError::Files {
            target: target.to_owned(),
            file: path.to_owned(),
            what: what.to_owned(),
        };
        let bytes = self.file(path).ok_or_else(|| error("there is no such file"))?;
        std::str::from_utf8(bytes).map_err(|_| error("it is not UTF-8"))
    }

    /// The build context: every file but those the image does not depend on, so that a change of these does not
    /// build it again.
    pub(crate) fn context<'a>(&'a self, apart: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
            .filter(|(path, _)| !apart.contains(path))
    }
}

fn name(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        for file in ["Dockerfile", "target.toml", "t.conf", "inner/x"] {
            fs::write(folder.path().join(file), file).unwrap();
        }
        let files = TargetFiles::read(folder.path()).unwrap();
        assert_eq!(files.file("inner/x"), Some(b"inner/x".as_slice()));
        assert_eq!(
            files
                .context(&["target.toml", "expectations.toml", "t.conf"])
                .map(|(path, _)| path)
                .collect::<Vec<_>>(),
            ["Dockerfile", "inner/x"]
        );
        assert!(
            files.text("t", "nothing").unwrap_err().to_string().contains("t: nothing: there is no such file")
        );
    }

    #[test]
    fn a_folder_compiled_in() {
        static SOURCES: Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/src");
        assert!(TargetFiles::included(&SOURCES).file("files.rs").is_some());
    }
}
