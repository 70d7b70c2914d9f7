//! Which axis goes where: one matrix for every scenario on every target.
//!
//! What the two sides are set to stands in columns, everything else in rows; an axis with a single value is said once. Where
//! several clients that people run are compared, they are the columns.

use crate::software;
use model::{CaseResult, Results};
use std::collections::{BTreeMap, BTreeSet};

/// More columns than this do not fit beside their row labels.
const MOST_COLUMNS: usize = 5;
/// Row axes that come first, in this order; the others follow by name.
const FIRST_ROWS: [&str; 2] = ["dialect", "algorithm"];

/// A scenario on a target.
#[derive(Debug)]
pub(crate) struct Matrix<'a> {
    pub(crate) scenario: &'a str,
    pub(crate) target: &'a str,
    /// The axes that do not vary.
    pub(crate) fixed: Vec<(&'a str, &'a str)>,
    pub(crate) row_axes: Vec<&'a str>,
    pub(crate) column_axes: Vec<&'a str>,
    /// For every column, the value of every column axis.
    pub(crate) columns: Vec<Vec<&'a str>>,
    pub(crate) rows: Vec<Row<'a>>,
}

/// A row of a matrix.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The value of every row axis.
    pub(crate) label: Vec<&'a str>,
    /// For every column, the case and its place in the results; none where the scenario has no such case.
    pub(crate) cells: Vec<Option<(usize, &'a CaseResult)>>,
}

impl<'a> Matrix<'a> {
    /// Its cases.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &'a CaseResult> {
        self.rows.iter().flat_map(|row| row.cells.iter().flatten().map(|(_, case)| *case))
    }
}

/// Every scenario on every target, in the order in which they first appear.
pub(crate) fn matrices(results: &Results) -> Vec<Matrix<'_>> {
    let mut all = Vec::new();
    for scenario in distinct(results.cases.iter().map(|case| case.scenario.as_str())) {
        let cases: Vec<(usize, &CaseResult)> =
            results.cases.iter().enumerate().filter(|(_, case)| case.scenario == scenario).collect();
        // Over all targets, so that a scenario has one shape.
        let shape = Shape::of(&cases);
        for target in distinct(cases.iter().map(|(_, case)| case.target.as_str())) {
            let cases = cases.iter().copied().filter(|(_, case)| case.target == target);
            all.push(shape.fill(scenario, target, cases));
        }
    }
    all
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut known = Vec::new();
    for it in all {
        if !known.contains(&it) {
            known.push(it);
        }
    }
    known
}

/// A case's value of an axis it may not have.
fn value<'a>(case: &'a CaseResult, axis: &str) -> &'a str {
    case.axes.get(axis).map_or("–", String::as_str)
}

