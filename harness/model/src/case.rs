//! A case: one cell of a scenario on a target, with a stable id.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Axis name to axis word, sorted by name.
pub type Axes = BTreeMap<String, String>;

/// `SCENARIO/axis=value,...@TARGET`, axes sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CaseId(String);

impl CaseId {
    /// The id of a cell of `scenario` on `target`.
    #[must_use]
    pub fn new(scenario: &str, axes: &Axes, target: &str) -> Self {
        let axes: Vec<String> = axes.iter().map(|(name, word)| format!("{name}={word}")).collect();
        Self(format!("{scenario}/{}@{target}", axes.join(",")))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether `text` may stand in an id: one or more of `[A-Za-z0-9._-]`, and not only dots (ids become file names).
#[must_use]
pub fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.bytes().all(|b| b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_sorted() {
        let axes: Axes = [
            ("server.signing", "required"),
            ("client", "required"),
            ("dialect", "3.1.1"),
            ("algorithm", "aes-128-gmac"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
        assert_eq!(
            CaseId::new("smb2-policy", &axes, "samba-4.22").as_str(),
            "smb2-policy/algorithm=aes-128-gmac,client=required,dialect=3.1.1,server.signing=required@samba-4.22"
        );
    }

    #[test]
    fn slugs() {
        assert!(is_slug("samba-4.22"));
        for bad in ["", ".", "..", "a/b", "a b", "127.0.0.1:445"] {
            assert!(!is_slug(bad), "{bad}");
        }
    }
}
