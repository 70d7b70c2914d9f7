//! The proof that verdicts can fail: which rule is tripped by which defect, and by no clean server.

use crate::case::{Axes, CaseId};
use crate::outcome::{CheckLevel, Finding, Verdict};
use crate::results::{CaseResult, Results, RunInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A case without its defect: scenario, target, axes.
type Cell<'a> = (&'a str, &'a str, &'a Axes);

/// The axis that names what is wrong in a case of a self-test.
pub const DEFECT_AXIS: &str = "defect";

/// The axis that names what is done right in the server's place.
pub const REPAIR_AXIS: &str = "repair";

/// A rule, as far as a self-test is about it.
#[derive(Debug, Clone, Copy)]
pub struct KnownRule {
    /// Its id.
    pub id: &'static str,
    /// One sentence that says what holds.
    pub title: &'static str,
    /// How strongly the specification speaks.
    pub level: CheckLevel,
}

/// A defect, as far as a self-test is about it.
#[derive(Debug, Clone, Copy)]
pub struct KnownDefect {
    /// Its id.
    pub id: &'static str,
    /// One sentence that says what is wrong.
    pub title: &'static str,
    /// The rules that are meant to notice it; one is enough.
    pub meant_for: &'static [&'static str],
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleLine {
    /// Its id.
    pub id: String,
    /// One sentence that says what holds.
    pub title: String,
    /// How strongly the specification speaks.
    pub level: CheckLevel,
    /// How often it was evaluated on clean servers and not broken.
    pub held: u64,
    /// The same on servers that were made to keep to it, because none does by itself.
    pub held_repaired: u64,
    /// The defects that trip it, and are meant to.
    pub proved_by: Vec<String>,
    /// The defects that trip it.
    pub tripped_by: Vec<String>,
    /// The cases on clean servers that trip it outside of what is known of them.
    pub false_alarms: Vec<CaseId>,
}

impl RuleLine {
    /// Whether a defect that is meant to trips it, and a clean server, or one that was repaired, was held against it and
    /// does not.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        !self.proved_by.is_empty() && self.held + self.held_repaired > 0 && self.false_alarms.is_empty()
    }
}

/// What became of a defect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DefectLine {
    /// Its id.
    pub id: String,
    /// One sentence that says what is wrong.
    pub title: String,
    /// The rules that are meant to notice it.
    pub meant_for: Vec<String>,
    /// In how many cases it was switched on.
    pub cases: u64,
    /// In how many of them there was something for it to do.
    pub done: u64,
    /// The rules it trips.
    pub trips: Vec<String>,
    /// Whether one of those that are meant for it is among them.
    pub caught: bool,
}

/// The content of `kill-matrix.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KillMatrix {
    /// The version of this format.
    pub schema: u32,
    /// About the run.
    pub run: RunInfo,
    /// Every rule.
    pub rules: Vec<RuleLine>,
    /// Every defect.
    pub defects: Vec<DefectLine>,
    /// Cases on clean servers.
    pub clean_cases: u64,
    /// Those of them that are not as expected, with why.
    pub unclean: Vec<CaseId>,
    /// Whether every rule is proved, every defect caught, and every clean server clean.
    pub whole: bool,
}

