//! Brings servers up and down: embedded in this process, or in containers.
//!
//! A [`Lab`] belongs to one run. [`Lab::prepare`] makes a target's image where there is none, [`Lab::effective`] says what
//! a policy comes to on it, [`Lab::start`] runs one server per [`Effective`] and returns when that server has answered a
//! NEGOTIATE, and [`Lab::down`] removes whatever the run left. Nothing here names a server: what is special to one is in
//! its folder ([`TargetFiles`]).
//!
//! Servers in containers are for this machine alone: they are published on 127.0.0.1, or nowhere. The account's password
//! reaches a container as a file copied into it before it starts; it is in no image, environment, argument list or log.

mod account;
mod archive;
mod base;
mod client;
mod config;
mod container;
mod embedded;
mod engine;
mod error;
mod files;
mod image;
mod lab;
pub mod owner;
mod reach;
mod ready;
mod server;

pub use account::{Account, Password};
pub use client::{Client, PreparedClient, Slot, UNKNOWN_USER, Work};
pub use config::Effective;
pub use error::LabError;
pub use files::TargetFiles;
pub use image::Prepared;
pub use lab::{Lab, LabOptions};
pub use server::Server;

/// Takes lines of progress: what is being waited for, in words for a person. Called from any task.
pub type Progress<'a> = dyn Fn(&str) + Send + Sync + 'a;
