//! SMB1: a server that keeps to the specification conforms in every case, one that breaks a single rule is found out by
//! it, and one that breaks them all neither conforms nor hangs anybody.
#![cfg(test)]

mod cases;
mod clean;
mod defects;
mod hostile;
mod server;
#[path = "../support/mod.rs"]
mod support;
#[path = "../hostile/verdict.rs"]
mod verdict;