/// What varies in a scenario, and where it stands.
struct Shape<'a> {
    fixed: Vec<(&'a str, &'a str)>,
    rows: Vec<&'a str>,
    columns: Vec<&'a str>,
    /// The values of each axis in the order in which they first appear.
    values: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Shape<'a> {
    fn of(cases: &[(usize, &'a CaseResult)]) -> Self {
        let mut values: BTreeMap<&'a str, Vec<&'a str>> = BTreeMap::new();
        for axis in cases.iter().flat_map(|(_, case)| case.axes.keys()) {
            values.entry(axis).or_insert_with(|| distinct(cases.iter().map(|(_, case)| value(case, axis))));
        }
        let number = |axis: &str| values.get(axis).map_or(1, Vec::len);
        let side = |axis: &str| matches!(axis.split('.').next(), Some("client" | "server"));
        let (fixed, varying): (Vec<&str>, Vec<&str>) = values.keys().partition(|axis| number(axis) == 1);
        let clients = varying.contains(&software::CLIENT);
        let is_column = |axis: &str| if clients { axis == software::CLIENT } else { side(axis) };
        let (mut columns, mut rows): (Vec<&str>, Vec<&str>) =
            varying.into_iter().partition(|axis| is_column(axis));
        rows.sort_by_key(|axis| {
            FIRST_ROWS.iter().position(|first| first == axis).unwrap_or(FIRST_ROWS.len())
        });
        // Clients are side by side however many there are: whoever sets the table breaks it into parts.
        while !clients && columns.iter().map(|axis| number(axis)).product::<usize>() > MOST_COLUMNS {
            rows.push(columns.remove(0));
        }
        if rows.is_empty() && !columns.is_empty() {
            rows.push(columns.remove(0));
        } else if columns.is_empty()
            && rows.len() > 1
            && let Some(last) = rows.pop_if(|axis| number(axis) <= MOST_COLUMNS)
        {
            columns.push(last);
        }
        let fixed = fixed.iter().filter_map(|axis| Some((*axis, *values.get(axis)?.first()?))).collect();
        Self { fixed, rows, columns, values }
    }

    /// What a case's values of `axes` sort by, and the values.
    fn key(&self, axes: &[&str], case: &'a CaseResult) -> (Vec<usize>, Vec<&'a str>) {
        let words: Vec<&str> = axes.iter().map(|axis| value(case, axis)).collect();
        let rank = |axis: &str, word: &str| self.values.get(axis)?.iter().position(|known| *known == word);
        (axes.iter().zip(&words).map(|(axis, word)| rank(axis, word).unwrap_or_default()).collect(), words)
    }

    fn fill(
        &self,
        scenario: &'a str,
        target: &'a str,
        cases: impl Iterator<Item = (usize, &'a CaseResult)>,
    ) -> Matrix<'a> {
        let mut keyed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut columns = BTreeSet::new();
        for (index, case) in cases {
            let column = self.key(&self.columns, case);
            columns.insert(column.clone());
            keyed.entry(self.key(&self.rows, case)).or_default().push((column, index, case));
        }
        let columns: Vec<_> = columns.into_iter().collect();
        let mut rows: Vec<Row<'a>> = Vec::new();
        for ((_, label), cases) in keyed {
            let first = rows.len();
            for (column, index, case) in cases {
                let column = columns.binary_search(&column).unwrap_or_default();
                // Two cases with the same axes are never meant; were there any, both would have to be seen.
                let free = rows.iter().skip(first).position(|row| row.cells[column].is_none());
                let at = free.map_or(rows.len(), |free| first + free);
                if at == rows.len() {
                    rows.push(Row { label: label.clone(), cells: vec![None; columns.len()] });
                }
                rows[at].cells[column] = Some((index, case));
            }
        }
        Matrix {
            scenario,
            target,
            fixed: self.fixed.clone(),
            row_axes: self.rows.clone(),
            column_axes: self.columns.clone(),
            columns: columns.into_iter().map(|(_, words)| words).collect(),
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::results::{RunInfo, Status, Summary};
    use model::{Axes, CaseId, Results, Verdict};

    fn results(axes: &[(&str, &[&str])]) -> Results {
        let mut cells = vec![Axes::new()];
        for (axis, words) in axes {
            let with = |cell: &Axes, word: &str| {
                let mut cell = cell.clone();
                cell.insert((*axis).to_owned(), word.to_owned());
                cell
            };
            cells = cells.iter().flat_map(|cell| words.iter().map(|word| with(cell, word))).collect();
        }
        let cases = cells.into_iter().map(|axes| CaseResult {
            id: CaseId::new("s", &axes, "t"),
            scenario: "s".to_owned(),
            target: "t".to_owned(),
            axes,
            verdict: Verdict::Conforms,
            status: Status::Expected,
            why: None,
            predicted: None,
            outcome: None,
            checks: BTreeMap::new(),
            findings: vec![],
            frames: vec![],
            software: None,
            evidence: None,
            reproduce: String::new(),
            millis: 0,
        });
        let text = String::new;
        Results {
            schema: 1,
            run: RunInfo { id: text(), version: text(), started: text(), seed: 0, command: text() },
            targets: vec![],
            clients: vec![],
            expectations: vec![],
            cases: cases.collect(),
            left_out: vec![],
            summary: Summary::default(),
        }
    }

    /// Row axes, column axes, how many rows and columns.
    fn shape(axes: &[(&str, &[&str])]) -> (String, String, usize, usize) {
        let results = results(axes);
        let all = matrices(&results);
        let [matrix] = all.as_slice() else { panic!("one scenario on one target is one matrix") };
        assert_eq!(matrix.cases().count(), results.cases.len());
        let (rows, columns) = (matrix.row_axes.join(" "), matrix.column_axes.join(" "));
        (rows, columns, matrix.rows.len(), matrix.columns.len())
    }

    #[test]
    fn policies_stand_in_columns() {
        let said = shape(&[
            ("algorithm", &["a", "b"]),
            ("client", &["x", "y"]),
            ("dialect", &["1", "2"]),
            ("server.signing", &["x", "y"]),
        ]);
        assert_eq!(said, ("dialect algorithm".to_owned(), "client server.signing".to_owned(), 4, 4));
    }

    #[test]
    fn too_many_columns_become_rows() {
        let said = shape(&[("client", &["x", "y", "z"]), ("server.signing", &["x", "y", "z"])]);
        assert_eq!(said, ("client".to_owned(), "server.signing".to_owned(), 3, 3));
    }

    #[test]
    fn without_policies_the_last_axis_stands_in_columns() {
        let said = shape(&[("dialect", &["1", "2"]), ("attack", &["x", "y"])]);
        assert_eq!(said, ("dialect".to_owned(), "attack".to_owned(), 2, 2));
    }

    #[test]
    fn clients_that_people_run_stand_side_by_side() {
        let clients = ["a", "b", "c", "d", "e", "f", "g"];
        let said = shape(&[
            ("server.signing", &["x", "y"]),
            ("setting", &["default", "required"]),
            ("software", &clients),
        ]);
        assert_eq!(said, ("server.signing setting".to_owned(), "software".to_owned(), 4, 7));
        let said = shape(&[("server.signing", &["x", "y"]), ("setting", &["d", "r"]), ("software", &["a"])]);
        assert_eq!(said, ("setting".to_owned(), "server.signing".to_owned(), 2, 2));
    }

    #[test]
    fn one_axis_or_none_is_one_column() {
        assert_eq!(shape(&[("client", &["x", "y"])]), ("client".to_owned(), String::new(), 2, 1));
        assert_eq!(shape(&[("client", &["x"])]), (String::new(), String::new(), 1, 1));
        assert_eq!(shape(&[]), (String::new(), String::new(), 1, 1));
    }

    #[test]
    fn an_axis_that_does_not_vary_is_said_once() {
        let results = results(&[("client", &["x"]), ("dialect", &["1", "2"])]);
        assert_eq!(matrices(&results)[0].fixed, [("client", "x")]);
    }

    #[test]
    fn two_cases_in_one_cell_are_both_seen() {
        let mut results = results(&[("client", &["x", "y"]), ("dialect", &["1", "2"])]);
        results.cases.extend(results.cases.clone());
        let all = matrices(&results);
        assert_eq!((all[0].rows.len(), all[0].cases().count()), (4, 8));
    }
}
