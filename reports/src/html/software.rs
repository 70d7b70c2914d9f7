//! Clients that people run, as tables: clients across, servers down; and where they and the probe disagree.

use crate::connect::Gets;
use crate::glossary::Glossary;
use crate::left_out;
use crate::outcomes::{Look, State, cell_word};
use crate::software::{self, Comparison, Fault, compare, fared, saw, setting, tables};
use crate::story;
use crate::text::{clean, clip};
use model::{CaseResult, Outcome, Results};

/// How much of what clients printed may stand in tables, in bytes; of cells beyond it the case has it.
const PRINTED: usize = 300_000;
/// The longest reason in a cell.
const REASON: usize = 120;
/// How many disagreements are listed.
const LISTED: usize = 50;

/// The section.
pub(super) struct Interoperability {
    pub(super) tables: Vec<Table>,
    pub(super) comparison: Compared,
}

/// A scenario.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) about: String,
    pub(super) faults: bool,
    pub(super) clients: Vec<String>,
    pub(super) servers: Vec<Server>,
    /// What it does not ask, and where the same is seen.
    pub(super) left_out: Vec<String>,
    pub(super) open: bool,
}

/// The rows of a server.
pub(super) struct Server {
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// A row.
pub(super) struct Row {
    /// What this row and those below it have in common, where that is not what the row above says.
    pub(super) head: Option<String>,
    pub(super) label: String,
    pub(super) cells: Vec<Option<Cell>>,
}

/// What became of a client.
pub(super) struct Cell {
    pub(super) index: usize,
    pub(super) mark: &'static str,
    pub(super) class: &'static str,
    pub(super) words: String,
    pub(super) text: String,
    /// What the person in front of it saw.
    pub(super) saw: String,
    /// What it printed.
    pub(super) printed: String,
    /// What is wrong with it, where something is.
    pub(super) wrong: Option<(Look, String)>,
}

/// Where the probe and clients disagree.
pub(super) struct Compared {
    /// How many there are in all, and how they went.
    pub(super) said: String,
    pub(super) class: &'static str,
    pub(super) mark: &'static str,
    pub(super) listed: Vec<Pair>,
    pub(super) more: usize,
}

/// Two cases that should have gone the same way.
pub(super) struct Pair {
    pub(super) client: One,
    pub(super) probe: One,
}

/// One of the two.
pub(super) struct One {
    pub(super) index: usize,
    pub(super) id: String,
    pub(super) went: String,
}

/// The section, where a run has such clients.
pub(super) fn interoperability(results: &Results, glossary: &Glossary) -> Option<Interoperability> {
    let all = tables(results);
    let mut left = PRINTED;
    let tables: Vec<Table> = all
        .iter()
        .enumerate()
        .map(|(place, it)| table(results, glossary, it, place == 0, &mut left))
        .collect();
    (!tables.is_empty()).then(|| Interoperability { tables, comparison: compared(&compare(results)) })
}

fn table(
    results: &Results,
    glossary: &Glossary,
    table: &software::Table<'_>,
    first: bool,
    left: &mut usize,
) -> Table {
    let states = State::ALL.iter().filter_map(|state| {
        let number = table.cases().filter(|case| State::of(case) == *state).count();
        (number > 0).then(|| format!("{number} {}", state.look().word))
    });
    let about = states.chain(table.fixed.iter().map(|it| setting(*it))).collect::<Vec<_>>().join(", ");
    let servers = table.servers.iter().map(|server| {
        let known = results.targets.iter().find(|it| it.id == server.target);
        let mut above: &[(&str, &str)] = &[];
        let rows = server.rows.iter().map(|row| {
            let cells = row.cells.iter().map(|it| it.map(|(index, case)| cell(index, case, left)));
            let cells = cells.collect();
            let (last, common) = row.label.split_last().unzip();
            let common = common.unwrap_or_default();
            let words = || common.iter().map(|it| setting(*it)).collect::<Vec<_>>().join(" · ");
            let head = (common != above).then(words);
            above = common;
            Row { head, label: last.map_or_else(|| "the case".to_owned(), |it| setting(*it)), cells }
        });
        Server { title: clean(known.map_or(server.target, |it| it.title.as_str())), rows: rows.collect() }
    });
    let servers = servers.collect();
    Table {
        name: clean(table.scenario),
        title: glossary.scenarios.get(table.scenario).map(|it| clean(it)).unwrap_or_default(),
        about,
        faults: table.faults,
        clients: table.clients.iter().map(|it| clean(glossary.client(it))).collect(),
        servers,
        left_out: left_out::of_scenario(results, table.scenario),
        open: first || table.cases().any(|case| State::of(case) == State::Deviates),
    }
}

fn cell(index: usize, case: &CaseResult, left: &mut usize) -> Cell {
    let state = State::of(case);
    let why =
        || case.why.as_deref().map(|why| clip(&clean(why).replace('`', ""), REASON)).unwrap_or_default();
    let (mark, class, words, text) = if software::has_fault(case) {
        let fault = Fault::of(case);
        let (mark, class, word) = fault.look();
        // What is known, or only worth knowing, does not look like what nobody expected.
        let class = match (fault, state) {
            (Fault::Missed, State::Known) => "known",
            (Fault::Missed, State::Conforms) => "unsure",
            _ => class,
        };
        let text = if matches!(fault, Fault::Nothing | Fault::Unsupported | Fault::Unknown) {
            why()
        } else {
            String::new()
        };
        (mark, class, word.to_owned(), text)
    } else {
        let gets = Gets::of(case);
        let (words, text) = match case.outcome.as_ref().filter(|_| gets != Gets::Unknown) {
            Some(outcome) => fared(outcome),
            None => (state.look().word.to_owned(), why()),
        };
        let (mark, class) = match state {
            State::Inconclusive => (state.look().mark, state.look().class),
            _ => (gets.mark(), gets.class()),
        };
        (mark, class, words, text)
    };
    let client = case.software.as_ref();
    let printed = client.filter(|it| !it.done).map(story::printed);
    let printed = printed.filter(|it| it.len() <= *left).unwrap_or_default();
    *left -= printed.len();
    Cell {
        index,
        mark,
        class,
        words,
        text,
        saw: client.map(saw).unwrap_or_default(),
        printed,
        wrong: matches!(state, State::Known | State::Deviates)
            .then(|| (state.look(), format!("{}: {}", state.look().word, wrong(case)))),
    }
}

/// What is wrong in a case: that another outcome was predicted, or else which rules are broken.
fn wrong(case: &CaseResult) -> String {
    let differs = |(outcome, predicted): (&Outcome, &Outcome)| !outcome.differences(predicted).is_empty();
    if case.outcome.as_ref().zip(case.predicted.as_ref()).is_some_and(differs) {
        return cell_word(case).into_owned();
    }
    let mut rules: Vec<String> = case.findings.iter().map(|finding| clean(&finding.rule)).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.join(", ")
}

fn compared(comparison: &Comparison<'_>) -> Compared {
    let (agree, disagree) = (comparison.agree, comparison.disagree.len());
    let (mark, class) = match (agree, disagree) {
        (0, 0) => ("–", "quiet"),
        (_, 0) => ("✓", "good"),
        _ => ("✗", "bad"),
    };
    let one = |(index, case): (usize, &CaseResult)| One {
        index,
        id: clean(case.id.as_str()),
        went: case.outcome.as_ref().map(Outcome::line).unwrap_or_default(),
    };
    let pairs = comparison.disagree.iter().take(LISTED);
    Compared {
        said: comparison.said(),
        class,
        mark,
        listed: pairs.map(|pair| Pair { client: one(pair.client), probe: one(pair.probe) }).collect(),
        more: disagree.saturating_sub(LISTED),
    }
}
