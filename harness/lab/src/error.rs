//! What can go wrong in the lab, typed to the case.

use std::io;

/// Why a target could not be brought up. Every message completes "failed to ..." and says how to mend it where that is
/// known.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The target needs an engine and there is none.
    #[error("bring up {target}: {why}")]
    NoEngine {
        /// The target.
        target: String,
        /// What [`crate::Lab::engine`] said.
        why: String,
    },
    /// The target cannot be set to this policy.
    #[error("set {target} to this policy: {what}; declare it under [[unsupported]] in its target.toml")]
    CannotBeSetTo {
        /// The target.
        target: String,
        /// What it cannot be set to.
        what: String,
    },
    /// The target's folder lacks a file, or holds one that cannot be used.
    #[error("use the folder of {target}: {file}: {what}")]
    Files {
        /// The target.
        target: String,
        /// The file in its folder.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// The base image is not here, cannot be pulled and cannot be made.
    #[error(
        "get the base image {image}: {why}; `docker load` it or see containers/base/README.md{}",
        tail(log)
    )]
    Base {
        /// Its tag.
        image: String,
        /// The last obstacle.
        why: String,
        /// What the attempts printed, whole.
        log: String,
    },
    /// The image of a target cannot be built.
    #[error("build the image of {target}: {why}{}", tail(log))]
    Build {
        /// The target.
        target: String,
        /// What the engine said.
        why: String,
        /// What the build printed, whole.
        log: String,
    },
    /// A container or an embedded server cannot be started.
    #[error("start {target}: {why}")]
    Start {
        /// The target.
        target: String,
        /// The obstacle.
        why: String,
    },
    /// A server started, and does not answer a NEGOTIATE.
    #[error("get an answer from {target}: {why}{}", tail(log))]
    NotReady {
        /// The target.
        target: String,
        /// What happened instead.
        why: String,
        /// What it logged, whole.
        log: String,
    },
    /// What was prepared belongs to another target than what it is to be started as.
    #[error("start {target}: what was prepared is {prepared}")]
    Mismatch {
        /// The target of the policy.
        target: String,
        /// The target that was prepared.
        prepared: String,
    },
    /// A directory of a target cannot be read.
    #[error("read {path}: {error}")]
    Read {
        /// The path.
        path: String,
        /// What the system said.
        error: io::Error,
    },
}

impl LabError {
    /// Everything that was printed on the way to this error, where something was.
    #[must_use]
    pub fn log(&self) -> Option<&str> {
        match self {
            Self::Base { log, .. } | Self::Build { log, .. } | Self::NotReady { log, .. } => Some(log),
            _ => None,
        }
    }
}

/// The end of a log, as a paragraph of its own.
fn tail(log: &str) -> String {
    const LINES: usize = 20;
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    last.iter().map(|line| format!("\n  | {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_with_the_end_of_the_log() {
        let log: String = (1..=100).map(|n| format!("line {n}\n")).collect();
        let error = LabError::Build { target: "t".to_owned(), why: "it failed".to_owned(), log };
        let message = error.to_string();
        assert!(message.starts_with("build the image of t: it failed\n  | line 81\n"), "{message}");
        assert!(message.ends_with("| line 100"), "{message}");
    }
}
