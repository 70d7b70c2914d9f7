//! A server that can be brought up under a [`ServerPolicy`], as its folder describes it.
//!
//! Everything that is special to one server stands in `containers/servers/NAME/`; no code names a server.

use crate::case::is_slug;
use crate::discovery::Claims;
use crate::expectation::{Condition, Expectation, parse_expectations};
use crate::profile::{Encryption, ServerPolicy};
use crate::scenario::{Action, ShareRole};
use crate::words::{Algorithm, Dialect, DialectRange, GuestMapping, Signing};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// The content of a `target.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Target {
    /// The slug: the folder's name.
    #[serde(skip)]
    pub id: String,
    /// What a person calls it.
    pub title: String,
    /// How it is brought up.
    pub kind: TargetKind,
    /// The algorithms it selects from by SMB2_SIGNING_CAPABILITIES at 3.1.1; none where it does not process that
    /// context, which is optional ([MS-SMB2] 3.3.5.4).
    pub signing_capabilities: Vec<Algorithm>,
    /// The dialects it speaks, where it cannot be set to others: one range, or several that it can be set to, of which it
    /// is set to the first one that a case can do with. Empty where it can be set to any.
    #[serde(default, deserialize_with = "one_or_several")]
    pub dialects: Vec<DialectRange>,
    /// Whether a run without `--target` includes it.
    #[serde(default)]
    pub default: bool,
    /// How many cases run on one of its servers at the same time.
    #[serde(default = "eight")]
    pub parallel_cases: NonZeroU16,
    /// How many of its servers run at the same time; as many as there are policies where it does not say.
    #[serde(default)]
    pub parallel_servers: Option<NonZeroU16>,
    /// Whether every case gets a server of its own, because one case can get into the next one's way on it.
    #[serde(default)]
    pub server_per_case: bool,
    /// What the shares are called on it.
    pub shares: Shares,
    /// What it cannot be set to, or does not do.
    #[serde(default)]
    pub unsupported: Vec<Unsupported>,
    /// The steps it has nothing for: they are left out of its cases.
    #[serde(default)]
    pub without: Vec<Without>,
    /// What is known of a client on whatever server, and does not come about on this one.
    #[serde(default)]
    pub spared: Vec<Spared>,
    /// How its container is built and configured.
    pub container: Option<ContainerSpec>,
    /// Its known deviations.
    #[serde(skip)]
    pub expectations: Vec<Expectation>,
    /// What is claimed of a server that is not ours to set; of the others it follows from what they are set to.
    #[serde(skip)]
    pub claims: Claims,
    /// Whether logons that must fail may be tried on a server that is not ours: it can lock the account for them.
    #[serde(skip)]
    pub failed_logons: bool,
}

/// How a target is brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// In this process.
    Embedded,
    /// In a container.
    Container,
    /// Not at all: it is somebody's, at an address.
    #[serde(skip)]
    External,
}

/// Share names by role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// The share the test account may write to.
    pub share: String,
    /// The share guests may write to.
    pub guest: String,
}

impl Shares {
    /// What the share with this role is called.
    #[must_use]
    pub fn name(&self, role: ShareRole) -> &str {
        match role {
            ShareRole::Share => &self.share,
            ShareRole::Guest => &self.guest,
            ShareRole::Ipc => "IPC$",
        }
    }
}

/// A declared inability.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsupported {
    /// In which cases.
    pub when: Condition,
    /// Why, for a reader of the report.
    pub why: String,
}

/// Steps that a server cannot be asked for. A case goes without them, and cannot run where one of them is what it is about:
/// where it is done wrong on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Without {
    /// Which steps; none that another one builds on.
    pub steps: Vec<Action>,
    /// Why, for a reader of the report.
    pub why: String,
}

/// Where a server is spared what is known of a client, because it lets the client do something that others refuse.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spared {
    /// The rules that the client breaks elsewhere.
    pub rules: Vec<String>,
    /// In which cases.
    pub when: Condition,
    /// Why, for a reader of the report.
    pub why: String,
}

