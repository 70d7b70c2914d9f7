//! Exit statuses.

use std::process::ExitCode;

/// How a command ended. When several hold: usage, then a deviation, then something inconclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all as expected.
    Expected,
    /// 1: a deviation, or a fixed or stale expectation.
    Deviation,
    /// 2: usage or configuration.
    Usage,
    /// 3: something inconclusive.
    Inconclusive,
    /// 4: the plan is empty.
    Empty,
    /// 130: SIGINT.
    Interrupted,
    /// 143: SIGTERM.
    Terminated,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Expected => 0,
            Exit::Deviation => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::Empty => 4,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        })
    }
}

impl Exit {
    /// The status of assembled results.
    pub(crate) fn of(results: &model::Results, fail_on: model::results::FailOn) -> Self {
        match results.exit_status(fail_on) {
            0 => Self::Expected,
            1 => Self::Deviation,
            4 => Self::Empty,
            _ => Self::Inconclusive,
        }
    }
}

/// A command that could not do its work: one message that says what to do, and the exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    /// Usage or configuration: exit 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// The harness or its environment failed: exit 3, because nothing is known.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self { exit: Exit::Inconclusive, message: message.into() }
    }

    /// The plan is empty: exit 4.
    pub(crate) fn empty(message: impl Into<String>) -> Self {
        Self { exit: Exit::Empty, message: message.into() }
    }
}
