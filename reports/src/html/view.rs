//! What the template shows: texts that are cleaned, links that are safe; askama escapes both.

use super::capability::Capabilities;
use super::case::Group;
use super::clients::{Clients, clients};
use super::data;
use super::figure::Figure;
use super::grid::{Scenario, scenarios};
use super::rows::{Expectation, Reason, Rule, Target, Tile, rules};
use super::software::{Interoperability, interoperability};
use crate::ReportError;
use crate::connect::{Answer, answer};
use crate::digest;
use crate::glossary::Glossary;
use crate::headline::Headline;
use crate::outcomes::State;
use crate::text::{clean, duration};
use askama::Template;
use model::Results;
use model::selftest::KillMatrix;

/// How many failures the headline names.
const FAILURES: usize = 5;

/// The whole page.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    policy: String,
    style: &'static str,
    script: &'static str,
    /// About the run: what, and what it was.
    run: Vec<(&'static str, String)>,
    command: String,
    headline: Headline,
    answer: Option<Answer>,
    tiles: Vec<Tile>,
    targets: Vec<Target>,
    /// The clients that people run.
    driven: Vec<Target>,
    clients: Vec<Clients>,
    interoperability: Option<Interoperability>,
    capabilities: Capabilities,
    scenarios: Vec<Scenario>,
    groups: Vec<Group>,
    known: Vec<Group>,
    notes: Vec<Group>,
    expectations: Vec<Expectation>,
    inconclusive: Vec<Reason>,
    unsupported: Vec<Reason>,
    rules: Vec<Rule>,
    figure: Option<Figure>,
    /// How many cases there are.
    cases: usize,
    data: String,
}

impl Page {
    pub(super) fn of(
        results: &Results,
        glossary: &Glossary,
        matrix: Option<&KillMatrix>,
    ) -> Result<Self, ReportError> {
        let run = &results.run;
        let headline = Headline::of(results);
        let reasons = |state: State| -> Vec<Reason> {
            digest::reasons(results, state).iter().map(|it| Reason::of(state, it)).collect()
        };
        let groups = |state: State, all: Vec<digest::Group<'_>>| -> Vec<Group> {
            all.iter().map(|group| Group::of(results, glossary, state, group)).collect()
        };
        Ok(Self {
            policy: super::policy(),
            style: super::STYLE,
            script: super::SCRIPT,
            run: vec![
                ("countersign", clean(&run.version)),
                ("run", clean(&run.id)),
                ("started", clean(&run.started)),
                ("time in cases", duration(headline.millis)),
                ("seed", run.seed.to_string()),
            ],
            command: clean(&run.command),
            answer: answer(results, glossary),
            tiles: headline
                .counts
                .iter()
                .map(|(state, number)| Tile { look: state.look(), number: *number })
                .collect(),
            headline,
            targets: results.targets.iter().map(Target::of).collect(),
            driven: results.clients.iter().map(Target::of).collect(),
            clients: clients(results, glossary),
            interoperability: interoperability(results, glossary),
            capabilities: Capabilities::of(results),
            scenarios: scenarios(results, glossary),
            groups: groups(State::Deviates, digest::unexpected(results)),
            known: groups(State::Known, digest::known(results)),
            notes: groups(State::Unsupported, digest::notes(results)),
            expectations: results.expectations.iter().map(|it| Expectation::of(results, it)).collect(),
            inconclusive: reasons(State::Inconclusive),
            unsupported: reasons(State::Unsupported),
            rules: rules(results),
            figure: matrix.map(Figure::of),
            cases: results.cases.len(),
            data: data::json(results, glossary)?,
        })
    }
}
