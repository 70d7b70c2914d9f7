//! Known deviations of one target, as data: exact rule, condition on axes, reason, link.

use crate::case::Axes;
use crate::discovery::DECLARED_RULE;
use crate::outcome::{Kind, Outcome, Why};
use crate::scenario::AxisValues;
use crate::words::Algorithm;
use schemars::JsonSchema;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Which cases something is about: for every named axis, the words that match. The pseudo-axis `scenario` names
/// scenarios. All axes must match; an axis that a case does not have does not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Condition(BTreeMap<String, Vec<String>>);

/// One word or a list of words.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Several(Vec<String>),
}

// By hand, because an empty condition and an axis nobody has are mistakes to be shown where they stand.
impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Condition;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of axis = \"word\" or axis = [\"word\", ...] with at least one axis")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Condition, A::Error> {
                let mut all = BTreeMap::new();
                while let Some(axis) = map.next_key::<String>()? {
                    if axis != "scenario" && !AxisValues::NAMES.contains(&axis.as_str()) {
                        return Err(de::Error::unknown_field(&axis, AxisValues::NAMES));
                    }
                    let words = match map.next_value::<Words>()? {
                        Words::One(word) => vec![word],
                        Words::Several(words) => words,
                    };
                    if words.is_empty() {
                        return Err(de::Error::invalid_length(0, &"at least one word"));
                    }
                    all.insert(axis, words);
                }
                if all.is_empty() { Err(de::Error::invalid_length(0, &self)) } else { Ok(Condition(all)) }
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// `axis=word|word,axis=word`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> =
            self.0.iter().map(|(axis, words)| format!("{axis}={}", words.join("|"))).collect();
        f.pad(&all.join(","))
    }
}

impl Condition {
    /// Whether `word` of `axis` is among what is asked for.
    pub(crate) fn names(&self, axis: &str, word: &str) -> bool {
        self.0.get(axis).is_some_and(|words| words.iter().any(|known| known == word))
    }

    /// Whether it asks for anything of `axis`.
    pub(crate) fn is_about(&self, axis: &str) -> bool {
        self.0.contains_key(axis)
    }

    /// Whether it asks for nothing but these axes with these words: then it is about whatever has them.
    pub(crate) fn is_within(&self, axes: &[(&str, &str)]) -> bool {
        self.0.iter().all(|(axis, words)| {
            axes.iter().any(|(name, word)| name == axis && words.iter().any(|known| known == word))
        })
    }

    /// The same, and besides that this axis has this word.
    #[must_use]
    pub(crate) fn and(mut self, axis: &str, word: &str) -> Self {
        self.0.insert(axis.to_owned(), vec![word.to_owned()]);
        self
    }

    /// Whether a case of `scenario` with these axes is meant.
    #[must_use]
    pub fn matches(&self, scenario: &str, axes: &Axes) -> bool {
        self.0.iter().all(|(axis, words)| {
            let word = if axis == "scenario" { Some(scenario) } else { axes.get(axis).map(String::as_str) };
            word.is_some_and(|word| words.iter().any(|known| known == word))
        })
    }
}

/// A known deviation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The exact id of the rule that is broken.
    pub rule: String,
    /// In which cases.
    #[serde(alias = "when")]
    pub condition: Condition,
    /// The outcome it is about. An expectation about `policy/outcome` has to have one: another outcome than the known
    /// one is another deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ExpectedOutcome>,
    /// What the finding says there was instead, where only that is known: another thing in the same place is another
    /// deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// Why it is so, for a reader of the report.
    pub reason: String,
    /// Where it is discussed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// An outcome by what has to be the same; what is left out may be anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedOutcome {
    /// How it went.
    pub kind: Kind,
    /// Why the client was not let in, or did not want to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// What the session signs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
}

impl ExpectedOutcome {
    /// Whether an observed outcome is this one.
    #[must_use]
    pub fn matches(&self, outcome: Option<&Outcome>) -> bool {
        outcome.is_some_and(|outcome| {
            outcome.kind == self.kind
                && (self.why.is_none() || outcome.why == self.why)
                && (self.algorithm.is_none() || outcome.algorithm == self.algorithm)
        })
    }
}

