//! Servers that break every rule there is: no verdict ever says that they conform, none hangs, none panics, and what is
//! said of them names its cause.
#![cfg(test)]

mod behaviours;
mod good;
mod replies;
#[path = "../support/mod.rs"]
mod support;
mod verdict;
