//! Scenarios are data: what to do, over which axes, and what should happen.
//!
//! Parsed from TOML with spans, so that an unknown key, a wrong type or an unknown word is an error that shows the line.

mod axes;
mod deviation;
mod except;
mod order;
mod step;

pub use axes::{AlgorithmAxis, AxisValues, EachOr, OfferedId, ProfileAxis, SoftwareAxis};
pub use deviation::{
    Deviation, HeaderField, WrongFlag, WrongMessageId, WrongNegotiate, WrongSession, WrongSetup,
    WrongSignature, WrongValidate,
};
pub use except::Except;
pub use step::{Action, Instead, Protocol, ShareRole, Step, StepExpect};

use crate::case::{Axes, is_slug};
use crate::client::KnownClient;
use crate::outcome::CheckLevel;
use crate::plan;
use crate::software::Software;
use crate::words::Dialect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Which combinations of these values need not be asked for, as others show the same.
    #[serde(default)]
    pub except: Vec<Except>,
    /// Named SIGNING_CAPABILITIES offers for the `offer` axis.
    #[serde(default)]
    pub offers: BTreeMap<String, Vec<OfferedId>>,
    /// Named deviations for the `deviation` axis, taken by the steps that say `deviate = "by-axis"`.
    #[serde(default)]
    pub deviations: BTreeMap<String, Deviation>,
    /// How strongly the specification speaks for what `expect = "noticed"` wants.
    #[serde(default = "must")]
    pub level: CheckLevel,
    /// Which dialects the client offers besides that of the cell.
    #[serde(default, rename = "client-dialects")]
    pub client_dialects: ClientDialects,
    /// What to do, in order; nothing where a client that people run does what it does.
    #[serde(default)]
    pub step: Vec<Step>,
    /// The clients that its `profile` axis can name; see [`Scenario::with_clients`].
    #[serde(skip)]
    pub clients: Vec<KnownClient>,
    /// The clients that its `software` axis can name; see [`Scenario::with_software`].
    #[serde(skip)]
    pub software: Vec<Software>,
}

const fn must() -> CheckLevel {
    CheckLevel::Must
}

/// Which dialects the client of a cell offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientDialects {
    /// That of the cell.
    #[default]
    One,
    /// That of the cell and every older one of SMB2 and SMB3, as clients that people use do.
    UpTo,
}

