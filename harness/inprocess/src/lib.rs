//! Real SMB clients that are Rust crates, each driven through the same work in this process.
//!
//! [`run`] has a client connect to the address that it is given, log on, mount the share, create a file, read it back,
//! delete it and disconnect. What it comes to is [`Said`]: what a person would have seen. Nothing here looks at the
//! wire: that is the business of whoever listens at the address, and is judged from the recorded bytes.
//!
//! This is the one place in Rust where clients have names. What is known of them stands in `containers/clients/NAME`.

#![forbid(unsafe_code)]

mod apart;
mod notes;
mod smb2;
mod smb_rs;

use notes::Notes;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

/// What a client is to do.
#[derive(Clone)]
pub struct Job {
    /// Where it connects to.
    pub server: SocketAddr,
    /// The share it mounts.
    pub share: String,
    /// The file it creates in the share, and deletes again.
    pub file: String,
    /// Who logs on; empty: anonymous or guest, as far as the client can.
    pub user: String,
    /// The domain of `user`; empty: none.
    pub domain: String,
    /// Never in any output: [`fmt::Debug`] leaves it out.
    pub password: String,
    /// What the client is set to: a text of `client.toml`'s `[signing]`; empty: as it comes.
    pub signing: String,
    /// How long it may take.
    pub time: Duration,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart by name, so that a new field is not forgotten here.
        let Self { server, share, file, user, domain, password: _, signing, time } = self;
        f.debug_struct("Job")
            .field("server", server)
            .field("share", share)
            .field("file", file)
            .field("user", user)
            .field("domain", domain)
            .field("signing", signing)
            .field("time", time)
            .finish_non_exhaustive()
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// `did: mount`, `did: write`, `did: read`, `did: delete`, a line each as it was really done, then the client's
    /// error as `error: ...` in one line. Never the password, and at most 64 KiB.
    pub printed: String,
    /// Whether all four were done. An error may follow them all the same: of the farewell.
    pub done: bool,
    /// How it ended.
    pub ended: Ended,
}

/// How a client ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was through, or gave up.
    ByItself,
    /// The job's time was up.
    Timeout,
    /// It panicked.
    Panicked,
}

/// A client's own error, whatever its type.
type Fault = Box<dyn std::error::Error + Send + Sync>;
/// The work of one client.
type Work = Pin<Box<dyn Future<Output = Result<(), Fault>>>>;
/// Begins the work of one job.
type Driver = fn(Job, Notes) -> Work;

/// Every driver, by the name that `client.toml` has for it.
const DRIVERS: [(&str, Driver); 2] = [
    ("smb-rs", |job, notes| Box::pin(smb_rs::work(job, notes))),
    ("smb2", |job, notes| Box::pin(smb2::work(job, notes))),
];
const NAMES: [&str; DRIVERS.len()] = [DRIVERS[0].0, DRIVERS[1].0];

/// What every client writes, and has to read again.
const CONTENT: &[u8; 40] = b"countersign wrote this and reads it back";

/// The names of the drivers that there are.
#[must_use]
pub fn drivers() -> &'static [&'static str] {
    &NAMES
}

/// Runs one job; none where no driver has this name.
///
/// It takes no longer than `job.time` and a moment. The client runs apart (a thread and a runtime of its own), so a
/// panic is an answer like any other, and when this returns or is dropped nothing of the client is left: no task, no
/// socket.
pub async fn run(driver: &str, job: Job) -> Option<Said> {
    let (_, driver) = DRIVERS.iter().find(|(name, _)| *name == driver)?;
    Some(apart::run(*driver, job).await)
}

/// What a client is told to do and cannot: no fault of the server's.
fn no_such_setting(signing: &str) -> Fault {
    format!("this client has no signing setting {signing:?}").into()
}

/// Whether what was read is what was written.
fn compare(read: &[u8]) -> Result<(), Fault> {
    if read == CONTENT {
        return Ok(());
    }
    Err(format!("read {} bytes that are not the {} written", read.len(), CONTENT.len()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_shows_no_password() {
        let job = Job {
            server: ([127, 0, 0, 1], 445).into(),
            share: "share".to_owned(),
            file: "file".to_owned(),
            user: "user".to_owned(),
            domain: "domain".to_owned(),
            password: "s3cret".to_owned(),
            signing: String::new(),
            time: Duration::from_secs(1),
        };
        assert!(!format!("{job:?} {job:#?}").contains("s3cret"));
    }

    #[test]
    fn other_bytes_are_no_success() {
        assert!(compare(CONTENT).is_ok());
        assert!(compare(&CONTENT[1..]).is_err());
        assert!(compare(b"").is_err());
    }
}