/// How a container target is built and configured. Paths are inside the target's folder unless said otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContainerSpec {
    /// The base image its Dockerfile starts from.
    pub base: BaseImage,
    /// The TCP port the server, or the first of several, listens on inside the container.
    #[serde(default = "smb_port")]
    pub port: u16,
    /// The configuration template (minijinja), rendered from the policy in the server's `words` and from the share
    /// names. It is not part of the image.
    pub template: String,
    /// Where the rendered configuration goes inside the container. Where a container holds several servers, a directory, and the
    /// configuration of its Nth server is the file N there.
    pub config: String,
    /// How many servers, each under a policy of its own, one container holds at most. Its entry point starts one for each file
    /// in `config`; the Nth listens on `port` + N - 1.
    #[serde(default = "one")]
    pub servers: NonZeroU16,
    /// A command whose first line of output is the server's version.
    pub version: Vec<String>,
    /// How much memory one server may use, in MiB.
    pub memory_mib: u64,
    /// How long it may take from its container's start to its first answer, in seconds.
    #[serde(default = "sixty")]
    pub ready_seconds: NonZeroU16,
    /// How this server spells the policy words.
    pub words: PolicyWords,
}

/// A base image: a tag, and the Debian suite that debootstrap makes it from where no registry answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseImage {
    /// The tag, such as `debian:trixie-slim`.
    pub image: String,
    /// The suite, such as `trixie`.
    pub suite: String,
}

const fn one() -> NonZeroU16 {
    NonZeroU16::MIN
}

const fn eight() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(7)
}

const fn sixty() -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(59)
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DialectRange>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Ranges {
        One(DialectRange),
        Several(Vec<DialectRange>),
    }
    Ok(match Ranges::deserialize(deserializer)? {
        Ranges::One(range) => vec![range],
        Ranges::Several(ranges) => ranges,
    })
}

const fn smb_port() -> u16 {
    445
}

/// A server's own words for the policy; what it has no word for it cannot be set to. Two policies that come out as the same
/// configuration share one container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyWords {
    /// Signing policies.
    pub signing: BTreeMap<Signing, String>,
    /// Dialects.
    pub dialect: BTreeMap<Dialect, String>,
    /// Signing algorithms.
    pub algorithm: BTreeMap<Algorithm, String>,
    /// Guest mappings.
    pub guest: BTreeMap<GuestMapping, String>,
    /// Encryption settings.
    pub encryption: BTreeMap<Encryption, String>,
}

/// A target's folder that cannot be used. Displays the place and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target {file}: {message}")]
pub struct TargetError {
    /// The file.
    pub file: String,
    /// What is wrong, with the line where it is.
    pub message: String,
}

impl Target {
    /// Parses the text of a target's `target.toml` and of its `expectations.toml`; `id` is the folder's name.
    ///
    /// # Errors
    /// Unknown keys and wrong types show their line.
    pub fn parse(id: &str, target: &str, expectations: &str) -> Result<Self, TargetError> {
        let error = |file: &str, message: String| TargetError { file: format!("{id}/{file}"), message };
        let mut parsed: Self =
            toml::from_str(target).map_err(|e| error("target.toml", e.to_string().trim_end().to_owned()))?;
        if !is_slug(id) {
            return Err(error(
                "target.toml",
                "the folder's name is not made of letters, digits, `.`, `_` and `-`".into(),
            ));
        }
        if id == "all" {
            return Err(error(
                "target.toml",
                "`all` stands for every target: call the folder something else".into(),
            ));
        }
        if (parsed.kind == TargetKind::Container) != parsed.container.is_some() {
            return Err(error(
                "target.toml",
                "[container] belongs to every target of kind \"container\" and to no other".into(),
            ));
        }
        id.clone_into(&mut parsed.id);
        parsed.expectations = parse_expectations(expectations).map_err(|m| error("expectations.toml", m))?;
        Ok(parsed)
    }

    /// Why a case with these axes cannot run here, where the target declares so.
    #[must_use]
    pub fn declares_unsupported(&self, scenario: &str, axes: &crate::Axes) -> Option<&str> {
        self.unsupported.iter().find(|u| u.when.matches(scenario, axes)).map(|u| u.why.as_str())
    }

