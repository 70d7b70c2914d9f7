//! Several runs as one: shards of one plan, or the same server under one setting after the other.

use crate::case::CaseId;
use crate::outcome::Verdict;
use crate::plan::{LeftOut, Plan, PlannedCase, PlannedTarget};
use crate::results::{CaseResult, TargetResult, TargetState};
use std::collections::{BTreeMap, BTreeSet};

/// A run: its plan, and what its journal holds.
#[derive(Debug, Clone)]
pub struct Part {
    /// The plan.
    pub plan: Plan,
    /// What became of the targets.
    pub targets: Vec<TargetResult>,
    /// What became of the clients that people run.
    pub clients: Vec<TargetResult>,
    /// What became of the cases.
    pub cases: Vec<CaseResult>,
}

/// Runs as one.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The plan of all of them under the first one's name, and what became of it.
    pub part: Part,
    /// Which run, by its place, each case's evidence is in.
    pub from: BTreeMap<CaseId, usize>,
}

/// Why runs cannot be one. Displays what is different.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is no run to merge")]
    Nothing,
    /// A server that is somebody's is another one, or cannot be told from another.
    #[error("{run} is of another server: the ServerGuid of {target} is {other} there, and {guid} in {first}")]
    OtherServer {
        /// The target.
        target: String,
        /// The first run.
        first: String,
        /// Its ServerGuid.
        guid: String,
        /// The run that does not fit.
        run: String,
        /// The ServerGuid there.
        other: String,
    },
    /// A target is one of ours in one run and somebody's in another.
    #[error("{target} is a server by its address in one run, and one that was brought up in {run}")]
    OtherKind {
        /// The target.
        target: String,
        /// The run that does not fit.
        run: String,
    },
    /// The same case is another one.
    #[error(
        "the case {id} is another one in {run}: the runs were made with other scenarios or another target file"
    )]
    OtherCase {
        /// The case.
        id: CaseId,
        /// The run that does not fit.
        run: String,
    },
}

/// Puts runs together, the older ones first; what the plan has and none of them took is inconclusive. Of a case that is in several what was measured counts more than what was not, and
/// then the later more than the earlier.
///
/// # Errors
/// See [`MergeError`].
pub fn merge(parts: Vec<Part>) -> Result<Merged, MergeError> {
    let mut all = parts.into_iter().enumerate();
    let Some((_, first)) = all.next() else { return Err(MergeError::Nothing) };
    let mut from: BTreeMap<CaseId, usize> = first.cases.iter().map(|case| (case.id.clone(), 0)).collect();
    let mut into = first;
    for (place, part) in all {
        same_servers(&into, &part)?;
        add(&mut into, &mut from, place, part)?;
    }
    uncovered(&mut into);
    Ok(Merged { part: into, from })
}

/// Shards are parts of one plan: a case of it that no shard took is not known, and never left out.
fn uncovered(into: &mut Part) {
    let taken: BTreeSet<CaseId> = into.plan.shard.iter().cloned().collect();
    for case in into.plan.cases.iter().filter(|case| !taken.contains(&case.id)) {
        let result = match &case.unsupported {
            Some(why) => CaseResult::unsupported(case, why),
            None => CaseResult::inconclusive(
                case,
                "none of the runs that were merged took it: a shard is missing",
            ),
        };
        into.cases.push(result);
        into.plan.shard.push(case.id.clone());
    }
}

/// The ServerGuid that every discovery of a target saw.
fn guid(targets: &[TargetResult], id: &str) -> Option<String> {
    let target = targets.iter().rfind(|target| target.id == id)?;
    let all: BTreeSet<&Option<String>> = target.discovery.iter().map(|seen| &seen.server_guid).collect();
    match all.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => (*one).clone(),
        _ => None,
    }
}

fn same_servers(into: &Part, part: &Part) -> Result<(), MergeError> {
    for target in &part.plan.targets {
        let Some(known) = into.plan.targets.iter().find(|known| known.id == target.id) else { continue };
        let run = part.plan.run.id.clone();
        match (&known.external, &target.external) {
            (None, None) => {}
            (Some(_), Some(_)) => {
                let (own, other) = (guid(&into.targets, &target.id), guid(&part.targets, &target.id));
                if own.is_none() || own != other {
                    let word = |guid: Option<String>| guid.unwrap_or_else(|| "not known".to_owned());
                    return Err(MergeError::OtherServer {
                        target: target.id.clone(),
                        first: into.plan.run.id.clone(),
                        guid: word(own),
                        run,
                        other: word(other),
                    });
                }
            }
            _ => return Err(MergeError::OtherKind { target: target.id.clone(), run }),
        }
    }
    Ok(())
}

