//! What `run` and `qualify` are told alike.

use super::FailOn;
use clap::Args;
use std::path::PathBuf;

/// Which cases, how, and what becomes of them.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    /// One case by its id, as results and reports give it; repeat for several
    #[arg(long, value_name = "ID")]
    pub(crate) case: Vec<String>,

    /// Read the scenarios from this directory instead of those built in
    #[arg(long = "scenarios", value_name = "DIR")]
    pub(crate) scenarios_dir: Option<PathBuf>,

    /// The run folder to create [default: countersign-runs/ and the run's id]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// How many cases run at the same time
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,

    /// From which level on an unexpected finding fails the run
    #[arg(long, value_enum, default_value_t = FailOn::Should)]
    pub(crate) fail_on: FailOn,

    /// Draft expectations for what nobody expected, into drafts/ of the run folder, for review: the reason of each is still
    /// to be written, and none is read without
    #[arg(long)]
    pub(crate) write_expectations: bool,

    /// The seed of file names and client GUIDs, to get the same ones again [default: random]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// How long to wait for one answer, in seconds, before its case is inconclusive
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) timeout: u16,
}
