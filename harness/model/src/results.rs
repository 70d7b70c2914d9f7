//! `results.json` and its journal `results.jsonl`: the file everything else reads.

use crate::case::{Axes, CaseId};
use crate::discovery::Discovery;
use crate::expectation::{Condition, ExpectationState, ExpectedOutcome};
use crate::frame::Frame;
use crate::outcome::{CheckLevel, Finding, Outcome, Verdict};
use crate::plan::{LeftOut, Plan, PlannedCase};
use crate::software::SoftwareResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of `results.json`; fields are added, never renamed.
pub const SCHEMA: u32 = 1;

/// About the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunInfo {
    /// The run's id, also the label of its containers.
    pub id: String,
    /// The version of countersign.
    pub version: String,
    /// When it started, RFC 3339, UTC.
    pub started: String,
    /// The seed of everything that was chosen at random and need not be secret.
    pub seed: u64,
    /// The command line.
    pub command: String,
}

/// Whether a target could be brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetState {
    /// It answered a NEGOTIATE.
    Ready,
    /// It could not be brought up.
    Failed,
    /// It was left out; `why` says why, and how to get it where it can be had.
    Omitted,
}

/// What became of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetResult {
    /// Its slug.
    pub id: String,
    /// What a person calls it.
    pub title: String,
    /// Whether it came up.
    pub state: TargetState,
    /// Why not, where it did not.
    pub why: Option<String>,
    /// The version it says it is.
    pub version: Option<String>,
    /// The image it ran from.
    pub image: Option<String>,
    /// What it was seen to do, beside what is claimed of it: one for every run that was merged into this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discovery: Vec<Discovery>,
}

impl TargetResult {
    /// One that is in this state, for this reason, and of which nothing else is known.
    #[must_use]
    pub fn of(id: &str, title: &str, state: TargetState, why: Option<String>) -> Self {
        let (id, title) = (id.to_owned(), title.to_owned());
        Self { id, title, state, why, version: None, image: None, discovery: Vec::new() }
    }
}

/// What became of a known deviation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExpectationResult {
    /// The target's slug.
    pub target: String,
    /// The rule's id.
    pub rule: String,
    /// In which cases.
    pub condition: Condition,
    /// In which of them not after all: there the target's own folder says what becomes of the pair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<Condition>,
    /// The outcome it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ExpectedOutcome>,
    /// What the finding says there was instead, where it is about that alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// Why it is so.
    pub reason: String,
    /// Where it is discussed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What became of it.
    pub state: ExpectationState,
}

/// The verdict after expectations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Conforms, is declared unsupported, or deviates only as known.
    Expected,
    /// Anything else.
    Unexpected,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseResult {
    /// `SCENARIO/axis=value,...@TARGET`.
    pub id: CaseId,
    /// The scenario's slug.
    pub scenario: String,
    /// The target's slug.
    pub target: String,
    /// The cell.
    pub axes: Axes,
    /// What is said of it.
    pub verdict: Verdict,
    /// The verdict after expectations.
    pub status: Status,
    /// Why it is inconclusive or unsupported.
    pub why: Option<String>,
    /// What should have happened; `null` where something was done wrong on purpose, and for a capture made elsewhere.
    pub predicted: Option<Outcome>,
    /// What happened; `null` where it is not known.
    pub outcome: Option<Outcome>,
    /// How often each rule was evaluated.
    pub checks: BTreeMap<String, u64>,
    /// What was wrong.
    pub findings: Vec<Finding>,
    /// The messages that the findings are about, and what led to them, decoded; a few, and only where there are findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// What the client made of it, where it is one that people run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<SoftwareResult>,
    /// The pcapng, relative to the run folder.
    pub evidence: Option<String>,
    /// The command that runs this case again.
    pub reproduce: String,
    /// How long it took, in milliseconds.
    pub millis: u64,
}

impl CaseResult {
    /// The result of a case of which nothing is known yet: inconclusive, and why.
    #[must_use]
    pub fn inconclusive(case: &PlannedCase, why: impl Into<String>) -> Self {
        Self {
            id: case.id.clone(),
            scenario: case.scenario.clone(),
            target: case.target.clone(),
            axes: case.axes.clone(),
            verdict: Verdict::Inconclusive,
            status: Status::Unexpected,
            why: Some(why.into()),
            predicted: case.predicted(),
            outcome: None,
            checks: BTreeMap::new(),
            findings: Vec::new(),
            frames: Vec::new(),
            software: None,
            evidence: None,
            reproduce: case.reproduce.clone(),
            millis: 0,
        }
    }

