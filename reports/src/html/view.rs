//! What the template shows: texts that are cleaned, links that are safe; askama escapes both.

use super::case::{Case, Evidence, Group, suites};
use super::grid::Grid;
use crate::digest;
use crate::discovery;
use crate::headline::Headline;
use crate::matrix::matrices;
use crate::outcomes::{self, Look, State};
use crate::text::{clean, count, duration, known_for};
use askama::Template;
use model::results::{ExpectationResult, TargetResult};
use model::{CaseResult, Discovery, Results};

/// How many failures the headline names.
const FAILURES: usize = 5;

/// The whole page.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    /// About the run: what, and what it was.
    run: Vec<(&'static str, String)>,
    command: String,
    headline: Headline,
    tiles: Vec<Tile>,
    targets: Vec<Target>,
    discoveries: Vec<Discovered>,
    grids: Vec<Grid>,
    groups: Vec<Group>,
    notes: Vec<Group>,
    expectations: Vec<Expectation>,
    inconclusive: Vec<Reason>,
    unsupported: Vec<Reason>,
    rules: Vec<Rule>,
    suites: Vec<super::case::Suite>,
}

/// How many cases are in a state.
struct Tile {
    look: Look,
    number: usize,
}

/// A target.
struct Target {
    look: Look,
    id: String,
    title: String,
    version: String,
    image: String,
    why: String,
}

/// What was seen of a target.
struct Discovered {
    target: String,
    line: String,
    guid: String,
    evidence: Option<Evidence>,
    rows: Vec<discovery::Row>,
}

/// A known deviation.
struct Expectation {
    look: Look,
    advice: &'static str,
    target: String,
    rule: String,
    when: String,
    reason: String,
    link: Option<String>,
    seen: usize,
    /// The first case in which it was seen.
    first: Option<usize>,
}

/// Why cases are in a state.
struct Reason {
    look: Look,
    target: String,
    why: String,
    number: String,
    cases: Vec<Case>,
}

/// A rule and how often it was evaluated.
struct Rule {
    id: String,
    checks: u64,
    cases: usize,
    known: usize,
    unexpected: usize,
    notes: usize,
}

impl Page {
    pub(super) fn of(results: &Results) -> Self {
        let run = &results.run;
        let headline = Headline::of(results);
        let reasons = |state: State| -> Vec<Reason> {
            digest::reasons(results, state).iter().map(|it| Reason::of(state, it)).collect()
        };
        Self {
            run: vec![
                ("countersign", clean(&run.version)),
                ("run", clean(&run.id)),
                ("started", clean(&run.started)),
                ("time in cases", duration(headline.millis)),
                ("seed", run.seed.to_string()),
            ],
            command: clean(&run.command),
            tiles: headline
                .counts
                .iter()
                .map(|(state, number)| Tile { look: state.look(), number: *number })
                .collect(),
            headline,
            targets: results.targets.iter().map(Target::of).collect(),
            discoveries: results.targets.iter().flat_map(Discovered::of).collect(),
            grids: matrices(results).iter().enumerate().map(|(i, matrix)| Grid::of(i, matrix)).collect(),
            groups: digest::unexpected(results).iter().map(Group::of).collect(),
            notes: digest::notes(results).iter().map(Group::of).collect(),
            expectations: results.expectations.iter().map(|it| Expectation::of(results, it)).collect(),
            inconclusive: reasons(State::Inconclusive),
            unsupported: reasons(State::Unsupported),
            rules: rules(results),
            suites: suites(results),
        }
    }
}

impl Target {
    fn of(target: &TargetResult) -> Self {
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

impl Discovered {
    fn of(target: &TargetResult) -> Vec<Self> {
        let of = |seen: &Discovery| Self {
            target: clean(&target.id),
            line: discovery::line(seen),
            guid: seen.server_guid.as_deref().map(clean).unwrap_or_default(),
            evidence: seen.evidence.as_deref().map(Evidence::at),
            rows: discovery::rows(seen),
        };
        target.discovery.iter().map(of).collect()
    }
}

impl Expectation {
    fn of(results: &Results, known: &ExpectationResult) -> Self {
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
    fn of(state: State, reason: &digest::Reason<'_>) -> Self {
        Self {
            look: state.look(),
            target: clean(reason.target),
            why: clean(reason.why),
            number: count(reason.cases.len(), "case"),
            cases: reason.cases.iter().map(|(index, case)| Case::of(*index, case)).collect(),
        }
    }
}

fn rules(results: &Results) -> Vec<Rule> {
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
