//! What is different between two runs: what appeared, what vanished, what changed, and what of it is worse.

use crate::case::CaseId;
use crate::expectation::ExpectationState;
use crate::outcome::{CheckLevel, Outcome, Verdict};
use crate::results::{CaseResult, Results, RunInfo, SCHEMA, Status, TargetResult, TargetState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Whether something is worse than it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Worse.
    Worse,
    /// Other, and neither better nor worse.
    Other,
    /// Better.
    Better,
}

/// A case as it stands in one of two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseState {
    /// Its verdict.
    pub verdict: Verdict,
    /// That after expectations.
    pub status: Status,
    /// What the client experienced, in one line.
    pub outcome: Option<String>,
    /// The rules that are broken, of level SHOULD and MUST.
    pub rules: BTreeSet<String>,
    /// Why it is inconclusive or unsupported.
    pub why: Option<String>,
}

/// A case that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseChange {
    /// The case.
    pub id: CaseId,
    /// Its target.
    pub target: String,
    /// Whether it is worse.
    pub turn: Turn,
    /// What it was; nothing where it was not there.
    pub old: Option<CaseState>,
    /// What it is; nothing where it is not there any more.
    pub new: Option<CaseState>,
}

/// Something about a target, or one of its known deviations, that is not the same in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The target.
    pub target: String,
    /// What it is about, such as `version` or `dialect/2.1`.
    pub what: String,
    /// Whether it is worse.
    pub turn: Turn,
    /// What it was.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

/// Everything that is different between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The version of this format.
    pub schema: u32,
    /// About the older run.
    pub old: RunInfo,
    /// About the newer run.
    pub new: RunInfo,
    /// Targets and known deviations.
    pub targets: Vec<Change>,
    /// Cases, those that are worse first.
    pub cases: Vec<CaseChange>,
    /// How many cases are the same in both.
    pub same: u64,
}

impl Diff {
    /// What is different in `new`.
    ///
    /// Worse is: a case that was as expected and is not, one that was measured and is not any more, a rule that is broken
    /// and was not, unless that is known of the target; a target that does not come up; a capability that is lost; a known
    /// deviation that is fixed or stale. What is only known of the target now is other.
    #[must_use]
    pub fn of(old: &Results, new: &Results) -> Self {
        let by_id = |results: &'_ Results| -> BTreeMap<CaseId, CaseResult> {
            results.cases.iter().map(|case| (case.id.clone(), case.clone())).collect()
        };
        let (before, after) = (by_id(old), by_id(new));
        let ids: BTreeSet<&CaseId> = before.keys().chain(after.keys()).collect();
        let mut cases: Vec<CaseChange> = Vec::new();
        let mut same = 0;
        for id in ids {
            let (old_case, new_case) = (before.get(id), after.get(id));
            let (old, new) = (old_case.map(state), new_case.map(state));
            if is_same(old.as_ref(), new.as_ref()) {
                same += 1;
                continue;
            }
            let target = old_case.or(new_case).map(|case| case.target.clone()).unwrap_or_default();
            cases.push(CaseChange {
                id: id.clone(),
                target,
                turn: turn(old.as_ref(), new.as_ref()),
                old,
                new,
            });
        }
        cases.sort_by(|a, b| (a.turn, &a.target, &a.id).cmp(&(b.turn, &b.target, &b.id)));
        let mut targets = targets(old, new);
        targets.extend(expectations(old, new));
        targets.sort_by(|a, b| (a.turn, &a.target, &a.what).cmp(&(b.turn, &b.target, &b.what)));
        Self { schema: SCHEMA, old: old.run.clone(), new: new.run.clone(), targets, cases, same }
    }

    /// Whether anything got worse.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        let turns = self.cases.iter().map(|it| it.turn).chain(self.targets.iter().map(|it| it.turn));
        turns.into_iter().any(|turn| turn == Turn::Worse)
    }
}

fn state(case: &CaseResult) -> CaseState {
    let broken = case.findings.iter().filter(|finding| finding.level >= CheckLevel::Should);
    CaseState {
        verdict: case.verdict,
        status: case.status,
        outcome: case.outcome.as_ref().map(Outcome::line),
        rules: broken.map(|finding| finding.rule.clone()).collect(),
        why: case.why.clone(),
    }
}

/// Whether nothing changed that says something of the server: why a case is inconclusive may be another thing every time.
fn is_same(old: Option<&CaseState>, new: Option<&CaseState>) -> bool {
    fn told(state: &CaseState) -> (Verdict, Status, &Option<String>, &BTreeSet<String>) {
        (state.verdict, state.status, &state.outcome, &state.rules)
    }
    old.map(told) == new.map(told)
}

