//! Clients that people run, run for real: each a folder that says how it is driven, set and understood.
//!
//! Everything that is special to one stands in `containers/clients/NAME/`; what it does is recorded on its way to the server.

use crate::case::is_slug;
use crate::expectation::{Expectation, parse_expectations};
use crate::profile::{ClientProfile, SigningOffer};
use crate::target::BaseImage;
use crate::words::{Algorithm, Dialect, ExtendedSecurity, Generation, GuestPolicy, Signing, words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

words! {
    /// What a client's signing is set to.
    Setting, "signing setting" {
        /// Nothing: the client as it comes.
        Default = "default",
        /// It requires signing.
        Required = "required",
        /// It does not.
        NotRequired = "not-required",
    }
}

words! {
    /// What something that a client prints means for the person in front of it.
    Means, "meaning" {
        /// A signature is missing or wrong: STATUS_INVALID_SIGNATURE, in whatever words.
        InvalidSignature = "invalid-signature",
        /// It takes no guest session.
        GuestBlocked = "guest-blocked",
        /// It requires signing, and the session has no secret to sign with.
        SigningImpossible = "signing-impossible",
        /// STATUS_ACCESS_DENIED, in whatever words.
        AccessDenied = "access-denied",
        /// The logon failed.
        LogonFailure = "logon-failure",
        /// There is no dialect that both speak.
        NoCommonDialect = "no-common-dialect",
        /// The server selected a signing algorithm that was not offered.
        AlgorithmNotOffered = "algorithm-not-offered",
        /// The negotiation failed.
        NegotiateFailed = "negotiate-failed",
        /// The connection ended.
        Disconnected = "disconnected",
        /// It waited too long for an answer.
        Timeout = "timeout",
        /// There is no such share or file.
        NotFound = "not-found",
        /// It cannot do what it was set to.
        Unsupported = "unsupported",
        /// It failed, and its message says no more than that.
        Other = "other",
    }
}

words! {
    /// One thing that a client is asked to do.
    Did, "deed" {
        /// Log on, and mount the share.
        Mount = "mount",
        /// Create a file and write to it.
        Write = "write",
        /// Read back what was written.
        Read = "read",
        /// Remove the file.
        Delete = "delete",
    }
}

/// A message of a client, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Says {
    /// What stands somewhere in what it prints.
    pub text: String,
    /// What that means.
    pub means: Means,
    /// What a person should know besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a client offers as it comes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offers {
    /// The dialects, oldest first.
    pub dialects: Vec<Dialect>,
    /// Its signing policy.
    pub signing: Signing,
    /// The signing algorithms of its SMB2_SIGNING_CAPABILITIES, in order; none where it sends none.
    pub algorithms: Vec<Algorithm>,
    /// Whether it stays in a session that the server says is a guest's.
    pub guest: GuestPolicy,
}

/// How a client in a container is built and driven.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Container {
    /// The base image its Dockerfile starts from.
    pub base: BaseImage,
    /// A command whose first line of output is the client's version.
    pub version: Vec<String>,
    /// What does the work of one case.
    pub command: Vec<String>,
    /// What runs beside it all the time; it makes the file `/countersign/ready` when it is ready.
    #[serde(default)]
    pub start: Vec<String>,
    /// How much memory the container may use, in MiB.
    pub memory_mib: u64,
    /// How many cases it does at the same time.
    pub parallel: NonZeroU16,
    /// After how many seconds a case is ended.
    pub seconds: NonZeroU16,
}

/// The content of a `client.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Software {
    /// The slug: the folder's name.
    #[serde(skip)]
    pub id: String,
    /// What a person calls it.
    pub title: String,
    /// Whether a run that names no client includes it.
    #[serde(default)]
    pub default: bool,
    /// The driver inside this program, where it runs here.
    pub driver: Option<String>,
    /// The version of what runs here.
    pub version: Option<String>,
    /// How its container is built and driven, where it runs in one.
    pub container: Option<Container>,
    /// Its own word for each setting; what it has no word for it cannot be set to.
    pub signing: BTreeMap<Setting, String>,
    /// What it offers as it comes.
    pub offers: Offers,
    /// What its messages mean: the first that is found in what it printed counts.
    #[serde(default)]
    pub says: Vec<Says>,
    /// Its known deviations, on whatever server.
    #[serde(skip)]
    pub expectations: Vec<Expectation>,
}

/// A client's folder that cannot be used. Displays the place and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("client {id}/{file}: {message}")]
pub struct SoftwareError {
    /// The folder's name.
    pub id: String,
    /// The file in it.
    pub file: &'static str,
    /// What is wrong, with the line where it is.
    pub message: String,
}