    /// The result of a case that its target declares it cannot run.
    #[must_use]
    pub fn unsupported(case: &PlannedCase, why: &str) -> Self {
        Self { verdict: Verdict::Unsupported, status: Status::Expected, ..Self::inconclusive(case, why) }
    }
}

/// The scenario of what was captured elsewhere.
pub const CAPTURE: &str = "capture";

/// How many cases have each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Conforming.
    pub conforms: u64,
    /// Deviating.
    pub deviates: u64,
    /// Declared unsupported.
    pub unsupported: u64,
    /// Not known.
    pub inconclusive: u64,
}

impl Summary {
    fn of(cases: &[CaseResult]) -> Self {
        let mut summary = Self::default();
        for case in cases {
            *match case.verdict {
                Verdict::Conforms => &mut summary.conforms,
                Verdict::Deviates => &mut summary.deviates,
                Verdict::Unsupported => &mut summary.unsupported,
                Verdict::Inconclusive => &mut summary.inconclusive,
            } += 1;
        }
        summary
    }
}

/// The content of `results.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// The version of this format.
    pub schema: u32,
    /// About the run.
    pub run: RunInfo,
    /// The targets.
    pub targets: Vec<TargetResult>,
    /// The clients that people run, and what became of them: a client is there, or is left out, as a target is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<TargetResult>,
    /// The known deviations.
    pub expectations: Vec<ExpectationResult>,
    /// Every planned case.
    pub cases: Vec<CaseResult>,
    /// What was not planned, as other cases show the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// How many cases have each verdict.
    pub summary: Summary,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalLine {
    /// A target's state is known.
    Target(TargetResult),
    /// The state of a client that people run is known.
    Client(TargetResult),
    /// A case ended.
    Case(Box<CaseResult>),
}

/// From which level on an unexpected finding fails the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailOn {
    /// MUST only.
    Must,
    /// SHOULD and MUST: what makes a case deviate.
    #[default]
    Should,
    /// Any finding.
    Any,
}

impl FailOn {
    /// Whether an unexpected finding of this level fails the run.
    #[must_use]
    pub fn fails(self, level: CheckLevel) -> bool {
        level >= self.level()
    }

    const fn level(self) -> CheckLevel {
        match self {
            Self::Must => CheckLevel::Must,
            Self::Should => CheckLevel::Should,
            Self::Any => CheckLevel::Info,
        }
    }
}

/// Of each id the last.
fn newest(all: Vec<TargetResult>) -> Vec<TargetResult> {
    let mut known: Vec<TargetResult> = Vec::new();
    for one in all {
        known.retain(|other| other.id != one.id);
        known.push(one);
    }
    known
}

impl Results {
    /// Puts a run together from its plan and what the journal holds. Every planned case appears: one the journal does
    /// not have is inconclusive. `targets` later in the list replace earlier ones with the same id.
    #[must_use]
    pub fn assemble(plan: &Plan, targets: Vec<TargetResult>, cases: Vec<CaseResult>) -> Self {
        let mut by_id: BTreeMap<CaseId, CaseResult> = cases.into_iter().map(|c| (c.id.clone(), c)).collect();
        let cases: Vec<CaseResult> = plan
            .selected()
            .map(|planned| {
                by_id.remove(&planned.id).unwrap_or_else(|| match &planned.unsupported {
                    Some(why) => CaseResult::unsupported(planned, why),
                    None => CaseResult::inconclusive(planned, "the run ended before this case did"),
                })
            })
            .collect();
        let mut known = newest(targets);
        for planned in &plan.targets {
            if !known.iter().any(|target| target.id == planned.id) {
                let why = Some("the run ended before it was up".to_owned());
                known.push(TargetResult::of(&planned.id, &planned.title, TargetState::Failed, why));
            }
        }
        known.sort_by(|a, b| a.id.cmp(&b.id));
        let expectations = expectations(plan, &cases);
        let results = Self::put_together(plan.run.clone(), known, expectations, cases);
        Self { left_out: plan.left_out.clone(), ..results }
    }

    /// The same with what became of the clients that people run; those later in the list replace earlier ones with the same id.
    #[must_use]
    pub fn with_clients(self, clients: Vec<TargetResult>) -> Self {
        let mut clients = newest(clients);
        clients.sort_by(|a, b| a.id.cmp(&b.id));
        Self { clients, ..self }
    }

    /// The results of what nobody planned: captures made elsewhere. Nothing is expected of them.
    #[must_use]
    pub fn unplanned(run: RunInfo, targets: Vec<TargetResult>, cases: Vec<CaseResult>) -> Self {
        Self::put_together(run, targets, Vec::new(), cases)
    }

