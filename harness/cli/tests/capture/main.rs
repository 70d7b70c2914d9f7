//! Captures made elsewhere: a real smbclient on a real Samba, captured by a real dumpcap, and what can become of such a file.
//!
//! Needs a Docker engine, `dumpcap`, `tshark` and `smbclient`, and the right to capture on the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod annotated;
mod damaged;
mod file;
mod hostile;
mod made;
mod real;
