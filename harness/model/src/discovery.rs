//! What a server really does, asked before the scenarios, beside what is claimed of it.
//!
//! A [`Question`] is one connection. What was seen is computed from the recorded bytes alone (by `judge`), and here it is
//! only named: a [`Topic`] has a claimed word and an observed one, and where the two differ that is a finding.

mod case;

use crate::expectation::Condition;
use crate::outcome::{Finding, FrameRef};
use crate::plan::PlannedCase;
use crate::profile::ServerPolicy;
use crate::target::{Target, TargetKind};
use crate::words::{Algorithm, Dialect, DialectRange, GuestMapping, Login, Signing, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

/// The rule that compares what a target declares with what was seen.
pub const DECLARED_RULE: &str = "target/declared";

words! {
    /// A cipher of SMB2_ENCRYPTION_CAPABILITIES ([MS-SMB2] 2.2.3.1.2).
    Cipher, "cipher" {
        /// AES-128-CCM.
        Aes128Ccm = "aes-128-ccm",
        /// AES-128-GCM.
        Aes128Gcm = "aes-128-gcm",
        /// AES-256-CCM.
        Aes256Ccm = "aes-256-ccm",
        /// AES-256-GCM.
        Aes256Gcm = "aes-256-gcm",
    }
}

impl Cipher {
    /// Its id in the context.
    #[must_use]
    pub const fn id(self) -> u16 {
        match self {
            Self::Aes128Ccm => 1,
            Self::Aes128Gcm => 2,
            Self::Aes256Ccm => 3,
            Self::Aes256Gcm => 4,
        }
    }
}

/// What one connection asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A NEGOTIATE that offers this dialect alone.
    Dialect(Dialect),
    /// A NEGOTIATE of 3.1.1 whose SMB2_SIGNING_CAPABILITIES holds this algorithm alone.
    Signing(Algorithm),
    /// A NEGOTIATE of 3.1.1 whose SMB2_ENCRYPTION_CAPABILITIES holds this cipher alone.
    Cipher(Cipher),
    /// A logon, at the newest dialect that was answered.
    Logon(Login),
}

impl Question {
    /// Everything there is to ask, in order; logons that must fail only where they may be tried, because a server can
    /// lock an account for them.
    #[must_use]
    pub fn all(failed_logons: bool) -> Vec<Self> {
        let signing = Algorithm::ALL.iter().filter(|it| it.smb2_id().is_some());
        let logons = [Login::User, Login::Anonymous, Login::UnknownUser, Login::WrongPassword];
        Dialect::ALL
            .iter()
            .map(|it| Self::Dialect(*it))
            .chain(signing.map(|it| Self::Signing(*it)))
            .chain(Cipher::ALL.iter().map(|it| Self::Cipher(*it)))
            .chain(logons.into_iter().filter(|it| failed_logons || !fails(*it)).map(Self::Logon))
            .collect()
    }
}

/// Whether a server without guests has to refuse it, and may count it against whoever tries.
#[must_use]
pub const fn fails(login: Login) -> bool {
    matches!(login, Login::UnknownUser | Login::WrongPassword)
}

/// What something was found out about. Displays as its id, such as `dialect/2.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Whether it speaks a dialect: `yes` or `no`.
    Dialect(Dialect),
    /// Whether it selects an algorithm by SMB2_SIGNING_CAPABILITIES: `yes` or `no`.
    Signing(Algorithm),
    /// Whether it selects a cipher: `yes` or `no`.
    Cipher(Cipher),
    /// What SecurityMode says in SMB2: `required` or `not-required`.
    Smb2Mode,
    /// What SecurityMode says in SMB1: `required`, `enabled` or `disabled`.
    Smb1Mode,
    /// As whom a logon is taken: `user`, `guest`, `anonymous` or `refused`.
    Logon(Login),
    /// Whether sessions are encrypted by all means: `required` or `off`.
    Encryption,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialect(it) => write!(f, "dialect/{it}"),
            Self::Signing(it) => write!(f, "signing/{it}"),
            Self::Cipher(it) => write!(f, "cipher/{it}"),
            Self::Smb2Mode => f.write_str("security-mode/smb2"),
            Self::Smb1Mode => f.write_str("security-mode/smb1"),
            Self::Logon(it) => write!(f, "logon/{it}"),
            Self::Encryption => f.write_str("encryption"),
        }
    }
}