/// Where a scenario's prediction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// From the policy tables ([`crate::predict()`]).
    #[default]
    Policy,
    /// From nowhere: something is done wrong on purpose, and what matters is what each step expects.
    Steps,
    /// From nowhere: somebody on the wire does something, and what matters is that the client or the server notices, that
    /// is, ends it.
    Noticed,
    /// From nowhere: somebody relays the client's logon, and what matters is that he can do nothing with it.
    RelayFails,
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
        self.check_software()?;
        let axes = &self.axes;
        let words = axes.words();
        if let Some((name, _)) = words.iter().find(|(_, words)| words.is_empty()) {
            return Err(format!("axis `{name}` has no values: give it at least one, or leave it out"));
        }
        for (axis, words) in &words {
            let repeated = words.iter().enumerate().find(|(i, word)| words[..*i].contains(word));
            if let Some((_, word)) = repeated {
                return Err(format!("axis `{axis}` has `{word}` twice: every value makes a case of its own"));
            }
        }
        for name in axes.offer.iter().flatten() {
            if !self.offers.contains_key(name) {
                return Err(format!("offer `{name}` is used in [axes] and not defined in [offers]"));
            }
            if !is_slug(name) {
                return Err(format!("offer `{name}` is not made of letters, digits, `.`, `_` and `-`"));
            }
        }
        self.check_deviations()?;
        for name in axes.attack.iter().flatten().chain(axes.defect.iter().flatten()) {
            if !is_slug(name) {
                return Err(format!("`{name}` is not made of letters, digits, `.`, `_` and `-`"));
            }
        }
        let own =
            ["client", "client.guest", "dialect", "algorithm", "generation", "extended-security", "offer"];
        if axes.profile.is_some()
            && let Some((axis, _)) = axes.words().iter().find(|(axis, _)| own.contains(axis))
        {
            return Err(format!("a client that `profile` names has its own `{axis}`: leave that axis out"));
        }
        if axes.attack.is_some() && axes.defect.is_some() {
            return Err("an interposer does one thing: take `attack` or `defect`".to_owned());
        }
        let faulty = axes.software.is_some() && axes.defect.is_some() && self.expect == Expect::Noticed;
        if axes.attack.is_none() && !faulty && matches!(self.expect, Expect::Noticed | Expect::RelayFails) {
            return Err("expect = \"noticed\" and \"relay-fails\" are for scenarios with the axis `attack`"
                .to_owned());
        }
        if self.level != CheckLevel::Must && self.expect != Expect::Noticed {
            return Err("`level` is about expect = \"noticed\"; steps have one of their own".to_owned());
        }
        for (index, step) in self.step.iter().enumerate() {
            self.check_step(step)
                .map_err(|mend| format!("step {} (`{}`): {mend}", index + 1, step.action.word()))?;
        }
        self.check_cells()
    }

    /// Makes clients known to the scenario. Without that, one that varies them has no cells.
    ///
    /// # Errors
    /// Its `profile` axis names another client, or its steps fit no cell.
    pub fn with_clients(mut self, file: &str, clients: &[KnownClient]) -> Result<Self, ScenarioError> {
        let error = |message: String| ScenarioError { file: file.to_owned(), message };
        if let Some(ProfileAxis::These(these)) = &self.axes.profile
            && let Some(unknown) = these.iter().find(|id| !clients.iter().any(|client| client.id == **id))
        {
            let known: Vec<&str> = clients.iter().map(|client| client.id.as_str()).collect();
            return Err(error(format!(
                "axis `profile`: there is no client `{unknown}`: {}",
                known.join(", ")
            )));
        }
        if self.axes.profile.is_some() {
            self.clients = clients.to_vec();
            self.check_cells().map_err(error)?;
        }
        Ok(self)
    }

    /// Makes the clients known to the scenario that people run. Without that, one that varies them has no cells.
    ///
    /// # Errors
    /// Its `software` axis names another one.
    pub fn with_software(mut self, file: &str, software: &[Software]) -> Result<Self, ScenarioError> {
        if let Some(SoftwareAxis::These(these)) = &self.axes.software
            && let Some(unknown) = these.iter().find(|id| !software.iter().any(|known| known.id == **id))
        {
            let known: Vec<&str> = software.iter().map(|known| known.id.as_str()).collect();
            let message = format!("axis `software`: there is no client `{unknown}`: {}", known.join(", "));
            return Err(ScenarioError { file: file.to_owned(), message });
        }
        if self.axes.software.is_some() {
            self.software = software.to_vec();
            let error = |message| ScenarioError { file: file.to_owned(), message };
            self.check_exceptions().map_err(error)?;
        }
        Ok(self)
    }

    /// Who does it: the probe, step by step, or a client that people run, which does what it does.
    fn check_software(&self) -> Result<(), String> {
        let axes = &self.axes;
        if axes.software.is_none() {
            if axes.setting.is_some() {
                return Err(
                    "`setting` is about a client that `software` names: its own axis is `client`".to_owned()
                );
            }
            return match self.step.is_empty() {
                true => Err("it has no [[step]]".to_owned()),
                false => Ok(()),
            };
        }
        if !self.step.is_empty() {
            return Err(
                "a client that `software` names does what it does: leave the [[step]]s out".to_owned()
            );
        }
        let own = [
            "client",
            "client.guest",
            "dialect",
            "algorithm",
            "generation",
            "extended-security",
            "offer",
            "profile",
            "mapping",
            "deviation",
        ];
        if let Some((axis, _)) = axes.words().iter().find(|(axis, _)| own.contains(axis)) {
            return Err(format!("a client that `software` names has its own `{axis}`: leave that axis out"));
        }
        if !matches!(self.expect, Expect::Policy | Expect::Noticed) {
            return Err("of a client that `software` names, expect \"policy\" or \"noticed\"".to_owned());
        }
        if self.expect == Expect::Policy && (axes.attack.is_some() || axes.defect.is_some()) {
            return Err("what is done on the way is to be noticed: say expect = \"noticed\"".to_owned());
        }
        Ok(())
    }

    /// What a step has that does not belong to it, or lacks.
    fn check_step(&self, step: &Step) -> Result<(), &'static str> {
        if (step.action == Action::TreeConnect) != step.share.is_some() {
            return Err("`share` belongs to every tree-connect and to nothing else");
        }
        if (step.action == Action::MultiProtocolNegotiate) != step.protocols.is_some() {
            return Err("`protocols` belongs to every multi-protocol-negotiate and to nothing else");
        }
        if step.protocols.as_ref().is_some_and(Vec::is_empty) {
            return Err("`protocols` is empty: a client offers at least one dialect");
        }
        if step.count.is_some() && (step.action != Action::Echo || step.count == Some(0)) {
            return Err("`count` belongs to echo alone, and is at least 1");
        }
        let several = [
            Action::MultiProtocolNegotiate,
            Action::SecondSession,
            Action::ReadRaw,
            Action::OplockBreak,
            Action::LeaseBreak,
            Action::CompoundRelated,
            Action::CompoundFailing,
            Action::Pipe,
            Action::Pipeline,
            Action::Reauthenticate,
        ];
        if step.deviate.is_some() && several.contains(&step.action) {
            return Err(
                "there is no deviation in this step yet: take one that sends a single signed request",
            );
        }
        if step.expect.status.is_empty() && step.expect.or.is_none() {
            return Err("`expect` takes neither an answer nor the end of the connection");
        }
        if step.deviate.is_some() && self.expect == Expect::Policy {
            return Err("the policy tables know nothing of deviations: say expect = \"steps\"");
        }
        Ok(())
    }

    /// What a step does wrong on purpose in the cell with these axes.
    ///
    /// # Errors
    /// It is to be taken from the `deviation` axis, and is not defined.
    pub(crate) fn deviation(&self, step: &Step, axes: &Axes) -> Result<Option<Deviation>, String> {
        match step.deviate {
            Some(Deviation::ByAxis) => {
                let name = axes.get("deviation").map_or("", String::as_str);
                match self.deviations.get(name) {
                    Some(Deviation::ByAxis) | None => {
                        Err(format!("deviation `{name}` is not defined in [deviations]"))
                    }
                    Some(deviation) => Ok(Some(*deviation)),
                }
            }
            deviation => Ok(deviation),
        }
    }

    /// Words of the `deviation` axis that nothing takes up would make cells in which nothing is wrong.
    fn check_deviations(&self) -> Result<(), String> {
        let words: Vec<&String> = self.axes.deviation.iter().flatten().collect();
        for name in &words {
            if !is_slug(name) {
                return Err(format!("deviation `{name}` is not made of letters, digits, `.`, `_` and `-`"));
            }
            let asked = |step: &Step| step.when.as_ref().is_some_and(|when| when.names("deviation", name));
            if !self.deviations.contains_key(*name) && !self.step.iter().any(asked) {
                return Err(format!(
                    "deviation `{name}` is defined in no [deviations] and asked for by no step's `when`"
                ));
            }
        }
        match self.deviations.keys().find(|name| !words.contains(name)) {
            Some(name) => Err(format!("[deviations] has `{name}`, and the axis `deviation` has not")),
            None => Ok(()),
        }
    }

    /// What can only be seen cell by cell.
    fn check_cells(&self) -> Result<(), String> {
        if self.axes.profile.is_some() && self.clients.is_empty() || self.axes.software.is_some() {
            return Ok(()); // It has no cells yet, or no steps.
        }
        self.check_exceptions()?;
        let mut taken = vec![false; self.step.len()];
        for cell in plan::cells(self) {
            let steps: Vec<(usize, &Step)> =
                self.step.iter().enumerate().filter(|(_, step)| cell.takes(&self.id, step)).collect();
            for (number, step) in &steps {
                if let Some(taken) = taken.get_mut(*number) {
                    *taken = true;
                }
                let place = || format!("step {} (`{}`)", number + 1, step.action.word());
                let deviation = self.deviation(step, &cell.axes).map_err(|e| format!("{}: {e}", place()))?;
                let has = |deviation: Deviation| match cell.dialect {
                    Dialect::Nt1 => deviation.is_of_smb1(),
                    _ => deviation.is_of_smb2(),
                };
                if let Some(wrong) = deviation.and_then(|deviation| misplaced(deviation, step.action)) {
                    return Err(format!("{}: {wrong}", place()));
                }
                if !deviation.is_none_or(has) {
                    return Err(format!(
                        "{}: clients of dialect `{}` have no such deviation",
                        place(),
                        cell.dialect
                    ));
                }
                if (step.count.is_some_and(|count| count > 1)) && cell.dialect != Dialect::Nt1 {
                    return Err(format!(
                        "step {} (`echo`): only dialect `nt1` answers an echo more than once",
                        number + 1
                    ));
                }
            }
            order::check(&steps, cell.dialect)?;
        }
        match taken.iter().position(|taken| !taken) {
            Some(number) => Err(format!(
                "step {} (`{}`): its `when` matches no cell of [axes]",
                number + 1,
                self.step[number].action.word()
            )),
            None => Ok(()),
        }
    }
}