impl KillMatrix {
    /// Reads the matrix out of a run of clean cases and of the same cases with a defect each.
    ///
    /// What a defect trips is what its case trips and the clean case does not.
    #[must_use]
    pub fn of(results: &Results, rules: &[KnownRule], defects: &[KnownDefect]) -> Self {
        let (broken, clean): (Vec<&CaseResult>, Vec<&CaseResult>) =
            results.cases.iter().partition(|case| case.axes.contains_key(DEFECT_AXIS));
        let base: BTreeMap<Cell<'_>, BTreeSet<(&str, String)>> = clean
            .iter()
            .map(|case| ((case.scenario.as_str(), case.target.as_str(), &case.axes), tripped(case, |_| true)))
            .collect();
        let (repaired, whole_servers): (Vec<&CaseResult>, Vec<&CaseResult>) =
            clean.iter().copied().partition(|case| case.axes.contains_key(REPAIR_AXIS));
        // Where it is broken, also where that is known, it is not held.
        let held = |cases: &[&CaseResult], rule: &str| -> u64 {
            let broken = |case: &CaseResult| case.findings.iter().filter(|f| f.rule == rule).count() as u64;
            let checked = |case: &CaseResult| case.checks.get(rule).copied().unwrap_or_default();
            cases.iter().map(|case| checked(case).saturating_sub(broken(case))).sum()
        };
        let nothing = BTreeSet::new();
        let mut by_defect: BTreeMap<&str, (u64, u64, BTreeSet<String>)> = BTreeMap::new();
        for case in &broken {
            let mut axes = case.axes.clone();
            axes.remove(DEFECT_AXIS);
            let before = base.get(&(case.scenario.as_str(), case.target.as_str(), &axes)).unwrap_or(&nothing);
            let name = case.axes.get(DEFECT_AXIS).map_or("", String::as_str);
            let (cases, done, trips) = by_defect.entry(name).or_default();
            *cases += 1;
            // What is known of the server is no kill, also where it came only by chance in one of the two.
            let found = tripped(case, |finding| results.expectation_for(case, finding).is_none());
            *done += u64::from(case.verdict != Verdict::Inconclusive || !found.is_empty());
            trips.extend(found.difference(before).map(|(rule, _)| (*rule).to_owned()));
        }
        let defects: Vec<DefectLine> = defects
            .iter()
            .map(|known| {
                let (cases, done, trips) = by_defect.remove(known.id).unwrap_or_default();
                let meant_for: Vec<String> = known.meant_for.iter().map(|rule| (*rule).to_owned()).collect();
                DefectLine {
                    id: known.id.to_owned(),
                    title: known.title.to_owned(),
                    caught: meant_for.iter().any(|rule| trips.contains(rule)),
                    meant_for,
                    cases,
                    done,
                    trips: trips.into_iter().collect(),
                }
            })
            .collect();
        let rules: Vec<RuleLine> = rules
            .iter()
            .map(|known| RuleLine {
                id: known.id.to_owned(),
                title: known.title.to_owned(),
                level: known.level,
                held: held(&whole_servers, known.id),
                held_repaired: held(&repaired, known.id),
                proved_by: defects
                    .iter()
                    .filter(|defect| {
                        let is_it = |rule: &String| rule == known.id;
                        defect.trips.iter().any(is_it) && defect.meant_for.iter().any(is_it)
                    })
                    .map(|defect| defect.id.clone())
                    .collect(),
                tripped_by: defects
                    .iter()
                    .filter(|defect| defect.trips.iter().any(|rule| rule == known.id))
                    .map(|defect| defect.id.clone())
                    .collect(),
                false_alarms: clean
                    .iter()
                    .filter(|case| {
                        case.findings.iter().any(|finding| {
                            finding.rule == known.id && results.expectation_for(case, finding).is_none()
                        })
                    })
                    .map(|case| case.id.clone())
                    .collect(),
            })
            .collect();
        // Where there was nothing to do right, nothing was shown either way: a rule that is held nowhere is not proved.
        let shows = |case: &&&CaseResult| {
            !(case.axes.contains_key(REPAIR_AXIS) && case.verdict == Verdict::Inconclusive)
        };
        let unclean: Vec<CaseId> = clean
            .iter()
            .filter(|case| case.status == crate::results::Status::Unexpected)
            .filter(shows)
            .map(|case| case.id.clone())
            .collect();
        let whole = rules.iter().all(RuleLine::is_proved)
            && defects.iter().all(|defect| defect.caught)
            && unclean.is_empty();
        Self {
            schema: crate::results::SCHEMA,
            run: results.run.clone(),
            rules,
            defects,
            clean_cases: clean.iter().filter(shows).count() as u64,
            unclean,
            whole,
        }
    }
}

/// The rules a case trips, and with what: a server that breaks a rule in one way can be made to break it in another.
fn tripped(case: &CaseResult, counts: impl Fn(&Finding) -> bool) -> BTreeSet<(&str, String)> {
    let found = case.findings.iter().filter(|finding| counts(finding));
    found.map(|finding| (finding.rule.as_str(), without_numbers(&finding.got))).collect()
}