/// What is claimed, by the id of its topic.
pub type Claims = BTreeMap<String, String>;

/// A discovery as it stands in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedDiscovery {
    /// What the server that is asked is set to; nothing where it is not ours to set.
    pub server: Option<ServerPolicy>,
    /// What is claimed of it.
    pub claims: Claims,
    /// Whether logons that must fail are tried.
    pub failed_logons: bool,
}

/// One thing that was asked: claimed beside observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capability {
    /// What it is about, such as `dialect/2.1`, `signing/aes-128-gmac` or `security-mode/smb2`.
    pub id: String,
    /// What is claimed; `null` where nothing is.
    pub claimed: Option<String>,
    /// What was seen; `null` where it is not known.
    pub observed: Option<String>,
    /// Why it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The message that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<FrameRef>,
}

/// What a server was seen to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Discovery {
    /// The run that asked.
    pub run: String,
    /// The ServerGuid that it answered with, in hexadecimal digits ([MS-SMB2] 2.2.4).
    pub server_guid: Option<String>,
    /// Claimed beside observed.
    pub capabilities: Vec<Capability>,
    /// How many claims were compared with what was seen.
    pub checks: u64,
    /// Where the two differ.
    pub findings: Vec<Finding>,
    /// The pcapng, relative to the run folder.
    pub evidence: Option<String>,
}

impl Discovery {
    /// The word observed of a topic.
    #[must_use]
    pub fn observed(&self, topic: Topic) -> Option<&str> {
        self.capability(topic)?.observed.as_deref()
    }

    /// The word claimed of a topic.
    #[must_use]
    pub fn claimed(&self, topic: Topic) -> Option<&str> {
        self.capability(topic)?.claimed.as_deref()
    }

    fn capability(&self, topic: Topic) -> Option<&Capability> {
        let id = topic.to_string();
        self.capabilities.iter().find(|it| it.id == id)
    }

    /// The algorithms that it selected by single offers.
    #[must_use]
    pub fn signing(&self) -> Vec<Algorithm> {
        let seen = |it: &&Algorithm| self.observed(Topic::Signing(**it)) == Some("yes");
        Algorithm::ALL.iter().filter(seen).copied().collect()
    }

    /// The dialects that it speaks, oldest first.
    #[must_use]
    pub fn dialects(&self) -> Vec<Dialect> {
        let seen = |it: &&Dialect| self.observed(Topic::Dialect(**it)) == Some("yes");
        Dialect::ALL.iter().filter(seen).copied().collect()
    }

    /// When it maps failed logons to guest, where that was asked.
    #[must_use]
    pub fn guest(&self) -> Option<GuestMapping> {
        let logon = |login| self.observed(Topic::Logon(login));
        match (logon(Login::UnknownUser)?, logon(Login::WrongPassword)?) {
            ("guest", "guest") => Some(GuestMapping::BadPassword),
            ("guest", "refused") => Some(GuestMapping::BadUser),
            ("refused", "refused") => Some(GuestMapping::Never),
            _ => None,
        }
    }

    /// Whether something that is claimed could not be found out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.capabilities.iter().any(|it| it.claimed.is_some() && it.observed.is_none())
    }
}