/// Why a deviation cannot be of a step.
fn misplaced(deviation: Deviation, action: Action) -> Option<&'static str> {
    let (fits, mend) = match action {
        Action::Negotiate => (
            matches!(deviation, Deviation::Negotiate(_)),
            "deviations of `negotiate` belong to the step `negotiate`, and no others do",
        ),
        Action::SessionSetup => (
            matches!(deviation, Deviation::Setup(setup) if setup.is_granted()),
            "take a `setup` after which the session is granted: the others belong to `failed-setup`",
        ),
        Action::FailedSetup => (
            matches!(deviation, Deviation::Setup(setup) if !setup.is_granted()),
            "take a `setup` that is refused: the others belong to `session-setup`",
        ),
        Action::Elsewhere => (
            matches!(deviation, Deviation::Session(session) if session.is_elsewhere()),
            "it is about a session of another connection: take `session = \"elsewhere\"` or `\"bind\"`",
        ),
        Action::CompoundUnrelated
        | Action::Cancel
        | Action::Lock
        | Action::QueryDirectory
        | Action::ChangeNotify => (
            !matches!(
                deviation,
                Deviation::Negotiate(_)
                    | Deviation::Setup(_)
                    | Deviation::Validate(_)
                    | Deviation::Session(_)
                    | Deviation::MessageId(_)
                    | Deviation::Header(_)
            ) && (deviation != Deviation::Padding || action == Action::CompoundUnrelated),
            "only signatures, flags and bodies are changed here",
        ),
        Action::ValidateNegotiate => (
            !matches!(deviation, Deviation::Negotiate(_) | Deviation::Setup(_) | Deviation::Padding),
            "this deviation belongs to another step",
        ),
        _ => (
            !matches!(
                deviation,
                Deviation::Negotiate(_) | Deviation::Setup(_) | Deviation::Validate(_) | Deviation::Padding
            ) && !matches!(deviation, Deviation::Session(session) if session.is_elsewhere()),
            "deviations of `negotiate`, `setup`, `validate`, `padding` and another connection's session belong to steps of \
             their own",
        ),
    };
    (!fits).then_some(mend)
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
            (step("echo"), "after session-setup, which is the first step"),
            (format!("{setup}{setup}"), "no other is"),
            (format!("{setup}{}{}", step("logoff"), step("echo")), "nothing comes after logoff"),
            (format!("{setup}{mount}{}", step("read-raw")), "no such step"),
            (format!("{setup}{}", step("cancel")), "after tree-connect"),
            (format!("{setup}{mount}{}", step("pipe")), "`IPC$`"),
            (format!("{setup}{mount}{}", step("lock")), "create"),
            (format!("{setup}{mount}{}{}", step("create"), step("read-large")), "write-large"),
            (
                format!("{setup}{mount}{}{}{}", step("create"), step("write-large"), step("read")),
                "read-large",
            ),
            (format!("{setup}{mount}count = 2\n"), "`count`"),
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
