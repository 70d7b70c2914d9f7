//! Scenarios are data: what to do, over which axes, and what should happen.
//!
//! Parsed from TOML with spans, so that an unknown key, a wrong type or an unknown word is an error that shows the line.

use crate::case::is_slug;
use crate::outcome::CheckLevel;
use crate::status::NtStatus;
use crate::words::{Algorithm, Dialect, GuestMapping, GuestPolicy, Login, Signing};
use schemars::JsonSchema;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A scenario as its file says it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The slug: the file's name without `.toml`.
    #[serde(skip)]
    pub id: String,
    /// One line that says what is shown.
    pub title: String,
    /// The sections it rests on.
    pub cites: Vec<String>,
    /// Where the prediction comes from.
    pub expect: Expect,
    /// What it varies.
    pub axes: AxisValues,
    /// Named SIGNING_CAPABILITIES offers for the `offer` axis.
    #[serde(default)]
    pub offers: BTreeMap<String, Vec<OfferedId>>,
    /// What to do, in order.
    pub step: Vec<Step>,
}

/// Where a scenario's prediction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// From the policy tables ([`crate::predict()`]).
    Policy,
}

/// The axes a scenario varies. An axis that is absent has its default and does not appear in the id.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AxisValues {
    /// The client's signing policy.
    pub client: Option<Vec<Signing>>,
    /// The server's signing policy.
    #[serde(rename = "server.signing")]
    pub server_signing: Option<Vec<Signing>>,
    /// The one dialect the client offers.
    pub dialect: Option<Vec<Dialect>>,
    /// The one algorithm the client offers, or uses where the dialect knows no offer.
    pub algorithm: Option<AlgorithmAxis>,
    /// When the server maps to guest.
    #[serde(rename = "server.guest")]
    pub server_guest: Option<Vec<GuestMapping>>,
    /// Whether the client takes guest sessions.
    #[serde(rename = "client.guest")]
    pub client_guest: Option<Vec<GuestPolicy>>,
    /// What the client logs on with.
    pub login: Option<Vec<Login>>,
    /// A named list of algorithm ids to offer at 3.1.1; see [`Scenario::offers`].
    pub offer: Option<Vec<String>>,
}

impl AxisValues {
    /// Every axis name.
    pub const NAMES: &'static [&'static str] = &[
        "client",
        "server.signing",
        "dialect",
        "algorithm",
        "server.guest",
        "client.guest",
        "login",
        "offer",
    ];
}

/// `algorithm = "each"`, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlgorithmAxis {
    /// Every algorithm the dialect allows.
    Each,
    /// These, where the dialect allows them.
    These(Vec<Algorithm>),
}

// Written by hand because an untagged enum would answer a typing slip with "data did not match any variant".
impl<'de> Deserialize<'de> for AlgorithmAxis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Axis;
        impl<'de> Visitor<'de> for Axis {
            type Value = AlgorithmAxis;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"each\" or a list of algorithms")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<AlgorithmAxis, E> {
                if text == "each" {
                    Ok(AlgorithmAxis::Each)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AlgorithmAxis, A::Error> {
                let mut all = Vec::new();
                while let Some(algorithm) = seq.next_element()? {
                    all.push(algorithm);
                }
                Ok(AlgorithmAxis::These(all))
            }
        }
        deserializer.deserialize_any(Axis)
    }
}

/// One id in an offer: the name of an algorithm or a number that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferedId(pub u16);

impl<'de> Deserialize<'de> for OfferedId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;
        impl Visitor<'_> for Id {
            type Value = OfferedId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an SMB2 signing algorithm or a 16-bit number")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OfferedId, E> {
                let algorithm: Algorithm = text.parse().map_err(E::custom)?;
                algorithm
                    .smb2_id()
                    .map(OfferedId)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<OfferedId, E> {
                u16::try_from(number)
                    .map(OfferedId)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }
        deserializer.deserialize_any(Id)
    }
}

/// One protocol action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Connects, negotiates and logs on.
    SessionSetup,
    /// Mounts the share named by `share`.
    TreeConnect,
    /// FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 3.2.5.5), signed.
    ValidateNegotiate,
    /// Creates a new file of a name nobody else uses.
    Create,
    /// Writes a pattern to it.
    Write,
    /// FLUSH.
    Flush,
    /// Reads it back; the data must be what was written.
    Read,
    /// FileStandardInformation of it.
    QueryInfo,
    /// Lists the share's root, looking for the file.
    QueryDirectory,
    /// CLOSE with FILE_DELETE_ON_CLOSE set at CREATE: the file is gone after it.
    Delete,
    /// Opens the file again, which after `delete` must fail.
    Reopen,
    /// ECHO.
    Echo,
    /// TREE_DISCONNECT.
    TreeDisconnect,
    /// LOGOFF.
    Logoff,
}

