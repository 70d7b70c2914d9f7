//! What a report says besides the results: titles, what a finding means, and what mends it. Whoever renders hands it in.

use std::collections::BTreeMap;

/// What a rule means to somebody who has just met a finding of it.
#[derive(Debug, Clone, Default)]
pub struct Meaning {
    /// What happened.
    pub what: String,
    /// Why that is so.
    pub why: String,
    /// Who is affected.
    pub who: String,
    /// By which topic its remedies are found.
    pub topic: String,
}

/// What mends the things of one topic.
#[derive(Debug, Clone, Default)]
pub struct Mend {
    /// On any server.
    pub mend: String,
    /// What makes the error go away and should not be done.
    pub not_recommended: Option<String>,
    /// In the words of a server, by its slug.
    pub own: BTreeMap<String, String>,
}

/// Titles and texts. What it does not have is left out of the report.
#[derive(Debug, Clone, Default)]
pub struct Glossary {
    /// What a person calls a client, by its slug.
    pub clients: BTreeMap<String, String>,
    /// What a scenario shows, by its slug.
    pub scenarios: BTreeMap<String, String>,
    /// What a rule means, by its id.
    pub rules: BTreeMap<String, Meaning>,
    /// What mends something, by topic.
    pub topics: BTreeMap<String, Mend>,
}

impl Glossary {
    /// What a person calls a client.
    pub(crate) fn client<'a>(&'a self, id: &'a str) -> &'a str {
        self.clients.get(id).map_or(id, String::as_str)
    }

    /// What mends what a rule is about.
    pub(crate) fn mend(&self, rule: &str) -> Option<&Mend> {
        self.topics.get(&self.rules.get(rule)?.topic)
    }
}
