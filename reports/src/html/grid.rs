//! Matrices as tables, by scenario.

use crate::glossary::Glossary;
use crate::left_out;
use crate::matrix::{Matrix, matrices};
use crate::outcomes::{Look, State, cell_word};
use crate::software;
use crate::text::{clean, count};
use model::{CaseResult, Results};
use std::borrow::Cow;

/// A scenario on a target.
pub(super) struct Grid {
    pub(super) index: usize,
    pub(super) title: String,
    pub(super) about: String,
    pub(super) row_axes: Vec<String>,
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Row>,
}

/// A header row: one column axis.
pub(super) struct Head {
    pub(super) axis: String,
    /// Each value, and how many columns it spans.
    pub(super) values: Vec<(String, usize)>,
    /// Whether it is the one next to the cells.
    pub(super) last: bool,
}

/// A row.
pub(super) struct Row {
    pub(super) label: Vec<String>,
    pub(super) cells: Vec<Option<Cell>>,
}

/// A cell.
pub(super) struct Cell {
    pub(super) index: usize,
    pub(super) look: Look,
    pub(super) word: Cow<'static, str>,
}

/// A scenario on all its targets.
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) about: String,
    /// Whether it is folded out: what the policies of both sides lead to, and whatever needs a look.
    pub(super) open: bool,
    /// What it does not ask, and where the same is seen.
    pub(super) left_out: Vec<String>,
    pub(super) grids: Vec<Grid>,
}

/// Every scenario that is not told by its clients.
pub(super) fn scenarios(results: &Results, glossary: &Glossary) -> Vec<Scenario> {
    let mut all: Vec<Scenario> = Vec::new();
    for (index, matrix) in matrices(results).iter().enumerate() {
        let has = |axis: &str| matrix.cases().any(|case| case.axes.contains_key(axis));
        if has("profile") || has(software::CLIENT) {
            continue;
        }
        let name = clean(matrix.scenario);
        if all.last().is_none_or(|last| last.name != name) {
            let cases = results.cases.iter().filter(|case| case.scenario == matrix.scenario);
            let states = State::ALL.iter().filter_map(|state| {
                let number = cases.clone().filter(|case| State::of(case) == *state).count();
                (number > 0).then(|| format!("{number} {}", state.look().word))
            });
            let wrong = cases.clone().any(|case| State::of(case) == State::Deviates);
            all.push(Scenario {
                title: glossary.scenarios.get(matrix.scenario).map(|it| clean(it)).unwrap_or_default(),
                about: states.collect::<Vec<_>>().join(", "),
                open: wrong || ["client", "server.signing"].iter().all(|it| matrix.column_axes.contains(it)),
                left_out: left_out::of_scenario(results, matrix.scenario),
                grids: Vec::new(),
                name,
            });
        }
        if let Some(last) = all.last_mut() {
            last.grids.push(Grid::of(index, matrix));
        }
    }
    all
}

impl Grid {
    fn of(index: usize, matrix: &Matrix<'_>) -> Self {
        let fixed = matrix.fixed.iter().map(|(axis, value)| format!("{axis} {value}"));
        let about: Vec<String> = [count(matrix.cases().count(), "case")].into_iter().chain(fixed).collect();
        let rows = matrix.rows.iter().map(|row| Row {
            label: row.label.iter().map(|word| clean(word)).collect(),
            cells: row.cells.iter().map(|cell| cell.map(|(index, case)| Cell::of(index, case))).collect(),
        });
        Self {
            index,
            title: clean(&format!("{} @ {}", matrix.scenario, matrix.target)),
            about: clean(&about.join(" · ")),
            row_axes: matrix.row_axes.iter().map(|axis| clean(axis)).collect(),
            heads: heads(matrix),
            rows: rows.collect(),
        }
    }
}

fn heads(matrix: &Matrix<'_>) -> Vec<Head> {
    let axes = matrix.column_axes.len();
    let head = |i: usize| {
        let mut values: Vec<(&[&str], usize)> = Vec::new();
        for column in &matrix.columns {
            // A value spans its neighbours as long as everything above it is the same.
            match values.last_mut() {
                Some((above, span)) if i + 1 < axes && *above == &column[..=i] => *span += 1,
                _ => values.push((&column[..=i], 1)),
            }
        }
        let values = values.iter().map(|(words, span)| (clean(words[i]), *span)).collect();
        Head { axis: clean(matrix.column_axes[i]), values, last: i + 1 == axes }
    };
    (0..axes).map(head).collect()
}

impl Cell {
    fn of(index: usize, case: &CaseResult) -> Self {
        Self { index, look: State::of(case).look(), word: cell_word(case) }
    }
}