impl Action {
    /// The word in scenario files and sidecars.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SessionSetup => "session-setup",
            Self::TreeConnect => "tree-connect",
            Self::ValidateNegotiate => "validate-negotiate",
            Self::Create => "create",
            Self::Write => "write",
            Self::Flush => "flush",
            Self::Read => "read",
            Self::QueryInfo => "query-info",
            Self::QueryDirectory => "query-directory",
            Self::Delete => "delete",
            Self::Reopen => "reopen",
            Self::Echo => "echo",
            Self::TreeDisconnect => "tree-disconnect",
            Self::Logoff => "logoff",
        }
    }
}

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// What to do.
    #[serde(rename = "do")]
    pub action: Action,
    /// Which share to mount (`tree-connect`): the test share, the guests' share, or `IPC$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<ShareRole>,
    /// Only at these dialects; everywhere where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialects: Option<Vec<Dialect>>,
    /// How its answer must look; success where absent.
    #[serde(default)]
    pub expect: StepExpect,
}

/// A share by what it is for; the target says what it is called there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ShareRole {
    /// The test account may read and write.
    #[serde(rename = "share")]
    Share,
    /// Guests may read and write.
    #[serde(rename = "guest")]
    Guest,
    /// The named-pipe share every server has.
    #[serde(rename = "IPC$")]
    Ipc,
}

/// How a step's answer must look where the client got that far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepExpect {
    /// The status of the answer.
    #[serde(default = "success")]
    pub status: NtStatus,
    /// How strongly.
    #[serde(default = "must")]
    pub level: CheckLevel,
}

const fn success() -> NtStatus {
    NtStatus::SUCCESS
}

const fn must() -> CheckLevel {
    CheckLevel::Must
}

impl Default for StepExpect {
    fn default() -> Self {
        Self { status: success(), level: must() }
    }
}

/// A scenario file that cannot be used. Displays the place and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scenario {file}: {message}")]
pub struct ScenarioError {
    /// The file's name as the reader knows it.
    pub file: String,
    /// What is wrong, with the line where it is.
    pub message: String,
}

impl Scenario {
    /// Parses the text of a scenario file; `id` is its name without `.toml`, `file` the name for messages.
    ///
    /// # Errors
    /// Unknown keys, wrong types and unknown words show their line; an empty axis, a `tree-connect` without a share or
    /// an offer that is not defined names itself.
    pub fn parse(id: &str, file: &str, text: &str) -> Result<Self, ScenarioError> {
        let error = |message: String| ScenarioError { file: file.to_owned(), message };
        let mut scenario: Self =
            toml::from_str(text).map_err(|e| error(e.to_string().trim_end().to_owned()))?;
        if !is_slug(id) {
            return Err(error(format!(
                "its name `{id}` is not made of letters, digits, `.`, `_` and `-`: rename the file"
            )));
        }
        id.clone_into(&mut scenario.id);
        scenario.check().map_err(error)?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), String> {
        if self.step.is_empty() {
            return Err("it has no [[step]]".to_owned());
        }
        let axes = &self.axes;
        let empty = [
            ("client", axes.client.as_ref().is_some_and(Vec::is_empty)),
            ("server.signing", axes.server_signing.as_ref().is_some_and(Vec::is_empty)),
            ("dialect", axes.dialect.as_ref().is_some_and(Vec::is_empty)),
            ("algorithm", axes.algorithm == Some(AlgorithmAxis::These(vec![]))),
            ("server.guest", axes.server_guest.as_ref().is_some_and(Vec::is_empty)),
            ("client.guest", axes.client_guest.as_ref().is_some_and(Vec::is_empty)),
            ("login", axes.login.as_ref().is_some_and(Vec::is_empty)),
            ("offer", axes.offer.as_ref().is_some_and(Vec::is_empty)),
        ];
        if let Some((name, _)) = empty.iter().find(|(_, empty)| *empty) {
            return Err(format!("axis `{name}` has no values: give it at least one, or leave it out"));
        }
        for name in axes.offer.iter().flatten() {
            if !self.offers.contains_key(name) {
                return Err(format!("offer `{name}` is used in [axes] and not defined in [offers]"));
            }
            if !is_slug(name) {
                return Err(format!("offer `{name}` is not made of letters, digits, `.`, `_` and `-`"));
            }
        }
        if let Some((axis, word)) = self.repeated_words().first() {
            return Err(format!("axis `{axis}` has `{word}` twice: every value makes a case of its own"));
        }
        if self.axes.dialect.iter().flatten().any(|dialect| *dialect == Dialect::Nt1) {
            return Err("dialect `nt1`: there is no SMB1 client yet".to_owned());
        }
        self.check_order()?;
        for (index, step) in self.step.iter().enumerate() {
            let tree_connect = step.action == Action::TreeConnect;
            if tree_connect != step.share.is_some() {
                return Err(format!(
                    "step {} (`{}`): `share` belongs to every tree-connect and to nothing else",
                    index + 1,
                    step.action.word()
                ));
            }
        }
        Ok(())
    }