impl Software {
    /// Parses a client's folder: `client.toml`, and `expectations.toml` (empty where there is none).
    ///
    /// # Errors
    /// Unknown keys and wrong types show their line; a client that is neither here nor in a container, or that has no word
    /// for `default`, says so.
    pub fn parse(id: &str, text: &str, expectations: &str) -> Result<Self, SoftwareError> {
        let error = |file, message: String| SoftwareError { id: id.to_owned(), file, message };
        let wrong = |message: &str| error("client.toml", message.to_owned());
        let mut software: Self =
            toml::from_str(text).map_err(|e| error("client.toml", e.to_string().trim_end().to_owned()))?;
        if !is_slug(id) {
            return Err(wrong("its folder's name is not made of letters, digits, `.`, `_` and `-`"));
        }
        if software.driver.is_some() == software.container.is_some() {
            return Err(wrong("it needs either `driver` or [container]"));
        }
        if software.driver.is_some() != software.version.is_some() {
            return Err(wrong("`version` belongs to `driver`: a container is asked for its own"));
        }
        if software.container.as_ref().is_some_and(|it| it.command.is_empty() || it.version.is_empty()) {
            return Err(wrong("`command` and `version` of [container] name a program"));
        }
        if !software.signing.contains_key(&Setting::Default) {
            return Err(wrong(
                "[signing] has no `default`: say what it is set to as it comes, `\"\"` for nothing",
            ));
        }
        if software.signing.values().any(|word| word.contains('\n')) {
            return Err(wrong("the words of [signing] are one line each"));
        }
        if software.offers.dialects.is_empty() || !software.offers.dialects.is_sorted_by(|a, b| a < b) {
            return Err(wrong("`dialects` of [offers] names at least one, each once, the oldest first"));
        }
        if let Some(algorithm) = software.offers.algorithms.iter().find(|it| it.smb2_id().is_none()) {
            return Err(wrong(&format!("`{algorithm}` cannot be offered at 3.1.1")));
        }
        if software.says.iter().any(|says| says.text.trim().is_empty()) {
            return Err(wrong("a [[says]] without `text` would be found in everything"));
        }
        software.expectations =
            parse_expectations(expectations).map_err(|message| error("expectations.toml", message))?;
        id.clone_into(&mut software.id);
        Ok(software)
    }

    /// The client in a case, set to this.
    #[must_use]
    pub fn profile(&self, setting: Setting) -> ClientProfile {
        let smb1 = self.offers.dialects == [Dialect::Nt1];
        ClientProfile {
            id: self.id.clone(),
            dialects: self.offers.dialects.clone(),
            signing: match setting {
                Setting::Default => self.offers.signing,
                Setting::Required => Signing::Required,
                Setting::NotRequired if smb1 => Signing::Enabled,
                Setting::NotRequired => Signing::NotRequired,
            },
            algorithms: match self.offers.algorithms.as_slice() {
                [] => SigningOffer::None,
                algorithms => SigningOffer::of(algorithms),
            },
            guest: self.offers.guest,
            generation: if smb1 { Generation::Smb1Current } else { Generation::Smb2 },
            extended_security: ExtendedSecurity::Yes,
        }
    }
}

/// The client of a case, where it is one that people run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedSoftware {
    /// Its slug.
    pub id: String,
    /// What its signing is set to.
    pub setting: Setting,
    /// The same in its own word.
    pub word: String,
    /// What its messages mean.
    pub says: Vec<Says>,
}

/// How the work of a client ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By itself.
    ByItself,
    /// It was ended, because it took too long.
    TimedOut,
    /// It crashed.
    Crashed,
}

/// What a client said of its work. Recorded as it was printed, without the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Said {
    /// What it printed, and the lines `did: ...` of whoever drove it.
    pub printed: String,
    /// Whether it says that everything went well.
    pub success: bool,
    /// How it ended.
    pub ended: Ended,
}

/// The most of what a client printed that stands in results; the evidence has all of it.
const SHOWN: usize = 2000;

/// What a client that people run made of its case, for the person in front of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SoftwareResult {
    /// Its slug.
    pub id: String,
    /// What its signing was set to.
    pub setting: Setting,
    /// What it did.
    pub did: Vec<Did>,
    /// Whether that is everything that it was asked for.
    pub done: bool,
    /// How it ended.
    pub ended: Ended,
    /// What it printed means; `null` where it did everything, or where nobody knows the message.
    pub means: Option<Means>,
    /// What a person should know besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The end of what it printed itself.
    pub printed: String,
}

impl SoftwareResult {
    /// What a client said of its work.
    #[must_use]
    pub fn of(software: &PlannedSoftware, said: &Said) -> Self {
        let done = said.is_done();
        let meaning = said.meaning(&software.says).filter(|_| !done);
        let own = said.own_words();
        let skip = own.chars().count().saturating_sub(SHOWN);
        Self {
            id: software.id.clone(),
            setting: software.setting,
            did: said.did(),
            done,
            ended: said.ended,
            means: meaning.map(|says| says.means),
            note: meaning.and_then(|says| says.note.clone()),
            printed: own.chars().skip(skip).collect(),
        }
    }
}

