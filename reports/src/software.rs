//! Clients that people run, on every server of a run: which cases are theirs, and how they stand side by side.

mod compare;

pub(crate) use compare::{Comparison, compare, disagreement};

use crate::outcomes::State;
use crate::story;
use crate::text::clean;
use model::outcome::{Kind, Why};
use model::software::{Ended, SoftwareResult};
use model::{As, Axes, CaseResult, Dialect, Outcome, Results};
use std::collections::BTreeMap;

/// The axis that names the client.
pub(crate) const CLIENT: &str = "software";
/// The axes that name what is wrong with the server, or on the way to it.
const FAULTS: [&str; 2] = ["attack", "defect"];
/// The rule by which a client notices that.
const NOTICED: &str = "client/noticed";
/// The axes of rows as they are read; others follow by name, and last what the client is set to.
const FIRST: [&str; 6] = ["server.signing", "server.dialects", "server.guest", "login", "attack", "defect"];
const LAST: &str = "setting";

/// The client of a case, where it is one that people run.
pub(crate) fn client(case: &CaseResult) -> Option<&str> {
    case.axes.get(CLIENT).map(String::as_str)
}

/// Whether a case is about something that a client has to notice.
pub(crate) fn has_fault(case: &CaseResult) -> bool {
    FAULTS.iter().any(|axis| case.axes.contains_key(*axis))
}

/// What became of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The client did not go on.
    Noticed,
    /// It did everything all the same.
    Missed,
    /// The fault has no place with this client: it did everything, and there was nothing to notice.
    Nothing,
    /// The client cannot do it, or cannot be set so.
    Unsupported,
    /// Not known.
    Unknown,
}

impl Fault {
    pub(crate) fn of(case: &CaseResult) -> Self {
        match State::of(case) {
            State::Unsupported if case.software.as_ref().is_some_and(|it| it.done) => Self::Nothing,
            State::Unsupported => Self::Unsupported,
            State::Inconclusive => Self::Unknown,
            _ if case.findings.iter().any(|finding| finding.rule == NOTICED) => Self::Missed,
            _ if case.checks.contains_key(NOTICED) => Self::Noticed,
            _ => Self::Unknown,
        }
    }

    /// A mark that reads in monochrome, a CSS class, and a word.
    pub(crate) const fn look(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Noticed => ("●", "good", "noticed"),
            Self::Missed => ("○", "bad", "not noticed"),
            Self::Nothing => ("–", "quiet", "nothing to do"),
            Self::Unsupported => ("–", "quiet", "unsupported"),
            Self::Unknown => ("?", "unsure", "not known"),
        }
    }
}

/// What became of a client on the wire: a few words, and more beside them.
pub(crate) fn fared(outcome: &Outcome) -> (String, String) {
    let word = match outcome.kind {
        Kind::Refused => {
            let word = match outcome.why {
                Some(Why::Left) => "gave up".to_owned(),
                Some(why) => format!("refused: {}", words(why.word())),
                None => "refused".to_owned(),
            };
            let by = outcome.by.map_or(String::new(), |by| format!("by the {by}"));
            let status = outcome.nt_status.map(|status| status.to_string());
            let text = [Some(by), status].into_iter().flatten().filter(|it| !it.is_empty());
            return (word, text.collect::<Vec<_>>().join(", "));
        }
        Kind::NotSigned => "unsigned",
        Kind::Mixed => "partly signed",
        Kind::Signed | Kind::Encrypted => outcome.kind.word(),
    };
    let whom = match outcome.identity {
        Some(As::Guest) => ", as guest",
        Some(As::Anonymous) => ", as nobody",
        Some(As::User) if outcome.kind == Kind::NotSigned => ", as user",
        Some(As::User) | None => "",
    };
    // What is not signed has an algorithm all the same, which only confuses here.
    let algorithm = outcome.algorithm.filter(|_| matches!(outcome.kind, Kind::Signed | Kind::Mixed));
    let with = [outcome.dialect.map(Dialect::word), algorithm.map(model::Algorithm::word)];
    (format!("{word}{whom}"), with.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// What the person in front of a client saw, in a few words.
pub(crate) fn saw(software: &SoftwareResult) -> String {
    match (software.done, software.ended, software.means) {
        (true, ..) => "did everything".to_owned(),
        (false, _, Some(means)) => format!("says: {}", words(means.word())),
        (false, Ended::TimedOut, None) => format!("took too long; did {}", story::did(software)),
        (false, Ended::Crashed, None) => format!("crashed; did {}", story::did(software)),
        (false, Ended::ByItself, None) => format!("its message is not known; did {}", story::did(software)),
    }
}

fn words(word: &str) -> String {
    word.replace('-', " ")
}

/// A scenario of clients: clients across, servers down.
pub(crate) struct Table<'a> {
    pub(crate) scenario: &'a str,
    /// Whether it is about faults.
    pub(crate) faults: bool,
    /// The axes that do not vary, besides the client.
    pub(crate) fixed: Vec<(&'a str, &'a str)>,
    pub(crate) clients: Vec<&'a str>,
    pub(crate) servers: Vec<Server<'a>>,
}

/// The rows of a server.
pub(crate) struct Server<'a> {
    pub(crate) target: &'a str,
    pub(crate) rows: Vec<Row<'a>>,
}