    /// Words that stand twice in one axis.
    fn repeated_words(&self) -> Vec<(&'static str, String)> {
        fn twice<T: PartialEq + fmt::Display>(values: Option<&Vec<T>>) -> Option<String> {
            let values = values?;
            let repeated = values.iter().enumerate().find(|(i, value)| values[..*i].contains(value));
            repeated.map(|(_, value)| value.to_string())
        }
        let axes = &self.axes;
        let algorithms = match &axes.algorithm {
            Some(AlgorithmAxis::These(these)) => Some(these),
            _ => None,
        };
        [
            ("client", twice(axes.client.as_ref())),
            ("server.signing", twice(axes.server_signing.as_ref())),
            ("dialect", twice(axes.dialect.as_ref())),
            ("algorithm", twice(algorithms)),
            ("server.guest", twice(axes.server_guest.as_ref())),
            ("client.guest", twice(axes.client_guest.as_ref())),
            ("login", twice(axes.login.as_ref())),
            ("offer", twice(axes.offer.as_ref())),
        ]
        .into_iter()
        .filter_map(|(axis, word)| word.map(|word| (axis, word)))
        .collect()
    }

    /// An order that no client could keep to would make a correct server look wrong.
    fn check_order(&self) -> Result<(), String> {
        let (mut mounted, mut open, mut ended) = (false, false, false);
        for (number, step) in self.step.iter().enumerate() {
            let wrong = |mend: &str| Err(format!("step {} (`{}`): {mend}", number + 1, step.action.word()));
            if (number == 0) != (step.action == Action::SessionSetup) {
                return wrong("the first step is session-setup, and no other is");
            }
            if ended {
                return wrong("nothing comes after logoff");
            }
            match step.action {
                Action::SessionSetup | Action::Echo => {}
                Action::TreeConnect if mounted => return wrong("the share is mounted already"),
                Action::TreeConnect => mounted = true,
                Action::ValidateNegotiate => {
                    // 3.3.5.15.12: at 3.1.1 the server MUST end the connection.
                    let dialects = step.dialects.as_ref().or(self.axes.dialect.as_ref());
                    if dialects.is_none_or(|dialects| dialects.contains(&Dialect::Smb311)) {
                        return wrong("say `dialects = [...]` without 3.1.1, where a server must disconnect");
                    }
                    if !mounted {
                        return wrong("it comes after tree-connect");
                    }
                }
                Action::Create if !mounted => return wrong("it comes after tree-connect"),
                Action::Create if open => return wrong("the file is open already"),
                Action::Create => open = true,
                Action::Write | Action::Flush | Action::Read | Action::QueryInfo | Action::Delete
                    if !open =>
                {
                    return wrong("it needs the file that create opens");
                }
                Action::Delete => open = false,
                Action::Write | Action::Flush | Action::Read | Action::QueryInfo => {}
                Action::Reopen if open => return wrong("the file is still open: delete it first"),
                Action::QueryDirectory | Action::Reopen | Action::TreeDisconnect if !mounted => {
                    return wrong("it comes after tree-connect");
                }
                Action::QueryDirectory | Action::Reopen => {}
                Action::TreeDisconnect => (mounted, open) = (false, false),
                Action::Logoff => ended = true,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
title = "t"
cites = ["MS-SMB2 3.2.5.2"]
expect = "policy"
[axes]
client = ["required"]
dialect = ["3.1.1"]
algorithm = "each"
"server.signing" = ["required", "not-required"]
[[step]]
do = "session-setup"
[[step]]
do = "tree-connect"
share = "share"
"#;

    fn error(text: &str) -> String {
        Scenario::parse("s", "s.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_good_one() {
        let scenario = Scenario::parse("s", "s.toml", GOOD).unwrap();
        assert_eq!(scenario.axes.algorithm, Some(AlgorithmAxis::Each));
        assert_eq!(scenario.step[1].share, Some(ShareRole::Share));
        assert_eq!(scenario.step[0].expect, StepExpect::default());
    }

    #[test]
    fn an_unknown_key_shows_its_line() {
        let message = error(&GOOD.replace("share = \"share\"", "sahre = \"share\""));
        assert!(message.contains("line 14") && message.contains("sahre"), "{message}");
    }

    #[test]
    fn a_wrong_type_shows_its_line() {
        let message = error(&GOOD.replace("client = [\"required\"]", "client = 3"));
        assert!(message.contains("line 6") && message.contains("client = 3"), "{message}");
    }

    #[test]
    fn an_unknown_word_shows_its_line_and_the_known_ones() {
        let message = error(&GOOD.replace("\"3.1.1\"", "\"3.1\""));
        assert!(message.contains("line 7") && message.contains("`3.0.2`"), "{message}");
        let message = error(&GOOD.replace("\"each\"", "\"all\""));
        assert!(message.contains("line 8") && message.contains("each"), "{message}");
        let message = error(&GOOD.replace("session-setup", "session-start"));
        assert!(message.contains("line 11") && message.contains("session-start"), "{message}");
    }

    #[test]
    fn an_order_no_client_could_keep_to() {
        let with = |steps: &str| {
            let head = GOOD.split("[[step]]").next().unwrap_or_default();
            Scenario::parse("s", "s.toml", &format!("{head}{steps}")).map(|_| ()).map_err(|e| e.to_string())
        };
        let step = |action: &str| format!("[[step]]\ndo = \"{action}\"\n");
        let (setup, mount) = (step("session-setup"), format!("{}share = \"share\"\n", step("tree-connect")));
        for (steps, says) in [
            (step("echo"), "the first step is session-setup"),
            (format!("{setup}{setup}"), "no other is"),
            (format!("{setup}{}{}", step("logoff"), step("echo")), "nothing comes after logoff"),
            (format!("{setup}{mount}{}", step("read")), "create"),
            (format!("{setup}{}", step("create")), "after tree-connect"),
            (format!("{setup}{mount}{}", step("validate-negotiate")), "3.1.1"),
        ] {
            let message = with(&steps).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
        assert_eq!(
            with(&format!("{setup}{mount}{}{}{}", step("create"), step("read"), step("delete"))),
            Ok(())
        );
        assert!(error(&GOOD.replace("[\"required\"]", "[\"required\", \"required\"]")).contains("twice"));
        assert!(error(&GOOD.replace("\"3.1.1\"", "\"nt1\"")).contains("nt1"));
    }

    #[test]
    fn what_types_cannot_say() {
        assert!(error(&GOOD.replace("[\"required\"]", "[]")).contains("axis `client`"));
        assert!(error(&GOOD.replace("share = \"share\"", "")).contains("step 2"));
        let offer = GOOD.replace("algorithm = \"each\"", "offer = [\"x\"]");
        assert!(error(&offer).contains("offer `x`"));
        assert!(Scenario::parse("a b", "a b.toml", GOOD).is_err());
    }

    #[test]
    fn offers_take_names_and_numbers() {
        let text = GOOD.replace("algorithm = \"each\"", "offer = [\"mixed\"]").replace(
            "[[step]]\ndo = \"session-setup\"",
            "[offers]\nmixed = [0x7777, \"aes-128-gmac\"]\n[[step]]\ndo = \"session-setup\"",
        );
        let scenario = Scenario::parse("s", "s.toml", &text).unwrap();
        assert_eq!(scenario.offers["mixed"], vec![OfferedId(0x7777), OfferedId(2)]);
        let message = error(&text.replace("0x7777", "0x17777"));
        assert!(message.contains("line 11") && message.contains("16-bit"), "{message}");
        let message = error(&text.replace("0x7777", "\"md5\""));
        assert!(message.contains("SMB2 signing algorithm"), "{message}");
    }
}
