//! What the environment, not the server, got wrong.

use std::io;
use std::path::PathBuf;

/// Evidence that could not be written, or is not there to be read. Evidence that is there but altered is a
/// [`Problem`](crate::Problem) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}; make room or rights there, or choose another folder", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}; {mend}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
        /// What to do about it.
        mend: &'static str,
    },
    /// A file is not what its name says.
    #[error("{} is unusable: {what}; {mend}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
        /// What to do about it.
        mend: &'static str,
    },
    /// Bytes were recorded for a connection that nobody opened: evidence with them missing must not look whole.
    #[error(
        "connection {connection} was recorded but never opened: a defect of the harness, please report it"
    )]
    NeverOpened {
        /// The index that was used.
        connection: u32,
    },
}