/// One setting of both sides, or one fault.
pub(crate) struct Row<'a> {
    /// Every axis that varies, with its value.
    pub(crate) label: Vec<(&'a str, &'a str)>,
    /// For every client the case, and its place in the results.
    pub(crate) cells: Vec<Option<(usize, &'a CaseResult)>>,
}

/// Every scenario of clients, in the order of the results, but first those without faults.
pub(crate) fn tables(results: &Results) -> Vec<Table<'_>> {
    let mut scenarios: Vec<(&str, Vec<(usize, &CaseResult)>)> = Vec::new();
    for (index, case) in results.cases.iter().enumerate().filter(|(_, case)| client(case).is_some()) {
        match scenarios.iter_mut().find(|(scenario, _)| *scenario == case.scenario) {
            Some((_, cases)) => cases.push((index, case)),
            None => scenarios.push((&case.scenario, vec![(index, case)])),
        }
    }
    let mut all: Vec<Table<'_>> =
        scenarios.into_iter().map(|(scenario, cases)| table(scenario, &cases)).collect();
    // What a reader came for first of all: the signing of both sides.
    all.sort_by_key(|table| {
        let varies = |axis: &str| table.rows().any(|row| row.label.iter().any(|(it, _)| *it == axis));
        (table.faults, !varies(FIRST[0]))
    });
    all
}

impl<'a> Table<'a> {
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row<'a>> {
        self.servers.iter().flat_map(|server| &server.rows)
    }

    /// Its cases.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &'a CaseResult> {
        self.rows().flat_map(|row| row.cells.iter().flatten().map(|(_, case)| *case))
    }
}

/// The values of every axis, in the order in which they first appear.
fn values<'a>(cases: &[(usize, &'a CaseResult)]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (axis, value) in cases.iter().flat_map(|(_, case)| &case.axes) {
        let known = all.entry(axis).or_default();
        if !known.contains(&value.as_str()) {
            known.push(value);
        }
    }
    all
}

fn table<'a>(scenario: &'a str, cases: &[(usize, &'a CaseResult)]) -> Table<'a> {
    let mut values = values(cases);
    let clients = values.remove(CLIENT).unwrap_or_default();
    let (fixed, mut axes): (Vec<&str>, Vec<&str>) = values.keys().partition(|axis| values[*axis].len() == 1);
    let place = |axis: &&str| FIRST.iter().position(|first| first == axis).unwrap_or(FIRST.len());
    axes.sort_by_key(|axis| (*axis == LAST, place(axis)));
    let fixed = fixed.into_iter().filter_map(|axis| Some((axis, *values[axis].first()?))).collect();
    let label = |of: &'a Axes| -> Vec<(&'a str, &'a str)> {
        axes.iter().map(|axis| (*axis, of.get(*axis).map_or("–", String::as_str))).collect()
    };
    let rank = |(axis, value): &(&str, &str)| values[axis].iter().position(|known| known == value);
    let mut servers: Vec<Server<'a>> = Vec::new();
    for &(index, case) in cases {
        let at = servers.iter().position(|server| server.target == case.target).unwrap_or_else(|| {
            servers.push(Server { target: &case.target, rows: Vec::new() });
            servers.len() - 1
        });
        let rows = &mut servers[at].rows;
        let label = label(&case.axes);
        let row = rows.iter().position(|row| row.label == label).unwrap_or_else(|| {
            rows.push(Row { label, cells: vec![None; clients.len()] });
            rows.len() - 1
        });
        if let Some(column) = clients.iter().position(|it| client(case) == Some(it)) {
            rows[row].cells[column].get_or_insert((index, case));
        }
    }
    for server in &mut servers {
        server.rows.sort_by_key(|row| row.label.iter().map(rank).collect::<Vec<_>>());
    }
    servers.sort_by_key(|server| server.target);
    let faults = cases.iter().any(|(_, case)| has_fault(case));
    Table { scenario, faults, fixed, clients, servers }
}

/// A setting in words.
pub(crate) fn setting((axis, value): (&str, &str)) -> String {
    match (axis, value) {
        (LAST, "default") => "client as it comes".to_owned(),
        (LAST, "required") => "client set to require".to_owned(),
        (LAST, "not-required") => "client set not to require".to_owned(),
        ("server.signing", _) => format!("server: {}", crate::connect::setting(axis, value)),
        ("login", "unknown-user") => "unknown user".to_owned(),
        ("login", "wrong-password") => "wrong password".to_owned(),
        ("attack" | "defect", value) => clean(value),
        (axis, value) => crate::connect::setting(axis, value),
    }
}

#[cfg(test)]
mod tests;