/// A text without its hexadecimal numbers: signatures are others each time, and say nothing of what is wrong.
fn without_numbers(text: &str) -> String {
    let word = |word: &str| match word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => "…".to_owned(),
        false => word.to_owned(),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Subject;
    use crate::results::{Status, Summary};

    const RULES: &[KnownRule] = &[
        KnownRule { id: "a/one", title: "one", level: CheckLevel::Must },
        KnownRule { id: "a/two", title: "two", level: CheckLevel::Must },
    ];
    const DEFECTS: &[KnownDefect] = &[
        KnownDefect { id: "d-one", title: "breaks one", meant_for: &["a/one"] },
        KnownDefect { id: "d-two", title: "breaks two", meant_for: &["a/two"] },
    ];

    fn case(defect: Option<&str>, findings: &[(&str, &str)], status: Status) -> CaseResult {
        let mut axes = Axes::from([("dialect".to_owned(), "2.1".to_owned())]);
        axes.extend(defect.map(|name| (DEFECT_AXIS.to_owned(), name.to_owned())));
        CaseResult {
            id: CaseId::new("s", &axes, "t"),
            scenario: "s".to_owned(),
            target: "t".to_owned(),
            axes,
            verdict: if findings.is_empty() { Verdict::Conforms } else { Verdict::Deviates },
            status,
            why: None,
            predicted: None,
            outcome: None,
            checks: BTreeMap::from([("a/one".to_owned(), 2), ("a/two".to_owned(), 1)]),
            findings: findings
                .iter()
                .map(|(rule, got)| Finding {
                    rule: (*rule).to_owned(),
                    level: CheckLevel::Must,
                    subject: Subject::Server,
                    at: None,
                    expected: String::new(),
                    got: (*got).to_owned(),
                    cites: vec![],
                })
                .collect(),
            frames: vec![],
            software: None,
            evidence: None,
            reproduce: String::new(),
            millis: 0,
        }
    }

    fn matrix(cases: Vec<CaseResult>) -> KillMatrix {
        let text = String::new;
        let results = Results {
            schema: 1,
            run: RunInfo { id: text(), version: text(), started: text(), seed: 0, command: text() },
            targets: vec![],
            clients: vec![],
            expectations: vec![],
            cases,
            left_out: vec![],
            summary: Summary::default(),
        };
        KillMatrix::of(&results, RULES, DEFECTS)
    }

    #[test]
    fn whole_is_only_what_is_proved_caught_and_clean() {
        let clean = || case(None, &[], Status::Expected);
        let broken = |name, rule| case(Some(name), &[(rule, "x")], Status::Unexpected);
        let all = matrix(vec![clean(), broken("d-one", "a/one"), broken("d-two", "a/two")]);
        assert!(all.whole, "{all:?}");
        assert_eq!((all.rules[0].held, all.clean_cases), (2, 1));
        assert_eq!(all.rules[1].tripped_by, ["d-two"]);

        // A rule that nothing trips, and a defect that the wrong rule catches.
        let swapped = matrix(vec![clean(), broken("d-one", "a/one"), broken("d-two", "a/one")]);
        assert!(!swapped.whole && !swapped.rules[1].is_proved() && !swapped.defects[1].caught);
        // A defect that was never tried.
        assert!(!matrix(vec![clean(), broken("d-one", "a/one")]).whole);
        // No clean server at all.
        assert!(!matrix(vec![broken("d-one", "a/one"), broken("d-two", "a/two")]).whole);
        // A clean server that trips.
        let alarm = case(None, &[("a/one", "y")], Status::Unexpected);
        let alarmed = matrix(vec![alarm, broken("d-one", "a/one"), broken("d-two", "a/two")]);
        assert!(!alarmed.whole && alarmed.rules[0].false_alarms.len() == 1 && alarmed.unclean.len() == 1);
    }

    #[test]
    fn what_the_clean_server_does_too_is_no_kill() {
        let same = |defect| case(defect, &[("a/one", "signature 0011223344556677")], Status::Expected);
        let other = case(Some("d-one"), &[("a/one", "signature ffeeddccbbaa9988")], Status::Expected);
        assert_eq!(matrix(vec![same(None), same(Some("d-one"))]).defects[0].trips, Vec::<String>::new());
        assert_eq!(matrix(vec![same(None), other]).defects[0].trips, Vec::<String>::new());
        let different = case(Some("d-one"), &[("a/one", "no signature")], Status::Unexpected);
        assert!(matrix(vec![same(None), different]).defects[0].caught);
    }
}