/// What to ask of a server that this run sets up: the one among its cases' that speaks the most, and what is claimed of it
/// as it is set. Nothing where no case can run.
#[must_use]
pub fn plan_discovery(target: &Target, cases: &[PlannedCase]) -> Option<PlannedDiscovery> {
    if target.kind == TargetKind::External {
        let claims = target.claims.clone();
        return Some(PlannedDiscovery { server: None, claims, failed_logons: target.failed_logons });
    }
    let runnable = cases.iter().filter(|case| case.target == target.id && case.unsupported.is_none());
    let server = runnable.map(|case| &case.server).min_by_key(|policy| {
        // SMB1 first: it has questions of its own.
        let speaks = |dialect: &&Dialect| (policy.dialects.0..=policy.dialects.1).contains(*dialect);
        let many = Dialect::ALL.iter().filter(speaks).count();
        (Reverse(many), policy.signing == Signing::Required, *policy)
    })?;
    let claims = claims(target, server);
    Some(PlannedDiscovery { server: Some(server.clone()), claims, failed_logons: true })
}

/// What is claimed of a server that is set to `policy`.
fn claims(target: &Target, policy: &ServerPolicy) -> Claims {
    let mut all = Claims::new();
    let mut claim = |topic: Topic, word: &str| drop(all.insert(topic.to_string(), word.to_owned()));
    let (lowest, highest) = policy.dialects;
    for dialect in Dialect::ALL {
        let speaks = (lowest..=highest).contains(dialect) && !target.denies(&[("dialect", dialect.word())]);
        claim(Topic::Dialect(*dialect), yes(speaks));
    }
    for algorithm in Algorithm::ALL.iter().filter(|it| it.smb2_id().is_some()) {
        let set = policy.algorithms.as_ref().is_none_or(|set| set.contains(algorithm));
        let has = target.signing_capabilities.contains(algorithm);
        // They are selected by a context that 3.1.1 alone has.
        claim(Topic::Signing(*algorithm), yes(has && set && highest == Dialect::Smb311));
    }
    let required = policy.signing == Signing::Required;
    if highest > Dialect::Nt1 {
        claim(Topic::Smb2Mode, if required { "required" } else { "not-required" });
    }
    if required && lowest == Dialect::Nt1 {
        claim(Topic::Smb1Mode, "required");
    }
    claim(Topic::Encryption, if policy.encryption.word() == "required" { "required" } else { "off" });
    claim(Topic::Logon(Login::User), "user");
    if target.denies(&[("login", "anonymous")]) {
        claim(Topic::Logon(Login::Anonymous), "refused");
    }
    let guest = |mapped: bool| if mapped { "guest" } else { "refused" };
    claim(Topic::Logon(Login::UnknownUser), guest(policy.guest != GuestMapping::Never));
    claim(Topic::Logon(Login::WrongPassword), guest(policy.guest == GuestMapping::BadPassword));
    all
}

/// What a file about a server says that is not ours to set, as claims.
#[must_use]
pub fn stated(dialects: Option<DialectRange>, signing: Option<&[Algorithm]>, denied: &[Condition]) -> Claims {
    let mut all = Claims::new();
    let denies = |axes: &[(&str, &str)]| denied.iter().any(|when| when.is_within(axes));
    for dialect in Dialect::ALL {
        let word = match dialects {
            Some(range) => yes((range.lowest..=range.highest).contains(dialect)),
            None if denies(&[("dialect", dialect.word())]) => "no",
            None => continue,
        };
        all.insert(Topic::Dialect(*dialect).to_string(), word.to_owned());
    }
    for algorithm in Algorithm::ALL.iter().filter(|it| it.smb2_id().is_some()) {
        let word = match signing {
            Some(signing) => yes(signing.contains(algorithm)),
            None if denies(&[("dialect", "3.1.1"), ("algorithm", algorithm.word())]) => "no",
            None => continue,
        };
        all.insert(Topic::Signing(*algorithm).to_string(), word.to_owned());
    }
    if denies(&[("login", "anonymous")]) {
        all.insert(Topic::Logon(Login::Anonymous).to_string(), "refused".to_owned());
    }
    all
}

/// The word for whether something is so.
#[must_use]
pub const fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}

#[cfg(test)]
mod tests;