    /// Why its cases go without this step, where they do.
    #[must_use]
    pub fn is_without(&self, action: Action) -> Option<&str> {
        self.without.iter().find(|w| w.steps.contains(&action)).map(|w| w.why.as_str())
    }

    /// The range of its own that it is set to in a case whose client offers these dialects: one that has them all, or,
    /// where the case says which range, one that comes to the same for that client: a part of it, with SMB1 where it has
    /// SMB1, and with the same newest dialect for the two. Nothing where it has none.
    #[must_use]
    pub fn own_dialects(
        &self,
        wanted: Option<DialectRange>,
        offered: &[Dialect],
    ) -> Option<(Dialect, Dialect)> {
        let newest = |range: &DialectRange| {
            offered.iter().filter(|d| (range.lowest..=range.highest).contains(*d)).max()
        };
        let smb1 = |range: &DialectRange| range.lowest == Dialect::Nt1;
        let does = |own: &&DialectRange| match &wanted {
            None => offered.iter().all(|d| (own.lowest..=own.highest).contains(d)),
            Some(wanted) => {
                (wanted.lowest <= own.lowest && own.highest <= wanted.highest)
                    && smb1(own) == smb1(wanted)
                    && newest(own) == newest(wanted)
            }
        };
        self.dialects.iter().find(does).map(|own| (own.lowest, own.highest))
    }

    /// The range of its own that it is set to in front of a client that offers several dialects, as those that people run do,
    /// and is about no range in particular: the first one in which the two have a dialect in common.
    #[must_use]
    pub fn meets(&self, offered: &[Dialect]) -> Option<(Dialect, Dialect)> {
        let common = |own: &&DialectRange| offered.iter().any(|it| (own.lowest..=own.highest).contains(it));
        self.dialects.iter().find(common).map(|own| (own.lowest, own.highest))
    }

    /// Whether it declares that it does not do what has these axes, whatever else a case has.
    pub(crate) fn denies(&self, axes: &[(&str, &str)]) -> bool {
        self.unsupported.iter().any(|u| u.when.is_within(axes))
    }