/// How far a case is from being measured and as expected.
fn rank(state: &CaseState) -> u8 {
    match (state.verdict, state.status) {
        (Verdict::Conforms, _) | (Verdict::Deviates, Status::Expected) => 0,
        (Verdict::Unsupported, _) => 1,
        (Verdict::Inconclusive, _) => 2,
        (Verdict::Deviates, Status::Unexpected) => 3,
    }
}

fn turn(old: Option<&CaseState>, new: Option<&CaseState>) -> Turn {
    match (old, new) {
        // A case that was measured and is not there proves nothing any more.
        (Some(old), None) => {
            if rank(old) == 0 {
                Turn::Worse
            } else {
                Turn::Other
            }
        }
        (None, Some(new)) => {
            if rank(new) > 1 {
                Turn::Worse
            } else {
                Turn::Other
            }
        }
        (None, None) => Turn::Other,
        (Some(old), Some(new)) => match rank(new).cmp(&rank(old)) {
            std::cmp::Ordering::Greater => Turn::Worse,
            std::cmp::Ordering::Less => Turn::Better,
            std::cmp::Ordering::Equal if rank(new) == 3 && !new.rules.is_subset(&old.rules) => Turn::Worse,
            std::cmp::Ordering::Equal if rank(new) == 3 && new.rules != old.rules => Turn::Better,
            std::cmp::Ordering::Equal => Turn::Other,
        },
    }
}

fn targets(old: &Results, new: &Results) -> Vec<Change> {
    let mut all = Vec::new();
    let ids: BTreeSet<&String> = old.targets.iter().chain(&new.targets).map(|target| &target.id).collect();
    for id in ids {
        let of = |results: &'_ Results| results.targets.iter().find(|target| target.id == *id).cloned();
        let (old, new) = (of(old), of(new));
        let state = |target: &TargetResult| match target.state {
            TargetState::Ready => "ready",
            TargetState::Failed => "failed",
            TargetState::Omitted => "omitted",
        };
        let mut change = |what: &str, old: Option<String>, new: Option<String>, turn: Turn| {
            if old != new {
                all.push(Change { target: id.clone(), what: what.to_owned(), turn, old, new });
            }
        };
        let (was, is) = (old.as_ref().map(state), new.as_ref().map(state));
        let turn = match (was, is) {
            (Some("ready"), Some(_)) | (None, Some("failed")) => Turn::Worse,
            (Some(_), Some("ready")) => Turn::Better,
            _ => Turn::Other,
        };
        change("state", was.map(str::to_owned), is.map(str::to_owned), turn);
        let (Some(old), Some(new)) = (old, new) else { continue };
        change("version", old.version.clone(), new.version.clone(), Turn::Other);
        // What two runs ask can differ; only what both know is compared.
        let (before, after) = (seen(&old), seen(&new));
        for (capability, was) in &before {
            let Some(is) = after.get(capability) else { continue };
            let turn = match (was.as_str(), is.as_str()) {
                ("yes", "no") => Turn::Worse,
                ("no", "yes") => Turn::Better,
                _ => Turn::Other,
            };
            change(capability, Some(was.clone()), Some(is.clone()), turn);
        }
    }
    all
}

/// What was seen of a target: of several discoveries the last counts.
fn seen(target: &TargetResult) -> BTreeMap<String, String> {
    let all = target.discovery.iter().flat_map(|it| &it.capabilities);
    all.filter_map(|it| Some((it.id.clone(), it.observed.clone()?))).collect()
}

fn expectations(old: &Results, new: &Results) -> Vec<Change> {
    let word = |state: ExpectationState| match state {
        ExpectationState::Met => "met",
        ExpectationState::Fixed => "fixed",
        ExpectationState::Stale => "stale",
        ExpectationState::NotRun => "not-run",
    };
    let all = |results: &'_ Results| -> BTreeMap<(String, String), ExpectationState> {
        let key = |it: &crate::results::ExpectationResult| {
            let got = it.got.as_ref().map(|got| format!(", got {got}")).unwrap_or_default();
            (it.target.clone(), format!("expectation of {} for {}{got}", it.rule, it.condition))
        };
        results.expectations.iter().map(|it| (key(it), it.state)).collect()
    };
    let (before, after) = (all(old), all(new));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
    let mut changes = Vec::new();
    for (target, what) in keys {
        let key = (target.clone(), what.clone());
        let (was, is) = (before.get(&key).copied(), after.get(&key).copied());
        if was == is {
            continue;
        }
        let turn = match is {
            Some(ExpectationState::Fixed | ExpectationState::Stale) => Turn::Worse,
            _ => Turn::Other,
        };
        let (old, new) = (was.map(|it| word(it).to_owned()), is.map(|it| word(it).to_owned()));
        changes.push(Change { target, what, turn, old, new });
    }
    changes
}

#[cfg(test)]
mod tests;
