//! The kill matrix of a self-test as a figure: defects in rows, rules in columns, a dot where one trips the other.

use crate::text::{clean, count};
use model::selftest::KillMatrix;

/// The side of a cell.
const CELL: usize = 11;
/// Room for the names of defects, on the left.
const LEFT: usize = 240;
/// Room for the names of rules, on top.
const TOP: usize = 180;
/// Between a name and what it names.
const GAP: usize = 6;

/// The figure.
pub(super) struct Figure {
    pub(super) caption: String,
    pub(super) whole: bool,
    /// Where the names of defects end, and those of rules begin.
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Each name of a defect, and where it stands.
    pub(super) rows: Vec<(String, usize)>,
    /// Each name of a rule, and where it stands.
    pub(super) columns: Vec<(String, usize)>,
    pub(super) dots: Vec<Dot>,
    /// What is not proved and what is not caught.
    pub(super) open: Vec<String>,
}

/// A rule that a defect trips.
pub(super) struct Dot {
    pub(super) x: usize,
    pub(super) y: usize,
    /// Whether it is meant to.
    pub(super) class: &'static str,
    pub(super) title: String,
}

impl Figure {
    pub(super) fn of(matrix: &KillMatrix) -> Self {
        let x = |column: usize| LEFT + CELL * column + CELL / 2;
        let y = |row: usize| TOP + CELL * row + CELL / 2;
        let mut dots = Vec::new();
        for (row, defect) in matrix.defects.iter().enumerate() {
            for (column, rule) in
                matrix.rules.iter().enumerate().filter(|(_, it)| defect.trips.contains(&it.id))
            {
                let meant = defect.meant_for.contains(&rule.id);
                let title = clean(&format!("{} trips {}", defect.id, rule.id));
                dots.push(Dot {
                    x: x(column),
                    y: y(row),
                    class: if meant { "meant" } else { "besides" },
                    title,
                });
            }
        }
        let proved = matrix.rules.iter().filter(|rule| rule.is_proved()).count();
        let caught = matrix.defects.iter().filter(|defect| defect.caught).count();
        let caption = format!(
            "{proved} of {} proved, {caught} of {} caught; {} of {} without a defect not as expected",
            count(matrix.rules.len(), "rule"),
            count(matrix.defects.len(), "defect"),
            matrix.unclean.len(),
            matrix.clean_cases,
        );
        let rules = matrix.rules.iter().filter(|rule| !rule.is_proved());
        let defects = matrix.defects.iter().filter(|defect| !defect.caught);
        let open = rules
            .map(|rule| clean(&format!("rule {} is not proved", rule.id)))
            .chain(defects.map(|defect| clean(&format!("defect {} is not caught", defect.id))));
        Self {
            caption,
            whole: matrix.whole,
            left: LEFT - GAP,
            top: TOP - GAP,
            width: LEFT + CELL * matrix.rules.len() + CELL,
            height: TOP + CELL * matrix.defects.len() + CELL,
            rows: matrix.defects.iter().enumerate().map(|(row, it)| (clean(&it.id), y(row) + 3)).collect(),
            columns: matrix.rules.iter().enumerate().map(|(at, it)| (clean(&it.id), x(at) + 3)).collect(),
            dots,
            open: open.collect(),
        }
    }
}