    /// Why this target cannot be set to `policy`: it speaks other dialects, or its words lack one the policy needs.
    #[must_use]
    pub fn cannot_be_set_to(&self, policy: &ServerPolicy) -> Option<String> {
        let (lowest, highest) = policy.dialects;
        if !self.dialects.is_empty()
            && !self.dialects.iter().any(|own| (own.lowest, own.highest) == policy.dialects)
        {
            let own: Vec<String> = self.dialects.iter().map(ToString::to_string).collect();
            let own = own.join(" or ");
            return Some(format!("it speaks {own} and cannot be set to {lowest}..{highest}"));
        }
        let words = &self.container.as_ref()?.words;
        if !words.signing.contains_key(&policy.signing) {
            return Some(format!("target.toml gives no word for signing `{}`", policy.signing));
        }
        for dialect in [policy.dialects.0, policy.dialects.1] {
            if !words.dialect.contains_key(&dialect) {
                return Some(format!("target.toml gives no word for dialect `{dialect}`"));
            }
        }
        if let Some(algorithm) =
            policy.algorithms.iter().flatten().find(|algorithm| !words.algorithm.contains_key(algorithm))
        {
            return Some(format!("target.toml gives no word for algorithm `{algorithm}`"));
        }
        if !words.guest.contains_key(&policy.guest) {
            return Some(format!("target.toml gives no word for guest mapping `{}`", policy.guest));
        }
        if !words.encryption.contains_key(&policy.encryption) {
            return Some(format!("target.toml gives no word for encryption `{}`", policy.encryption.word()));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMBEDDED: &str = "title = \"t\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
        [shares]\nshare = \"share\"\nguest = \"guest\"\n\
        [[unsupported]]\nwhen = { algorithm = \"aes-128-gmac\" }\nwhy = \"no GMAC\"\n";

    #[test]
    fn declares() {
        let target = Target::parse("e", EMBEDDED, "").unwrap();
        let axes = crate::Axes::from([("algorithm".to_owned(), "aes-128-gmac".to_owned())]);
        assert_eq!(target.declares_unsupported("s", &axes), Some("no GMAC"));
        assert_eq!(target.declares_unsupported("s", &crate::Axes::new()), None);
    }

    #[test]
    fn speaks_what_it_cannot_be_set_away_from() {
        let text = EMBEDDED.replace("signing-cap", "dialects = \"2.0.2..3.1.1\"\nsigning-cap");
        let target = Target::parse("e", &text, "").unwrap();
        let mut policy = ServerPolicy::default();
        assert_eq!(target.cannot_be_set_to(&policy), None);
        policy.dialects.0 = Dialect::Nt1;
        let why = target.cannot_be_set_to(&policy).unwrap();
        assert_eq!(why, "it speaks 2.0.2..3.1.1 and cannot be set to nt1..3.1.1");
    }

    #[test]
    fn is_set_to_the_first_range_that_does() {
        let text = EMBEDDED.replace("signing-cap", "dialects = [\"nt1..2.0.2\", \"nt1..nt1\"]\nsigning-cap");
        let target = Target::parse("e", &text, "").unwrap();
        let old = Some((Dialect::Nt1, Dialect::Smb202));
        assert_eq!(target.own_dialects(None, &[Dialect::Nt1]), old);
        assert_eq!(target.own_dialects(None, &[Dialect::Nt1, Dialect::Smb202]), old);
        assert_eq!(target.own_dialects(None, &[Dialect::Smb202, Dialect::Smb21]), None);
        let wanted =
            |range: &str, offered: &[Dialect]| target.own_dialects(Some(range.parse().unwrap()), offered);
        let both = [Dialect::Nt1, Dialect::Smb202];
        assert_eq!(wanted("nt1..nt1", &both), Some((Dialect::Nt1, Dialect::Nt1)));
        assert_eq!(wanted("nt1..3.1.1", &both), old);
        assert_eq!(wanted("nt1..3.1.1", &[Dialect::Nt1, Dialect::Smb21]), None);
        assert_eq!(wanted("2.0.2..3.1.1", &both), None);
        let set = |dialects| target.cannot_be_set_to(&ServerPolicy { dialects, ..ServerPolicy::default() });
        assert_eq!(set((Dialect::Nt1, Dialect::Nt1)), None);
        let why = set((Dialect::Smb202, Dialect::Smb311)).unwrap();
        assert_eq!(why, "it speaks nt1..2.0.2 or nt1..nt1 and cannot be set to 2.0.2..3.1.1");
        assert_eq!(Target::parse("e", EMBEDDED, "").unwrap().own_dialects(None, &[Dialect::Smb202]), None);
        // A client that people run offers what it offers: one dialect in common is enough.
        assert_eq!(target.meets(&[Dialect::Nt1, Dialect::Smb202]), old);
        assert_eq!(target.meets(&[Dialect::Smb21, Dialect::Smb311]), None);
    }

    #[test]
    fn what_has_no_word_cannot_be_set() {
        let text = "title = \"t\"\nkind = \"container\"\nsigning-capabilities = []\n\
            [shares]\nshare = \"share\"\nguest = \"guest\"\n\
            [container]\nbase = { image = \"b\", suite = \"b\" }\ntemplate = \"t\"\nconfig = \"/t\"\n\
            version = [\"v\"]\nmemory-mib = 64\n[container.words]\nsigning = { not-required = \"no\" }\n";
        let target = Target::parse("c", text, "").unwrap();
        assert_eq!(target.container.as_ref().unwrap().ready_seconds.get(), 60);
        let why = target.cannot_be_set_to(&ServerPolicy::default()).unwrap();
        assert_eq!(why, "target.toml gives no word for dialect `2.0.2`");
    }

    #[test]
    fn mistakes_name_the_file() {
        let message = Target::parse("e", &EMBEDDED.replace("title", "titel"), "").unwrap_err().to_string();
        assert!(message.starts_with("target e/target.toml: ") && message.contains("line 1"), "{message}");
        let message = Target::parse("e", EMBEDDED, "[[expectation]]\n").unwrap_err().to_string();
        assert!(message.starts_with("target e/expectations.toml: "), "{message}");
        assert!(Target::parse("e", &EMBEDDED.replace("embedded", "container"), "").is_err());
    }
}
