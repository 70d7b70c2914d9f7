//! Cells that are not planned, because others of their scenario show the same.

use super::PlannedCase;
use crate::case::CaseId;
use crate::expectation::Condition;
use crate::scenario::Except;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A cell that is not planned.
#[derive(Debug, Clone)]
pub struct LeftOutCell<'s> {
    /// The case it would be.
    pub case: PlannedCase,
    /// The case that shows the same.
    pub instead: CaseId,
    /// What the scenario says of it.
    pub except: &'s Except,
}

/// Why it is not, and how to run the other one.
impl fmt::Display for LeftOutCell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, why, instead) = (&self.case.id, &self.except.why, &self.instead);
        write!(
            f,
            "the case `{id}` is left out, as another shows the same:\n{why}\n  countersign run --case {instead}"
        )
    }
}

/// Cells of a scenario that were not planned, as others of it show the same. Whoever counts cases knows by this what was not
/// asked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// The scenario's slug.
    pub scenario: String,
    /// Which of its cells.
    pub when: Condition,
    /// In which axes the cell that shows the same is another one, and what it has there.
    pub instead: BTreeMap<String, String>,
    /// Why that shows the same.
    pub why: String,
    /// How many, by the target's slug. Where a target cannot have the other cell, none is left out.
    pub cells: BTreeMap<String, u64>,
}

impl LeftOut {
    /// Counts cells by what their scenarios say of them.
    pub fn count<'a, 's: 'a>(cells: impl IntoIterator<Item = &'a LeftOutCell<'s>>) -> Vec<Self> {
        let mut all = Vec::new();
        for LeftOutCell { case, except, .. } in cells {
            let one = Self {
                scenario: case.scenario.clone(),
                when: except.when.clone(),
                instead: except.instead.clone(),
                why: except.why.clone(),
                cells: BTreeMap::from([(case.target.clone(), 1)]),
            };
            add(&mut all, one, |known, more| *known += more);
        }
        all
    }

    /// How many cells on all targets.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.cells.values().sum()
    }

    /// What of it is about cases on this target that have this word on this axis, or any.
    #[must_use]
    pub fn within(&self, target: &str, axis: &str, word: &str) -> Option<Self> {
        let number = *self.cells.get(target)?;
        let is_meant = !self.when.is_about(axis) || self.when.names(axis, word);
        is_meant.then(|| Self { cells: BTreeMap::from([(target.to_owned(), number)]), ..self.clone() })
    }

    /// Takes what another plan left out: of the same cells of the same target once.
    pub(crate) fn extend(all: &mut Vec<Self>, other: Vec<Self>) {
        for one in other {
            add(all, one, |known, more| *known = (*known).max(more));
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.scenario == other.scenario && self.when == other.when && self.instead == other.instead
    }
}

fn add(all: &mut Vec<LeftOut>, one: LeftOut, join: impl Fn(&mut u64, u64)) {
    match all.iter_mut().find(|known| known.is_like(&one)) {
        Some(known) => {
            for (target, number) in one.cells {
                known.cells.entry(target).and_modify(|own| join(own, number)).or_insert(number);
            }
        }
        None => all.push(one),
    }
}
