//! A matrix in columns; where it is too wide for the page, in parts one under the other.

use super::page::{COLUMNS, DIM, Page, paint};
use crate::matrix::{Matrix, Row};
use crate::outcomes::{State, cell_word};
use crate::text::{clean, width};

/// What stands before each column.
const GAP: usize = 2;

/// Puts the table.
pub(super) fn put(page: &mut Page, matrix: &Matrix<'_>) {
    let labels = Labels::of(matrix);
    let cell =
        |row: &Row<'_>, column: usize| row.cells[column].map_or(0, |(_, case)| 2 + width(&cell_word(case)));
    let widths: Vec<usize> = (0..matrix.columns.len())
        .map(|column| {
            let header = matrix.columns[column].iter().map(|word| width(&clean(word)));
            header.chain(matrix.rows.iter().map(|row| cell(row, column))).max().unwrap_or_default()
        })
        .collect();
    let mut from = 0;
    while from < widths.len() {
        let mut to = from + 1;
        let fits =
            |to: usize| labels.total + widths[from..to].iter().map(|w| w + GAP).sum::<usize>() <= COLUMNS;
        while to < widths.len() && fits(to + 1) {
            to += 1;
        }
        part(page, matrix, &labels, from, &widths[from..to]);
        from = to;
    }
}

/// The widths of the row labels.
struct Labels {
    each: Vec<usize>,
    total: usize,
}

impl Labels {
    fn of(matrix: &Matrix<'_>) -> Self {
        let rows = matrix.row_axes.iter().enumerate();
        let each: Vec<usize> = rows
            .map(|(i, axis)| {
                let values = matrix.rows.iter().map(|row| width(&clean(row.label[i])));
                values.chain([width(&clean(axis))]).max().unwrap_or_default()
            })
            .collect();
        // The names of the row axes share a line with the name of the last column axis.
        let rows: usize = each.iter().map(|w| w + GAP).sum();
        let mut names = matrix.column_axes.iter().map(|axis| GAP + width(&clean(axis))).rev();
        let last = names.next().map_or(rows, |last| rows + last);
        Self { each, total: names.chain([last]).max().unwrap_or_default() }
    }

    fn set(&self, words: &[&str]) -> String {
        let words = words.iter().zip(&self.each);
        let line: String = words.map(|(word, w)| format!("{:GAP$}{:<w$}", "", clean(word))).collect();
        format!("{line:<total$}", total = self.total)
    }
}

/// The columns from `from` on that have `widths`.
fn part(page: &mut Page, matrix: &Matrix<'_>, labels: &Labels, from: usize, widths: &[usize]) {
    let row_axes = labels.set(&matrix.row_axes);
    let row_axes = row_axes.trim_end();
    let last = matrix.column_axes.len().saturating_sub(1);
    for (i, axis) in matrix.column_axes.iter().enumerate() {
        let before = if i == last { row_axes } else { "" };
        let room = labels.total - width(before);
        let words = widths.iter().enumerate().map(|(column, w)| {
            let word = clean(matrix.columns[from + column][i]);
            format!("{:GAP$}{word:<w$}", "")
        });
        let words: String = words.collect();
        page.line(&paint(DIM, format!("{before}{:>room$}{words}", clean(axis)).trim_end()));
    }
    if matrix.column_axes.is_empty() && !row_axes.is_empty() {
        page.line(&paint(DIM, row_axes));
    }
    let mut above: &[&str] = &[];
    for row in &matrix.rows {
        let cells = widths.iter().enumerate().map(|(column, w)| match row.cells[from + column] {
            Some((_, case)) => {
                let (look, word) = (State::of(case).look(), cell_word(case));
                let text = paint(look.style, &format!("{} {word}", look.mark));
                format!("{:GAP$}{text}{:pad$}", "", "", pad = w.saturating_sub(2 + width(&word)))
            }
            None => format!("{:GAP$}{:w$}", "", ""),
        });
        let label = labels.set(&unrepeated(&row.label, above));
        page.line(&format!("{label}{}", cells.collect::<String>()));
        above = &row.label;
    }
}

/// A label without what the row above says already.
fn unrepeated<'a>(label: &[&'a str], above: &[&'a str]) -> Vec<&'a str> {
    let same = label.iter().zip(above).take_while(|(this, above)| this == above).count();
    // Two rows with one label would otherwise leave the second without any.
    let same = if same == label.len() { 0 } else { same };
    label.iter().enumerate().map(|(i, word)| if i < same { "" } else { word }).collect()
}
