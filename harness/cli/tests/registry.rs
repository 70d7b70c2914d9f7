//! What the interposer does names rules that there are.

#![cfg(test)]

use std::collections::BTreeSet;

/// What something is called, and the rules that it names.
type Named = (&'static str, &'static [&'static str]);

fn defects() -> impl Iterator<Item = Named> {
    interpose::defects().iter().map(|defect| (defect.id, defect.trips))
}

fn attacks() -> impl Iterator<Item = Named> {
    interpose::attacks().iter().map(|attack| (attack.id, attack.trips))
}

fn repairs() -> impl Iterator<Item = Named> {
    interpose::repairs().iter().map(|repair| (repair.id, repair.holds))
}

#[test]
fn every_rule_that_is_named_exists() {
    let rules: BTreeSet<&str> = judge::rules().map(|rule| rule.id).collect();
    for (id, named) in defects().chain(attacks()).chain(repairs()) {
        for rule in named {
            assert!(rules.contains(rule), "{id} names `{rule}`, which is no rule");
        }
    }
}

#[test]
fn every_defect_is_meant_for_a_rule() {
    for (id, trips) in defects().chain(repairs()) {
        assert!(!trips.is_empty(), "{id} is meant for no rule");
    }
}