fn add(
    into: &mut Part,
    from: &mut BTreeMap<CaseId, usize>,
    place: usize,
    part: Part,
) -> Result<(), MergeError> {
    let run = part.plan.run.id.clone();
    let mut results: BTreeMap<CaseId, CaseResult> =
        part.cases.into_iter().map(|case| (case.id.clone(), case)).collect();
    let mut places: BTreeMap<CaseId, usize> =
        into.plan.cases.iter().enumerate().map(|(at, case)| (case.id.clone(), at)).collect();
    let chosen: BTreeSet<CaseId> = part.plan.shard.iter().cloned().collect();
    for planned in part.plan.cases {
        let known = places.get(&planned.id).and_then(|at| into.plan.cases.get_mut(*at));
        let result = results.remove(&planned.id);
        match known {
            None => {
                places.insert(planned.id.clone(), into.plan.cases.len());
                from.extend(result.as_ref().map(|result| (result.id.clone(), place)));
                into.cases.extend(result);
                into.plan.cases.push(planned);
            }
            Some(known) => {
                if !is_the_same(known, &planned) {
                    return Err(MergeError::OtherCase { id: planned.id, run });
                }
                let Some(result) = result else { continue };
                let before = into.cases.iter_mut().rfind(|case| case.id == result.id);
                match before {
                    Some(before) if is_measured(before) && !is_measured(&result) => {}
                    Some(before) => {
                        from.insert(result.id.clone(), place);
                        *before = result;
                        *known = planned;
                    }
                    None => {
                        from.insert(result.id.clone(), place);
                        into.cases.push(result);
                        *known = planned;
                    }
                }
            }
        }
    }
    let known: BTreeSet<CaseId> = into.plan.shard.iter().cloned().collect();
    into.plan.shard.extend(chosen.into_iter().filter(|id| !known.contains(id)));
    for planned in part.plan.expectations {
        let same = |known: &crate::plan::PlannedExpectation| {
            known.target == planned.target && known.expectation == planned.expectation
        };
        match into.plan.expectations.iter_mut().find(|known| same(known)) {
            Some(known) => known.matches = known.matches.max(planned.matches),
            None => into.plan.expectations.push(planned),
        }
    }
    LeftOut::extend(&mut into.plan.left_out, part.plan.left_out);
    into.plan.texts.extend(part.plan.texts);
    for target in part.plan.targets {
        if !into.plan.targets.iter().any(|known| known.id == target.id) {
            into.plan.targets.push(target);
        }
    }
    for target in &mut into.plan.targets {
        step_done(target);
    }
    for (known, others) in [(&mut into.targets, part.targets), (&mut into.clients, part.clients)] {
        for other in others {
            match known.iter_mut().rfind(|known| known.id == other.id) {
                Some(known) => join(known, other),
                None => known.push(other),
            }
        }
    }
    Ok(())
}

/// A merged run is of no one setting.
fn step_done(target: &mut PlannedTarget) {
    if let Some(external) = &mut target.external {
        external.step.clear();
    }
}

/// Whether two entries of plans are of one case: what the operator allowed, and the command that runs it again, may differ.
fn is_the_same(known: &PlannedCase, other: &PlannedCase) -> bool {
    let other = PlannedCase {
        unsupported: known.unsupported.clone(),
        reproduce: known.reproduce.clone(),
        ..other.clone()
    };
    *known == other
}

const fn is_measured(case: &CaseResult) -> bool {
    matches!(case.verdict, Verdict::Conforms | Verdict::Deviates)
}

/// What is known of a target, or of a client, in two runs.
fn join(known: &mut TargetResult, other: TargetResult) {
    let mut discovery = std::mem::take(&mut known.discovery);
    let own: BTreeSet<String> = discovery.iter().map(|seen| seen.run.clone()).collect();
    discovery.extend(other.discovery.iter().filter(|seen| !own.contains(&seen.run)).cloned());
    // One that did not come up in one of them is one that did not.
    if known.state != TargetState::Failed || other.state == TargetState::Failed {
        let omitted = other.state == TargetState::Omitted && known.state == TargetState::Ready;
        if !omitted {
            *known = other;
        }
    }
    known.discovery = discovery;
}

#[cfg(test)]
mod tests;
