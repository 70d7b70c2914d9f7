//! The columns of a table of clients: policies of the server, and those that change nothing as one.

use super::{Gets, seen};
use crate::outcomes::State;
use crate::text::clean;
use model::CaseResult;

/// A case and its place in the results.
type Cell<'a> = Option<(usize, &'a CaseResult)>;

/// Policies under which every client fares the same.
#[derive(Debug, Clone)]
pub(crate) struct Column<'a> {
    /// Every axis with its values; none where it makes no difference which.
    pub(crate) axes: Vec<(&'a str, Vec<&'a str>)>,
    /// For every client, the first case.
    pub(crate) cells: Vec<Cell<'a>>,
}

impl Column<'_> {
    /// What the server is set to, in a few words for each axis that counts.
    pub(crate) fn words(&self) -> Vec<String> {
        let there = self.axes.iter().filter(|(_, values)| !values.is_empty());
        // Signing is what it is all about.
        let (first, rest): (Vec<_>, Vec<_>) = there.partition(|(axis, _)| *axis == "server.signing");
        first.into_iter().chain(rest).map(|(axis, values)| words(axis, values)).collect()
    }

    /// Whether two columns show the same.
    fn is_like(&self, other: &Self) -> bool {
        self.cells.iter().zip(&other.cells).all(|(one, other)| look(one) == look(other))
    }
}

fn look(cell: &Cell<'_>) -> Option<(State, Gets, String, String)> {
    cell.map(|(_, case)| {
        let (words, text) = seen(case);
        (State::of(case), Gets::of(case), words, text)
    })
}

/// The columns of `cases`, a row for each of `clients`, whatever the axes in `apart` say; and what the target cannot be set to.
pub(super) fn columns<'a>(
    cases: &[(usize, &'a CaseResult)],
    clients: &[&'a str],
    apart: &[&str],
) -> (Vec<Column<'a>>, Vec<String>) {
    let mut all: Vec<Column<'a>> = Vec::new();
    for &(index, case) in cases {
        let axes = case.axes.iter().filter(|(axis, _)| !apart.contains(&axis.as_str()));
        let axes: Vec<(&str, Vec<&str>)> =
            axes.map(|(axis, value)| (axis.as_str(), vec![value.as_str()])).collect();
        let row = clients.iter().position(|client| case.axes.get(apart[0]).is_some_and(|it| it == client));
        let at = all.iter().position(|column| column.axes == axes).unwrap_or_else(|| {
            all.push(Column { axes, cells: vec![None; clients.len()] });
            all.len() - 1
        });
        if let Some(row) = row {
            all[at].cells[row].get_or_insert((index, case));
        }
    }
    let (without, mut all): (Vec<Column<'_>>, Vec<Column<'_>>) =
        all.into_iter().partition(|column| is_without(column));
    let axes: Vec<&str> =
        all.first().map_or(Vec::new(), |column| column.axes.iter().map(|it| it.0).collect());
    // Guests first: they make no difference to who has an account.
    for axis in axes.iter().rev().chain(&axes) {
        all = merged(all, axis);
    }
    let values: Vec<(&str, Vec<&str>)> = axes.iter().map(|axis| (*axis, values_of(&all, axis))).collect();
    for column in &mut all {
        for (axis, own) in &mut column.axes {
            let every = values.iter().find(|(it, _)| it == axis).map_or(0, |(_, values)| values.len());
            if own.len() == every {
                own.clear();
            }
        }
    }
    (all, reasons(&without))
}

fn is_without(column: &Column<'_>) -> bool {
    column.cells.iter().flatten().all(|(_, case)| State::of(case) == State::Unsupported)
}

fn values_of<'a>(columns: &[Column<'a>], axis: &str) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for (_, values) in columns.iter().flat_map(|column| &column.axes).filter(|(it, _)| *it == axis) {
        for value in values {
            if !all.contains(value) {
                all.push(value);
            }
        }
    }
    all
}

/// Puts columns together that differ in one axis and show the same.
fn merged<'a>(columns: Vec<Column<'a>>, axis: &str) -> Vec<Column<'a>> {
    let rest = |column: &Column<'a>| -> Vec<(&'a str, Vec<&'a str>)> {
        column.axes.iter().filter(|(it, _)| *it != axis).cloned().collect()
    };
    let mut all: Vec<Column<'a>> = Vec::new();
    for column in columns {
        match all.iter_mut().find(|it| rest(it) == rest(&column) && it.is_like(&column)) {
            Some(same) => {
                for ((_, own), (_, more)) in same.axes.iter_mut().zip(column.axes) {
                    own.extend(more.into_iter().filter(|value| !own.contains(value)).collect::<Vec<_>>());
                }
            }
            None => all.push(column),
        }
    }
    all
}

fn reasons(without: &[Column<'_>]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (_, case) in without.iter().flat_map(|column| column.cells.iter().flatten()) {
        let why = case.why.as_deref().map(clean).unwrap_or_default();
        if !all.contains(&why) {
            all.push(why);
        }
    }
    all
}

/// One setting of the server in words.
pub(crate) fn setting(axis: &str, value: &str) -> String {
    words(axis, &[value])
}

/// A setting of the server in words.
fn words(axis: &str, values: &[&str]) -> String {
    let word = |value: &&str| match (axis, *value) {
        ("server.signing", "required") => "signing required".to_owned(),
        ("server.signing", "not-required") => "signing not required".to_owned(),
        ("server.guest", "never") => "no guests".to_owned(),
        ("server.guest", "bad-user") => "unknown users become guests".to_owned(),
        ("server.guest", "bad-password") => "failed logons become guests".to_owned(),
        ("server.dialects", range) => match range.split_once("..") {
            Some((lowest, highest)) if lowest == highest => {
                if lowest == "nt1" {
                    "SMB1 alone".to_owned()
                } else {
                    format!("SMB {} alone", clean(lowest))
                }
            }
            Some(("nt1", highest)) => format!("SMB1 to {}", clean(highest)),
            Some((lowest, highest)) => format!("SMB {} to {}", clean(lowest), clean(highest)),
            None => format!("SMB {}", clean(range)),
        },
        ("mapping", "require-integrity") => "mapping with RequireIntegrity".to_owned(),
        (axis, value) => format!("{} {}", clean(axis), clean(value)),
    };
    if axis == "server.guest" && values.len() > 1 && !values.contains(&"never") {
        return "guests taken in".to_owned();
    }
    values.iter().map(word).collect::<Vec<_>>().join(" or ")
}
