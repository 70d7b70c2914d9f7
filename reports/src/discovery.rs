//! What was seen of a server beside what is claimed of it, for every report.

use crate::outcomes::{Look, State, TARGET_KNOWN, TARGET_OPEN};
use crate::text::clean;
use model::discovery::{Capability, Discovery};
use model::results::TargetResult;

/// One thing that was asked, with its words cleaned.
pub(crate) struct Row {
    pub(crate) look: Look,
    pub(crate) id: String,
    pub(crate) claimed: String,
    pub(crate) observed: String,
    /// Why it is not known, or with which status it was refused.
    pub(crate) why: String,
    /// The packet that says so; empty where there is none.
    pub(crate) frame: String,
}

impl Row {
    fn of(capability: &Capability) -> Self {
        let word = |word: Option<&str>, none: &str| word.map_or_else(|| none.to_owned(), clean);
        let look = match (&capability.claimed, &capability.observed) {
            (Some(claimed), Some(observed)) if claimed != observed => State::Deviates.look(),
            (Some(_), None) => State::Inconclusive.look(),
            (_, None) => TARGET_OPEN,
            (None, Some(_)) => TARGET_KNOWN,
            (Some(_), Some(_)) => State::Conforms.look(),
        };
        Self {
            look,
            id: clean(&capability.id),
            claimed: word(capability.claimed.as_deref(), "nothing"),
            observed: word(capability.observed.as_deref(), "not known"),
            why: word(capability.why.as_deref(), ""),
            frame: capability.at.map(|at| at.frame.to_string()).unwrap_or_default(),
        }
    }

    /// Whether a reader has to look at it: what is claimed and was not seen so.
    pub(crate) fn is_wrong(&self) -> bool {
        matches!(self.look.class, "bad" | "unsure")
    }
}

/// The rows of one discovery, in order.
pub(crate) fn rows(discovery: &Discovery) -> Vec<Row> {
    discovery.capabilities.iter().map(Row::of).collect()
}

/// What was seen, in one line: what it speaks, what it signs with, what it requires.
pub(crate) fn line(discovery: &Discovery) -> String {
    let mut parts = Vec::new();
    let of = |prefix: &str| -> Vec<String> {
        let all = discovery.capabilities.iter().filter(|it| it.observed.as_deref() == Some("yes"));
        all.filter_map(|it| it.id.strip_prefix(prefix)).map(clean).collect()
    };
    let mut dialects = of("dialect/");
    // The one of SMB1 is the oldest, whatever its name.
    dialects.sort_by_key(|it| (it != "nt1", it.clone()));
    for (what, found) in [("speaks", dialects), ("selects", of("signing/")), ("ciphers", of("cipher/"))] {
        if !found.is_empty() {
            parts.push(format!("{what} {}", found.join(" ")));
        }
    }
    let word =
        |id: &str| discovery.capabilities.iter().find(|it| it.id == id)?.observed.as_deref().map(clean);
    if let Some(mode) = word("security-mode/smb2") {
        parts.push(format!("signing {mode}"));
    }
    if let Some(mode) = word("security-mode/smb1") {
        parts.push(format!("SMB1 signing {mode}"));
    }
    for (id, who) in [("logon/unknown-user", "unknown user"), ("logon/anonymous", "anonymous")] {
        if let Some(word) = word(id) {
            parts.push(format!(
                "{who} {}",
                if word == "refused" { word } else { format!("let in as {word}") }
            ));
        }
    }
    parts.join(" · ")
}

/// How many claims about a target what was seen contradicts, and how many could not be found out.
pub(crate) fn wrong(target: &TargetResult) -> (usize, usize) {
    let all = || target.discovery.iter().flat_map(|it| &it.capabilities).map(Row::of);
    (all().filter(|it| it.look.class == "bad").count(), all().filter(|it| it.look.class == "unsure").count())
}
