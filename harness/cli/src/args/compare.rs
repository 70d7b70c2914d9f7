//! The arguments of what takes several runs: `diff` and `merge`.

use super::FailOn;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Show what is different between two runs: what appeared, vanished and changed.
///
/// Exit status 1 where something is worse: a case that was as expected and is not, one that was measured and is not any
/// more, a rule that is broken and was not, a capability that is lost, a target that does not come up.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The older run: its folder, or its results.json
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,

    /// The newer run
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,

    /// How to show it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal
    Text,
    /// For programs
    Json,
    /// For a merge request
    Markdown,
}

/// Make one run of several: shards of one plan, or one server under several settings.
///
/// Runs of a server by its address are merged where its ServerGuid is the same in all. Of a case that is in several, what was
/// measured counts more than what was not, and then the later more than the earlier.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The run folder to create
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,

    /// The run folders, the older ones first
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<PathBuf>,

    /// From which level on an unexpected finding fails
    #[arg(long, value_enum, default_value_t = FailOn::Should)]
    pub(crate) fail_on: FailOn,
}
