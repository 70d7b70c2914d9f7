//! `docs/checks.toml` says of every behaviour what observes it: nothing in it may be about a rule or a scenario that does
//! not exist, and no behaviour may be left out.
#![cfg(test)]

use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// How many behaviours there are.
const CHECKS: u32 = 131;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    check: Vec<Check>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Check {
    number: u32,
    what: String,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    scenarios: Vec<String>,
    not_yet: Option<String>,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn ledger() -> Vec<Check> {
    let text = fs::read_to_string(root().join("docs/checks.toml")).unwrap();
    toml::from_str::<Ledger>(&text).unwrap().check
}

#[test]
fn every_behaviour_is_there_once_and_in_order() {
    let numbers: Vec<u32> = ledger().iter().map(|check| check.number).collect();
    assert_eq!(numbers, (1..=CHECKS).collect::<Vec<_>>());
}

#[test]
fn each_is_observed_by_what_exists_or_says_why_not_yet() {
    let rules: BTreeSet<&str> = judge::rules().map(|rule| rule.id).collect();
    for Check { number, what, rules: by, scenarios, not_yet } in ledger() {
        assert!(!what.is_empty(), "{number}");
        match not_yet {
            Some(why) => {
                assert!(by.is_empty() && scenarios.is_empty(), "{number} is observed and is not");
                assert!(why.len() > 10, "{number}: why not yet?");
            }
            None => {
                assert!(!by.is_empty() && !scenarios.is_empty(), "{number} names no rule or no scenario");
                for rule in by {
                    assert!(rules.contains(rule.as_str()), "{number}: there is no rule `{rule}`");
                }
                for scenario in scenarios {
                    let file = root().join("scenarios").join(format!("{scenario}.toml"));
                    assert!(file.exists(), "{number}: there is no scenario `{scenario}`");
                }
            }
        }
    }
}
