//! The tar archive that a build context travels in (POSIX ustar).

/// One block, and the size of a header.
const BLOCK: usize = 512;

/// An archive of these files, each readable and executable by everybody, owned by root, without a time: equal files
/// make equal archives, so the engine's build cache holds.
///
/// # Errors
/// The path that ustar has no room for.
pub(crate) fn tar<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for (path, bytes) in files {
        out.extend_from_slice(&header(path, bytes.len()).ok_or_else(|| path.to_owned())?);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

fn header(path: &str, len: usize) -> Option<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, width: usize, bytes: &[u8]| -> Option<()> {
        let field = header.get_mut(at..at + width)?;
        field.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(())
    };
    put(0, 100, path.as_bytes())?;
    put(100, 8, b"0000755\0")?;
    put(108, 8, b"0000000\0")?;
    put(116, 8, b"0000000\0")?;
    put(124, 12, format!("{len:011o}\0").as_bytes())?;
    put(136, 12, b"00000000000\0")?;
    // The checksum counts itself as spaces.
    put(148, 8, b"        ")?;
    put(156, 1, b"0")?;
    put(257, 8, b"ustar\x0000")?;
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header.get_mut(148..156)?.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn tar_reads_it() {
        let long = "x".repeat(1000);
        let archive = tar([("Dockerfile", b"FROM x\n".as_slice()), ("a/b", long.as_bytes())]).unwrap();
        assert_eq!(archive.len() % BLOCK, 0);
        let folder = tempfile::tempdir().unwrap();
        let mut reader =
            Command::new("tar").arg("-xC").arg(folder.path()).stdin(Stdio::piped()).spawn().unwrap();
        reader.stdin.take().unwrap().write_all(&archive).unwrap();
        assert!(reader.wait().unwrap().success());
        assert_eq!(std::fs::read_to_string(folder.path().join("Dockerfile")).unwrap(), "FROM x\n");
        assert_eq!(std::fs::read_to_string(folder.path().join("a/b")).unwrap(), long);
    }

    #[test]
    fn a_path_without_room_is_named() {
        let path = "x".repeat(101);
        assert_eq!(tar([(path.as_str(), b"".as_slice())]), Err(path.clone()));
    }
}