/// The lines of a driver, in front of what was done and of what a client has no way to do.
const DID: &str = "did: ";
const CANNOT: &str = "cannot: ";

/// Whether a line says what was done, or what a client has no way to do.
#[must_use]
pub fn is_mark(line: &str) -> bool {
    line.starts_with(DID) || line.starts_with(CANNOT)
}

impl Said {
    /// What it did, in its own words: a driver prints a line once a thing is done.
    #[must_use]
    pub fn did(&self) -> Vec<Did> {
        self.marked(DID)
    }

    /// Whether it did everything that it was asked for, but for what it has no way to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.success && self.ended == Ended::ByItself && self.did_all()
    }

    /// The same, however it ended: whoever has done everything has not noticed a thing, and may still stumble at its farewell.
    #[must_use]
    pub fn did_all(&self) -> bool {
        let (did, cannot) = (self.did(), self.marked(CANNOT));
        did.contains(&Did::Mount) && Did::ALL.iter().all(|deed| did.contains(deed) || cannot.contains(deed))
    }

    /// What it printed means, where it did not do everything. A message that nobody knows means nothing.
    #[must_use]
    pub fn meaning<'s>(&self, says: &'s [Says]) -> Option<&'s Says> {
        says.iter().find(|says| self.printed.contains(&says.text))
    }

    /// What the client itself printed: without the lines of whoever drove it.
    #[must_use]
    pub fn own_words(&self) -> String {
        let own = self.printed.lines().filter(|line| !is_mark(line));
        own.collect::<Vec<_>>().join("\n")
    }

    fn marked(&self, mark: &str) -> Vec<Did> {
        self.printed.lines().filter_map(|line| line.strip_prefix(mark)?.trim().parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "title = \"t\"\ndriver = \"d\"\nversion = \"1\"\n[signing]\ndefault = \"\"\nrequired = \"yes\"\n\
        [offers]\ndialects = [\"2.1\", \"3.1.1\"]\nsigning = \"not-required\"\nalgorithms = [\"aes-128-cmac\"]\n\
        guest = \"allowed\"\n[[says]]\ntext = \"NO WAY\"\nmeans = \"access-denied\"\n";

    #[test]
    fn a_good_one() {
        let software = Software::parse("s", GOOD, "").unwrap();
        assert_eq!(software.profile(Setting::Default).signing, Signing::NotRequired);
        assert_eq!(software.profile(Setting::Required).signing, Signing::Required);
        assert_eq!(software.profile(Setting::Default).algorithms, SigningOffer::Ids(vec![1]));
    }

    #[test]
    fn mistakes_say_where_and_what() {
        let error = |text: &str| Software::parse("s", text, "").unwrap_err().to_string();
        assert!(error(&GOOD.replace("guest", "geust")).contains("geust"));
        assert!(error(&GOOD.replace("default = \"\"", "")).contains("`default`"));
        assert!(error(&GOOD.replace("\"yes\"", "\"a\\nb\"")).contains("one line"));
        assert!(error(&GOOD.replace("driver = \"d\"\nversion = \"1\"", "")).contains("[container]"));
        assert!(error(&GOOD.replace("version = \"1\"", "")).contains("`version`"));
        assert!(error(&GOOD.replace("\"2.1\", \"3.1.1\"", "\"3.1.1\", \"2.1\"")).contains("oldest first"));
        assert!(error(&GOOD.replace("NO WAY", " ")).contains("`text`"));
        assert!(error(&GOOD.replace("access-denied", "no-luck")).contains("line 14"));
    }

    #[test]
    fn done_is_what_it_did_and_not_what_it_says() {
        let said =
            |printed: &str, success| Said { printed: printed.to_owned(), success, ended: Ended::ByItself };
        let all = "did: mount\nhello\ndid: write\ndid: read\n";
        assert!(said(&format!("{all}did: delete"), true).is_done());
        assert!(said(&format!("{all}cannot: delete"), true).is_done());
        assert!(!said(all, true).is_done());
        assert!(!said(&format!("{all}did: delete"), false).is_done());
        assert!(!said("cannot: mount\ncannot: write\ncannot: read\ncannot: delete", true).is_done());
        let failed = said("did: mount\nerror: NO WAY", false);
        let software = Software::parse("s", GOOD, "").unwrap();
        assert_eq!(failed.meaning(&software.says).map(|says| says.means), Some(Means::AccessDenied));
        assert_eq!(failed.own_words(), "error: NO WAY");
    }
}
