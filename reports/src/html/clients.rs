//! Who can connect, as tables: clients in rows, what the server is set to in columns.

use crate::connect::{Column, Gets, LOGIN, Table, seen, tables};
use crate::glossary::Glossary;
use crate::left_out;
use crate::outcomes::{Look, State, cell_word};
use crate::text::clean;
use model::Results;

/// A table.
pub(super) struct Clients {
    pub(super) title: String,
    pub(super) about: String,
    /// Each policy, in a few words per setting.
    pub(super) columns: Vec<Vec<String>>,
    pub(super) rows: Vec<(String, Vec<Option<Cell>>)>,
    /// Why the target cannot be set to other policies.
    pub(super) without: Vec<String>,
    /// What it does not ask, and where the same is seen.
    pub(super) left_out: Vec<String>,
    /// Whether it is what the reader came for.
    pub(super) open: bool,
}

/// What a client gets.
pub(super) struct Cell {
    pub(super) index: usize,
    pub(super) mark: &'static str,
    pub(super) class: &'static str,
    pub(super) words: String,
    pub(super) text: String,
    /// What is wrong with it, where something is.
    pub(super) wrong: Option<(Look, String)>,
}

/// Every table.
pub(super) fn clients(results: &Results, glossary: &Glossary) -> Vec<Clients> {
    let all = tables(results);
    let first = all.first().map_or("", |table| table.scenario);
    let of = |table: &Table<'_>| {
        let target = results.targets.iter().find(|it| it.id == table.target);
        let title = clean(target.map_or(table.target, |it| it.title.as_str()));
        let row = |(row, client): (usize, &&str)| {
            let cells = table.columns.iter().map(|column| column.cells[row].map(|(at, case)| cell(at, case)));
            (clean(glossary.client(client)), cells.collect())
        };
        Clients {
            title,
            about: format!("{}, {}", clean(table.scenario), table.who()),
            columns: table.columns.iter().map(Column::words).collect(),
            rows: table.clients.iter().enumerate().map(row).collect(),
            without: table.without.clone(),
            left_out: left_out::of_table(results, table.scenario, table.target, (LOGIN, table.login)),
            open: table.scenario == first && table.has_account(),
        }
    };
    all.iter().map(of).collect()
}

fn cell(index: usize, case: &model::CaseResult) -> Cell {
    let gets = Gets::of(case);
    let (words, text) = seen(case);
    let state = State::of(case);
    let wrong = matches!(state, State::Known | State::Deviates)
        .then(|| (state.look(), format!("{}: {}", state.look().word, cell_word(case))));
    Cell { index, mark: gets.mark(), class: gets.class(), words, text, wrong }
}
