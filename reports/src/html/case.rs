//! A case on the page, and findings in groups.

use super::frame::{Shown, marks};
use crate::digest;
use crate::glossary::Glossary;
use crate::outcomes::{Look, State};
use crate::story::{self, Line};
use crate::text::{clean, count, href};
use model::{CaseResult, Results};

/// How many cases of a group are told in full.
const TOLD: usize = 2;
/// How many more are named.
const NAMED: usize = 20;

/// A case by name, and where more is said.
pub(super) struct Case {
    /// The anchor's number: its place in the results.
    pub(super) index: usize,
    pub(super) id: String,
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
    /// The file at a path of the run folder.
    pub(super) fn at(path: &str) -> Self {
        Self { path: clean(path), href: href(path) }
    }
}

impl Case {
    pub(super) fn of(index: usize, case: &CaseResult) -> Self {
        Self {
            index,
            id: clean(case.id.as_str()),
            lines: story::experience(case),
            evidence: case.evidence.as_deref().map(Evidence::at),
            reproduce: clean(&case.reproduce),
        }
    }
}

/// A case with what was found in it.
pub(super) struct Told {
    pub(super) case: Case,
    pub(super) lines: Vec<Line>,
    /// How many more findings of the group it has.
    pub(super) more: usize,
    /// The messages the first finding is about; of the first case of a group alone.
    pub(super) frames: Vec<Shown>,
}

/// Findings of one rule on one target, or of one client.
pub(super) struct Group {
    pub(super) look: Look,
    pub(super) rule: String,
    pub(super) level: &'static str,
    pub(super) subject: String,
    /// Whose it is: `on nas`, or `of tool-1.2 on nas`.
    pub(super) place: String,
    pub(super) cites: String,
    pub(super) number: String,
    /// What it means: labels, and texts in runs of which some are code.
    pub(super) meaning: Vec<(&'static str, Vec<(String, bool)>)>,
    /// Why it is known, where it is.
    pub(super) known: Vec<String>,
    pub(super) told: Vec<Told>,
    pub(super) named: Vec<Case>,
    /// How many cases are not even named.
    pub(super) unnamed: usize,
}

impl Group {
    pub(super) fn of(
        results: &Results,
        glossary: &Glossary,
        state: State,
        group: &digest::Group<'_>,
    ) -> Self {
        let (cases, findings) = (group.cases.len(), group.findings());
        let number = match findings {
            0 => count(cases, "case"),
            _ => format!("{} in {}", count(findings, "finding"), count(cases, "case")),
        };
        let mut known: Vec<String> = Vec::new();
        let each = group.cases.iter().flat_map(|(_, case, found)| found.iter().map(move |it| (case, it)));
        for expectation in each.filter_map(|(case, finding)| results.expectation_for(case, finding)) {
            let reason = clean(&expectation.reason);
            if !known.contains(&reason) {
                known.push(reason);
            }
        }
        let told = group.cases.iter().take(TOLD).enumerate().map(|(place, (index, case, findings))| {
            let lines = findings.first().map(|finding| story::about(finding)).unwrap_or_default();
            let shown = |frame| Shown::of(frame, &marks(frame, findings.iter().copied().take(1)));
            Told {
                case: Case::of(*index, case),
                // The group says what it cites.
                lines: lines.into_iter().filter(|line| line.label != "cites").collect(),
                more: findings.len().saturating_sub(1),
                frames: if place == 0 {
                    about(case, findings).into_iter().map(shown).collect()
                } else {
                    vec![]
                },
            }
        });
        let rest = group.cases.iter().skip(TOLD);
        Self {
            look: state.look(),
            rule: clean(group.rule.unwrap_or("no finding says why")),
            level: group.first.map(|finding| story::level(finding.level)).unwrap_or_default(),
            subject: group
                .first
                .map(|finding| story::subject(finding.subject, group.client))
                .unwrap_or_default(),
            place: group.place(),
            cites: group.first.map(|finding| clean(&finding.cites.join("; "))).unwrap_or_default(),
            number,
            meaning: meaning(glossary, group.rule.unwrap_or_default(), group.whose()),
            known,
            told: told.collect(),
            unnamed: rest.len().saturating_sub(NAMED),
            named: rest.take(NAMED).map(|(index, case, _)| Case::of(*index, case)).collect(),
        }
    }
}

/// The messages of a case that its first finding is about, and the one before.
fn about<'a>(case: &'a CaseResult, findings: &[&model::Finding]) -> Vec<&'a model::Frame> {
    let Some(at) = findings.first().and_then(|finding| finding.at) else {
        return case.frames.iter().rev().take(2).rev().collect();
    };
    match case.frames.iter().position(|frame| super::frame::is_at(frame, &at)) {
        Some(place) => case.frames[place.saturating_sub(1)..=place].iter().collect(),
        None => Vec::new(),
    }
}

/// What a rule means and what mends it, first of all in the words of whoever it is about.
fn meaning(glossary: &Glossary, rule: &str, whose: &str) -> Vec<(&'static str, Vec<(String, bool)>)> {
    let mut all: Vec<(&str, String)> = Vec::new();
    if let Some(meaning) = glossary.rules.get(rule) {
        all.push(("what", clean(&meaning.what)));
        all.push(("why", clean(&meaning.why)));
        all.push(("affected", clean(&meaning.who)));
    }
    all.extend(mend(glossary, rule, whose));
    all.into_iter().map(|(label, text)| (label, runs(&text))).collect()
}

/// What mends it, first of all in the words of whoever it is about.
pub(super) fn mend(glossary: &Glossary, rule: &str, whose: &str) -> Vec<(&'static str, String)> {
    let Some(mend) = glossary.mend(rule) else { return Vec::new() };
    let own = mend.own.get(whose).map(|own| ("the mend here", clean(own)));
    let not = mend.not_recommended.as_deref().map(|not| ("not advised", clean(not)));
    own.into_iter().chain([("the mend", clean(&mend.mend))]).chain(not).collect()
}

/// A text in runs: what stands between backticks is code.
fn runs(text: &str) -> Vec<(String, bool)> {
    let runs = text.split('`').zip([false, true].into_iter().cycle());
    runs.filter(|(run, _)| !run.is_empty()).map(|(run, is_code)| (run.to_owned(), is_code)).collect()
}
