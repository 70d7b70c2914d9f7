//! The rows of the smaller tables and lists of the page.

use super::case::Case;
use crate::digest;
use crate::outcomes::{self, Look, State};
use crate::text::{clean, count, known_for};
use model::results::{ExpectationResult, TargetResult};
use model::{CaseResult, Results};

/// How many cases are in a state.
pub(super) struct Tile {
    pub(super) look: Look,
    pub(super) number: usize,
}

/// A target.
pub(super) struct Target {
    pub(super) look: Look,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) version: String,
    pub(super) image: String,
    pub(super) why: String,
}

/// A known deviation.
pub(super) struct Expectation {
    pub(super) look: Look,
    pub(super) advice: &'static str,
    pub(super) target: String,
    pub(super) rule: String,
    pub(super) when: String,
    pub(super) reason: String,
    pub(super) link: Option<String>,
    pub(super) seen: usize,
    /// The first case in which it was seen.
    pub(super) first: Option<usize>,
}

/// Why cases are in a state.
pub(super) struct Reason {
    pub(super) look: Look,
    pub(super) target: String,
    pub(super) why: String,
    pub(super) number: String,
    pub(super) cases: Vec<Case>,
}

/// A rule and how often it was evaluated.
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) checks: u64,
    pub(super) cases: usize,
    pub(super) known: usize,
    pub(super) unexpected: usize,
    pub(super) notes: usize,
}

impl Target {
    pub(super) fn of(target: &TargetResult) -> Self {
        let text = |text: &Option<String>| text.as_deref().map(clean).unwrap_or_default();
        Self {
            look: outcomes::target(target.state),
            id: clean(&target.id),
            title: clean(&target.title),
            version: text(&target.version),
            image: text(&target.image),
            why: text(&target.why),
        }
    }
}

impl Expectation {
    pub(super) fn of(results: &Results, known: &ExpectationResult) -> Self {
        let (look, advice) = outcomes::expectation(known.state);
        let about = |case: &CaseResult| {
            case.target == known.target
                && known.condition.matches(&case.scenario, &case.axes)
                && case.findings.iter().any(|finding| {
                    finding.rule == known.rule && known.got.as_ref().is_none_or(|got| *got == finding.got)
                })
        };
        let seen: Vec<usize> = results
            .cases
            .iter()
            .enumerate()
            .filter(|(_, case)| about(case))
            .map(|(index, _)| index)
            .collect();
        Self {
            look,
            advice,
            target: clean(&known.target),
            rule: clean(&known.rule),
            when: known_for(known),
            reason: clean(&known.reason),
            // Anything but a web address would be a link that does something.
            link: known
                .link
                .as_deref()
                .filter(|it| it.starts_with("https://") || it.starts_with("http://"))
                .map(clean),
            seen: seen.len(),
            first: seen.first().copied(),
        }
    }
}

impl Reason {
    pub(super) fn of(state: State, reason: &digest::Reason<'_>) -> Self {
        Self {
            look: state.look(),
            target: clean(reason.target),
            why: clean(reason.why),
            number: count(reason.cases.len(), "case"),
            cases: reason.cases.iter().map(|(index, case)| Case::of(*index, case)).collect(),
        }
    }
}

pub(super) fn rules(results: &Results) -> Vec<Rule> {
    let rules = digest::rules(results).into_iter().map(|(id, count)| Rule {
        id: clean(id),
        checks: count.checks,
        cases: count.cases,
        known: count.known,
        unexpected: count.unexpected,
        notes: count.notes,
    });
    rules.collect()
}