    fn put_together(
        run: RunInfo,
        targets: Vec<TargetResult>,
        expectations: Vec<ExpectationResult>,
        cases: Vec<CaseResult>,
    ) -> Self {
        let summary = Summary::of(&cases);
        let (clients, left_out) = (Vec::new(), Vec::new());
        let mut results =
            Self { schema: SCHEMA, run, targets, clients, expectations, cases, left_out, summary };
        let statuses: Vec<Status> = results.cases.iter().map(|case| results.status(case)).collect();
        for (case, status) in results.cases.iter_mut().zip(statuses) {
            case.status = status;
        }
        results
    }

    /// The known deviation that a finding in a case is, where it is one.
    #[must_use]
    pub fn expectation_for(&self, case: &CaseResult, finding: &Finding) -> Option<&ExpectationResult> {
        self.expectations.iter().find(|expectation| {
            expectation.target == case.target
                && expectation.rule == finding.rule
                && expectation.condition.matches(&case.scenario, &case.axes)
                && !expectation.except.iter().any(|except| except.matches(&case.scenario, &case.axes))
                && expectation.outcome.as_ref().is_none_or(|pinned| pinned.matches(case.outcome.as_ref()))
                && expectation.got.as_ref().is_none_or(|got| *got == finding.got)
        })
    }

    /// The verdict of a case after expectations.
    fn status(&self, case: &CaseResult) -> Status {
        let expected = match case.verdict {
            Verdict::Conforms | Verdict::Unsupported => true,
            Verdict::Deviates => {
                let mut broken = case.findings.iter().filter(|finding| finding.level >= CheckLevel::Should);
                !unfounded(case) && broken.all(|finding| self.expectation_for(case, finding).is_some())
            }
            Verdict::Inconclusive => false,
        };
        if expected { Status::Expected } else { Status::Unexpected }
    }

    /// The exit status of the run: 1 deviation, also of what a target declares, fixed or stale expectation; 3 something
    /// inconclusive; 4 nothing
    /// planned; 0 all as expected. When several hold: 1, then 3.
    #[must_use]
    pub fn exit_status(&self, fail_on: FailOn) -> u8 {
        if self.cases.is_empty() {
            return 4;
        }
        let unexpected = self.cases.iter().any(|case| {
            let expected = |finding: &Finding| self.expectation_for(case, finding).is_some();
            unfounded(case) || case.findings.iter().any(|f| fail_on.fails(f.level) && !expected(f))
        });
        let dead = self
            .expectations
            .iter()
            .any(|e| matches!(e.state, ExpectationState::Fixed | ExpectationState::Stale));
        let seen = || self.targets.iter().flat_map(|target| &target.discovery);
        let contradicted = seen().flat_map(|it| &it.findings).any(|finding| fail_on.fails(finding.level));
        if unexpected || dead || contradicted {
            1
        } else if self.summary.inconclusive > 0 || seen().any(Discovery::is_open) {
            3
        } else {
            0
        }
    }
}

/// Whether `case` is said to deviate and nothing in it says why: then no expectation can be about it.
fn unfounded(case: &CaseResult) -> bool {
    case.verdict == Verdict::Deviates && case.findings.iter().all(|f| f.level < CheckLevel::Should)
}

fn expectations(plan: &Plan, cases: &[CaseResult]) -> Vec<ExpectationResult> {
    plan.expectations
        .iter()
        .map(|planned| {
            let expectation = &planned.expectation;
            let matching: Vec<&CaseResult> = cases
                .iter()
                .filter(|case| case.target == planned.target && planned.is_about(&case.scenario, &case.axes))
                .collect();
            let met = matching.iter().any(|case| {
                let is_it = |finding: &Finding| {
                    finding.rule == expectation.rule
                        && expectation.got.as_ref().is_none_or(|got| *got == finding.got)
                };
                case.findings.iter().any(is_it)
                    && expectation.outcome.as_ref().is_none_or(|it| it.matches(case.outcome.as_ref()))
            });
            let ended = matching
                .iter()
                .filter(|case| matches!(case.verdict, Verdict::Conforms | Verdict::Deviates))
                .count() as u64;
            let evaluated = matching.iter().any(|case| case.checks.contains_key(&expectation.rule));
            let state = if planned.matches == 0 {
                ExpectationState::Stale
            } else if met {
                ExpectationState::Met
            } else if ended >= planned.matches && evaluated {
                ExpectationState::Fixed
            } else {
                ExpectationState::NotRun
            };
            ExpectationResult {
                target: planned.target.clone(),
                rule: expectation.rule.clone(),
                condition: expectation.condition.clone(),
                except: planned.except.clone(),
                outcome: expectation.outcome.clone(),
                got: expectation.got.clone(),
                reason: expectation.reason.clone(),
                link: expectation.link.clone(),
                state,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
