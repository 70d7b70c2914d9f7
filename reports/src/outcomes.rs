//! The one table of outcomes: what each state is called and looks like, in the terminal, in HTML and in JUnit alike.
//!
//! A mark and a word always stand beside the colour: a report must read the same in monochrome.

use anstyle::{AnsiColor, Style};
use model::outcome::Kind;
use model::results::{Status, TargetState};
use model::{CaseResult, ExpectationState, Outcome, Verdict};
use std::borrow::Cow;

/// What JUnit says of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Junit {
    Success,
    Failure,
    Error,
    Skipped,
}

/// How something looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// One column wide.
    pub(crate) mark: &'static str,
    pub(crate) word: &'static str,
    pub(crate) style: Style,
    /// The CSS class; style.css has one rule for each.
    pub(crate) class: &'static str,
    pub(crate) junit: Junit,
}

/// What became of a case: its verdict and its status as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Conforms,
    /// Deviates as an expectation says.
    Known,
    /// Deviates otherwise.
    Deviates,
    Unsupported,
    Inconclusive,
}

impl State {
    pub(crate) const ALL: [Self; 5] =
        [Self::Conforms, Self::Known, Self::Deviates, Self::Unsupported, Self::Inconclusive];

    pub(crate) const fn of(case: &CaseResult) -> Self {
        match (case.verdict, case.status) {
            (Verdict::Inconclusive, _) => Self::Inconclusive,
            (_, Status::Unexpected) => Self::Deviates,
            (Verdict::Conforms, Status::Expected) => Self::Conforms,
            (Verdict::Deviates, Status::Expected) => Self::Known,
            (Verdict::Unsupported, Status::Expected) => Self::Unsupported,
        }
    }

    pub(crate) const fn look(self) -> Look {
        match self {
            Self::Conforms => look("✓", "conforms", GOOD, "good", Junit::Success),
            Self::Known => look("~", "deviates as expected", KNOWN, "known", Junit::Success),
            Self::Deviates => look("✗", "deviates", BAD, "bad", Junit::Failure),
            Self::Unsupported => look("–", "unsupported", QUIET, "quiet", Junit::Skipped),
            Self::Inconclusive => look("?", "inconclusive", UNSURE, "unsure", Junit::Error),
        }
    }
}

/// What was seen of a server and nobody claims.
pub(crate) const TARGET_KNOWN: Look = look("·", "seen", QUIET, "quiet", Junit::Success);
/// What was not asked, or not answered, and nobody claims.
pub(crate) const TARGET_OPEN: Look = look("–", "not known", QUIET, "quiet", Junit::Skipped);

/// The words of a case's cell: what the client experienced where that is known, else the verdict. A refusal says why,
/// and where no axis names the algorithm a signed session says with which. An outcome that is not the predicted one stands
/// beside that.
pub(crate) fn cell_word(case: &CaseResult) -> Cow<'static, str> {
    let (State::Conforms | State::Known | State::Deviates, Some(outcome)) = (State::of(case), &case.outcome)
    else {
        return Cow::Borrowed(State::of(case).look().word);
    };
    let with_algorithm = !case.axes.contains_key("algorithm");
    let observed = outcome_word(outcome, with_algorithm);
    match &case.predicted {
        Some(predicted) if !outcome.differences(predicted).is_empty() => {
            Cow::Owned(format!("{observed}, predicted {}", outcome_word(predicted, with_algorithm)))
        }
        _ => observed,
    }
}

fn outcome_word(outcome: &Outcome, with_algorithm: bool) -> Cow<'static, str> {
    let kind = outcome.kind.word();
    match (outcome.why, outcome.algorithm) {
        (Some(why), _) => Cow::Owned(format!("{kind}: {why}")),
        (None, Some(algorithm)) if outcome.kind == Kind::Signed && with_algorithm => {
            Cow::Owned(format!("{kind}: {algorithm}"))
        }
        _ => Cow::Borrowed(kind),
    }
}

/// How a target's state looks.
pub(crate) const fn target(state: TargetState) -> Look {
    match state {
        TargetState::Ready => look("✓", "ready", GOOD, "good", Junit::Success),
        TargetState::Failed => look("?", "failed", UNSURE, "unsure", Junit::Error),
        TargetState::Omitted => look("–", "omitted", QUIET, "quiet", Junit::Skipped),
    }
}

/// How an expectation's state looks, and what to do about it.
pub(crate) const fn expectation(state: ExpectationState) -> (Look, &'static str) {
    match state {
        ExpectationState::Met => {
            (look("~", "met", KNOWN, "known", Junit::Success), "the deviation was seen: keep it")
        }
        ExpectationState::Fixed => (
            look("✗", "fixed", BAD, "bad", Junit::Failure),
            "every case it is about ran to the end and the rule stayed silent: remove it",
        ),
        ExpectationState::Stale => (
            look("✗", "stale", BAD, "bad", Junit::Failure),
            "it matches no case of the catalogue: correct its condition or remove it",
        ),
        ExpectationState::NotRun => (
            look("–", "not run", QUIET, "quiet", Junit::Skipped),
            "not all of its cases ran to the end: nothing to do",
        ),
    }
}

const GOOD: Style = AnsiColor::Green.on_default();
const KNOWN: Style = AnsiColor::Cyan.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const UNSURE: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();

const fn look(
    mark: &'static str,
    word: &'static str,
    style: Style,
    class: &'static str,
    junit: Junit,
) -> Look {
    Look { mark, word, style, class, junit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn states_differ_in_monochrome() {
        let looks = State::ALL.map(State::look);
        assert!(looks.iter().all(|look| look.mark.chars().count() == 1));
        assert_eq!(looks.iter().map(|look| look.mark).collect::<BTreeSet<_>>().len(), looks.len());
        assert_eq!(looks.iter().map(|look| look.word).collect::<BTreeSet<_>>().len(), looks.len());
        assert_eq!(looks.iter().map(|look| look.class).collect::<BTreeSet<_>>().len(), looks.len());
    }

    #[test]
    fn only_what_was_measured_and_expected_passes() {
        let passed = State::ALL.into_iter().filter(|state| state.look().junit == Junit::Success);
        assert_eq!(passed.collect::<Vec<_>>(), [State::Conforms, State::Known]);
    }
}
