//! The texts, which are data.

use crate::exit::Failure;
use serde::Deserialize;

/// What something means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The rule's id, the outcome's word, or the code.
    pub(crate) id: String,
    /// Other spellings of a code.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    /// What happened.
    pub(crate) what: String,
    /// Why.
    pub(crate) why: String,
    /// Who is affected.
    pub(crate) who: String,
    /// By which topic its remedies are found.
    pub(crate) topic: String,
}

/// What mends the things of one topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Topic {
    pub(crate) id: String,
    pub(crate) mend: String,
    /// What makes the error go away and should not be done.
    pub(crate) not_recommended: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, alias = "rule", alias = "outcome", alias = "status")]
    entry: Vec<Entry>,
    #[serde(default)]
    topic: Vec<Topic>,
}

/// Everything that can be explained.
pub(crate) struct Texts {
    rules: Vec<Entry>,
    outcomes: Vec<Entry>,
    statuses: Vec<Entry>,
    topics: Vec<Topic>,
}

impl Texts {
    /// Reads what is inside the binary.
    pub(crate) fn load() -> Result<Self, Failure> {
        let parse = |name: &str, text: &str| {
            toml::from_str::<File>(text).map_err(|error| Failure::environment(format!("{name}: {error}")))
        };
        Ok(Self {
            rules: parse("explain/rules.toml", include_str!("../../explain/rules.toml"))?.entry,
            outcomes: parse("explain/outcomes.toml", include_str!("../../explain/outcomes.toml"))?.entry,
            statuses: parse("explain/statuses.toml", include_str!("../../explain/statuses.toml"))?.entry,
            topics: parse("explain/topics.toml", include_str!("../../explain/topics.toml"))?.topic,
        })
    }

    pub(crate) fn rule(&self, id: &str) -> Option<&Entry> {
        self.rules.iter().find(|entry| entry.id == id)
    }

    pub(crate) fn outcome(&self, word: &str) -> Option<&Entry> {
        self.outcomes.iter().find(|entry| entry.id == word)
    }

    /// The code with this name or number, however it is written.
    pub(crate) fn status(&self, word: &str) -> Option<&Entry> {
        let bare = word.strip_prefix("STATUS_").unwrap_or(word);
        let is = |known: &String| known.strip_prefix("STATUS_").unwrap_or(known).eq_ignore_ascii_case(bare);
        self.statuses.iter().find(|entry| is(&entry.id) || entry.also.iter().any(is))
    }

    pub(crate) fn topic(&self, id: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.id == id)
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.iter()
    }

    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &str> {
        self.outcomes.iter().map(|entry| entry.id.as_str())
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = &str> {
        self.statuses.iter().map(|entry| entry.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use model::outcome::{Kind, Why};
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_and_every_outcome_is_explained_and_nothing_else() {
        let texts = Texts::load().unwrap();
        let rules: BTreeSet<&str> = judge::rules().map(|rule| rule.id).collect();
        let explained: BTreeSet<&str> = texts.rules.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(explained, rules);
        let kinds = Kind::ALL.iter().filter(|kind| **kind != Kind::Refused).map(|kind| kind.word());
        let outcomes: BTreeSet<&str> = kinds.chain(Why::ALL.iter().map(|why| why.word())).collect();
        assert_eq!(texts.outcomes().collect::<BTreeSet<_>>(), outcomes);
    }

    #[test]
    fn every_topic_exists_and_is_used() {
        let texts = Texts::load().unwrap();
        let entries = [&texts.rules, &texts.outcomes, &texts.statuses];
        let used: BTreeSet<&str> =
            entries.iter().flat_map(|all| all.iter()).map(|entry| entry.topic.as_str()).collect();
        let there: BTreeSet<&str> = texts.topics.iter().map(|topic| topic.id.as_str()).collect();
        assert_eq!(used, there);
        for known in &Catalogue::load(None, None).unwrap().targets {
            assert!(!known.remedies.is_empty(), "{}: its folder has no remedies.toml", known.target.id);
            for remedy in &known.remedies {
                assert!(
                    there.contains(remedy.topic.as_str()),
                    "{}: topic `{}`",
                    known.target.id,
                    remedy.topic
                );
            }
        }
    }

    #[test]
    fn codes_are_found_however_they_are_written() {
        let texts = Texts::load().unwrap();
        for word in ["STATUS_INVALID_SIGNATURE", "invalid_signature", "0xc000a000", "-1073700864"] {
            assert_eq!(
                texts.status(word).map(|entry| entry.id.as_str()),
                Some("STATUS_INVALID_SIGNATURE"),
                "{word}"
            );
        }
        assert_eq!(texts.status("0xC05D0003").map(|entry| entry.id.as_str()), Some("3227320323"));
        assert!(texts.status("STATUS_SUCCESS").is_none());
    }
}