/// The rule whose expectations have to say which outcome they are about.
const OUTCOME_RULE: &str = "policy/outcome";

/// What became of an expectation in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectationState {
    /// The deviation was seen.
    Met,
    /// Every case it is about ran to the end, the rule was evaluated in them and stayed silent: remove it.
    Fixed,
    /// It matches no case of the unfiltered catalogue: it is about nothing.
    Stale,
    /// Its cases did not all run, or met nothing that the rule is about, and the rule stayed silent.
    NotRun,
}

/// The text of an `expectations.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    expectation: Vec<Expectation>,
}

/// Parses the text of an `expectations.toml`.
///
/// # Errors
/// A message that shows the line.
pub fn parse_expectations(text: &str) -> Result<Vec<Expectation>, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
    check_expectations(&file.expectation)?;
    Ok(file.expectation)
}

/// Checks what the form of expectations does not.
///
/// # Errors
/// The first that lacks something, by its number.
pub(crate) fn check_expectations(all: &[Expectation]) -> Result<(), String> {
    for (expectation, number) in all.iter().zip(1..) {
        if expectation.rule == OUTCOME_RULE && expectation.outcome.is_none() {
            return Err(format!(
                "expectation {number}: `{OUTCOME_RULE}` needs the outcome that is known, such as outcome = {{ kind = \"signed\" }}"
            ));
        }
        if expectation.rule == DECLARED_RULE {
            return Err(format!(
                "expectation {number}: `{DECLARED_RULE}` is not to be expected: say what the server does in its target file"
            ));
        }
        if expectation.reason.trim().is_empty() || expectation.reason.trim_start().starts_with(TODO) {
            return Err(format!(
                "expectation {number}, about `{}`: its reason is still to be written: find out why it is so, and say it",
                expectation.rule
            ));
        }
    }
    Ok(())
}

/// How the reason of a draft begins.
pub const TODO: &str = "TODO";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_match_axes_and_scenario() {
        let text = "[[expectation]]\nrule = \"a/b\"\nwhen = { scenario = \"s\", dialect = [\"2.1\", \"3.0\"] }\nreason = \"r\"\n";
        let all = parse_expectations(text).unwrap();
        let axes = |dialect: &str| Axes::from([("dialect".to_owned(), dialect.to_owned())]);
        assert!(all[0].condition.matches("s", &axes("3.0")));
        assert!(!all[0].condition.matches("s", &axes("3.1.1")));
        assert!(!all[0].condition.matches("t", &axes("3.0")));
        assert!(!all[0].condition.matches("s", &Axes::new()));
    }

    #[test]
    fn a_known_outcome_is_one_outcome() {
        let text = "[[expectation]]\nrule = \"policy/outcome\"\nwhen = { offer = \"x\" }\nreason = \"r\"\n";
        assert!(parse_expectations(text).unwrap_err().contains("expectation 1"));
        let text = format!("{text}outcome = {{ kind = \"refused\", why = \"logon-failure\" }}\n");
        let pinned = parse_expectations(&text).unwrap().remove(0).outcome.unwrap();
        let refused = |why| Outcome::refused(crate::outcome::By::Server, why, None);
        assert!(pinned.matches(Some(&refused(Why::LogonFailure))));
        assert!(!pinned.matches(Some(&refused(Why::Disconnected))));
        assert!(!pinned.matches(None));
    }

    #[test]
    fn what_was_got_can_be_pinned() {
        let text =
            "[[expectation]]\nrule = \"a/b\"\nwhen = { offer = \"x\" }\ngot = \"nothing\"\nreason = \"r\"\n";
        assert_eq!(parse_expectations(text).unwrap()[0].got.as_deref(), Some("nothing"));
    }

    #[test]
    fn empty_and_unknown_conditions_are_mistakes() {
        let with = |when: &str| {
            parse_expectations(&format!("[[expectation]]\nrule = \"r\"\nreason = \"x\"\nwhen = {when}\n"))
        };
        for bad in ["{}", "{ dialekt = \"3.0\" }", "{ dialect = [] }"] {
            let message = with(bad).unwrap_err();
            assert!(message.contains("line"), "{bad}: {message}");
        }
    }
}
