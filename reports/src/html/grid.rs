//! A matrix as a table.

use super::case::Evidence;
use crate::matrix::Matrix;
use crate::outcomes::{Look, State, cell_word};
use crate::story;
use crate::text::{clean, count, width};
use model::{CaseResult, Outcome};
use std::borrow::Cow;

/// A scenario on a target.
pub(super) struct Grid {
    pub(super) index: usize,
    pub(super) title: String,
    pub(super) about: String,
    pub(super) row_axes: String,
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
    /// Each value, and the width its axis needs.
    pub(super) label: Vec<(String, usize)>,
    pub(super) cells: Vec<Option<Cell>>,
}

/// A cell.
pub(super) struct Cell {
    pub(super) index: usize,
    pub(super) look: Look,
    pub(super) word: Cow<'static, str>,
    /// What the mark and the colour say, in words.
    pub(super) said: String,
    pub(super) name: String,
    pub(super) evidence: Option<Evidence>,
}

impl Grid {
    pub(super) fn of(index: usize, matrix: &Matrix<'_>) -> Self {
        let fixed = matrix.fixed.iter().map(|(axis, value)| format!("{axis} {value}"));
        let about: Vec<String> = [count(matrix.cases().count(), "case")].into_iter().chain(fixed).collect();
        let widths: Vec<usize> = (0..matrix.row_axes.len())
            .map(|i| matrix.rows.iter().map(|row| width(row.label[i])).max().unwrap_or_default())
            .collect();
        let label = |row: &crate::matrix::Row<'_>| {
            row.label.iter().zip(&widths).map(|(word, width)| (clean(word), *width)).collect()
        };
        let rows = matrix.rows.iter().map(|row| Row {
            label: label(row),
            cells: row.cells.iter().map(|cell| cell.map(|(index, case)| Cell::of(index, case))).collect(),
        });
        Self {
            index,
            title: clean(&format!("{} @ {}", matrix.scenario, matrix.target)),
            about: clean(&about.join(" · ")),
            row_axes: clean(&matrix.row_axes.join(" · ")),
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
        let look = State::of(case).look();
        let predicted = case.predicted.as_ref().map(Outcome::line);
        let predicted = predicted.map(|line| format!("; predicted {line}")).unwrap_or_default();
        Self {
            index,
            look,
            word: cell_word(case),
            said: clean(&format!("{}{predicted}", look.word)),
            name: story::cell(case),
            evidence: Evidence::of(case),
        }
    }
}
