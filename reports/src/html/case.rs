//! A case on the page, and cases in groups.

use crate::digest;
use crate::outcomes::{Look, State, cell_word};
use crate::story::{self, Line};
use crate::text::{clean, condition, count, duration, href};
use model::{CaseResult, Finding, Results};
use std::borrow::Cow;

/// How many cases of a group are told in full.
const TOLD: usize = 3;

/// A case by name, and where more is said.
pub(super) struct Case {
    /// The anchor's number: its place in the results.
    pub(super) index: usize,
    pub(super) look: Look,
    pub(super) word: Cow<'static, str>,
    pub(super) id: String,
    pub(super) cell: String,
    pub(super) lines: Vec<Line>,
    pub(super) evidence: Option<Evidence>,
    pub(super) reproduce: String,
}

/// A file of the run folder.
pub(super) struct Evidence {
    pub(super) path: String,
    /// None where the path leads out of the run folder.
    pub(super) href: Option<String>,
}

impl Evidence {
    pub(super) fn of(case: &CaseResult) -> Option<Self> {
        case.evidence.as_deref().map(Self::at)
    }

    /// The file at a path of the run folder.
    pub(super) fn at(path: &str) -> Self {
        Self { path: clean(path), href: href(path) }
    }
}

impl Case {
    pub(super) fn of(index: usize, case: &CaseResult) -> Self {
        Self {
            index,
            look: State::of(case).look(),
            word: cell_word(case),
            id: clean(case.id.as_str()),
            cell: story::cell(case),
            lines: story::experience(case),
            evidence: Evidence::of(case),
            reproduce: clean(&case.reproduce),
        }
    }
}

/// One finding.
pub(super) struct Broken {
    pub(super) look: Look,
    pub(super) rule: String,
    pub(super) level: &'static str,
    pub(super) subject: &'static str,
    /// What is known of it, where something is.
    pub(super) known: Option<String>,
    pub(super) lines: Vec<Line>,
}

impl Broken {
    fn of(results: &Results, case: &CaseResult, finding: &Finding) -> Self {
        let known = results.expectation_for(case, finding);
        let state = match (known, finding.level) {
            (Some(_), _) => State::Known,
            (None, model::CheckLevel::Info) => State::Unsupported,
            (None, _) => State::Deviates,
        };
        Self {
            look: state.look(),
            rule: clean(&finding.rule),
            level: story::level(finding.level),
            subject: story::subject(finding.subject),
            known: known.map(|it| format!("{}: {}", condition(&it.condition), clean(&it.reason))),
            lines: story::about(finding),
        }
    }
}

/// Findings of one rule on one target.
pub(super) struct Group {
    pub(super) rule: String,
    pub(super) level: &'static str,
    pub(super) subject: &'static str,
    pub(super) target: String,
    pub(super) cites: String,
    pub(super) number: String,
    /// The first cases in full, each with its first finding and how many more it has.
    pub(super) told: Vec<(Case, Vec<Line>, usize)>,
    pub(super) more: Vec<Case>,
}

impl Group {
    pub(super) fn of(group: &digest::Group<'_>) -> Self {
        let (cases, findings) = (group.cases.len(), group.findings());
        let number = match findings {
            0 => count(cases, "case"),
            _ => format!("{} in {}", count(findings, "finding"), count(cases, "case")),
        };
        let told = group.cases.iter().take(TOLD).map(|(index, case, findings)| {
            let lines = findings.first().map(|finding| story::about(finding)).unwrap_or_default();
            // The group says what it cites.
            let lines = lines.into_iter().filter(|line| line.label != "cites").collect();
            (Case::of(*index, case), lines, findings.len().saturating_sub(1))
        });
        let more = group.cases.iter().skip(TOLD).map(|(index, case, _)| Case::of(*index, case));
        Self {
            rule: clean(group.rule.unwrap_or("no finding says why")),
            level: group.first.map(|finding| story::level(finding.level)).unwrap_or_default(),
            subject: group.first.map(|finding| story::subject(finding.subject)).unwrap_or_default(),
            target: clean(group.target),
            cites: group.first.map(|finding| clean(&finding.cites.join("; "))).unwrap_or_default(),
            number,
            told: told.collect(),
            more: more.collect(),
        }
    }
}

/// Everything about one case.
pub(super) struct Detail {
    pub(super) case: Case,
    pub(super) time: String,
    pub(super) checks: Vec<String>,
    pub(super) findings: Vec<Broken>,
}

/// The cases of one scenario on one target.
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) details: Vec<Detail>,
}

/// Every case, by scenario and target.
pub(super) fn suites(results: &Results) -> Vec<Suite> {
    let mut suites: Vec<(String, Vec<(usize, &CaseResult)>)> = Vec::new();
    for (index, case) in results.cases.iter().enumerate() {
        let name = clean(&format!("{} @ {}", case.scenario, case.target));
        match suites.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cases)) => cases.push((index, case)),
            None => suites.push((name, vec![(index, case)])),
        }
    }
    let suite = |(name, cases): (String, Vec<(usize, &CaseResult)>)| {
        let states = State::ALL.iter().filter_map(|state| {
            let number = cases.iter().filter(|(_, case)| State::of(case) == *state).count();
            (number > 0).then(|| format!("{number} {}", state.look().word))
        });
        let about = states.collect::<Vec<_>>().join(", ");
        let details = cases.iter().map(|(index, case)| detail(results, *index, case)).collect();
        Suite { name, about, details }
    };
    suites.into_iter().map(suite).collect()
}

fn detail(results: &Results, index: usize, case: &CaseResult) -> Detail {
    Detail {
        case: Case::of(index, case),
        time: duration(case.millis),
        checks: case.checks.iter().map(|(rule, number)| format!("{} {number}×", clean(rule))).collect(),
        findings: case.findings.iter().map(|finding| Broken::of(results, case, finding)).collect(),
    }
}
