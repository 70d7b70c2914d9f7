//! The lab against real servers and real clients. Needs a Docker engine and Samba's `smbclient` (Debian: packages
//! docker.io and smbclient); fails where they are missing.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
mod container;
mod embedded;
mod failure;
