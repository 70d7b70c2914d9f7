//! What a policy comes to on one target: the key servers are shared by.

use crate::{LabError, TargetFiles};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, context};
use model::target::{ContainerSpec, Shares, TargetKind};
use model::{Dialect, Encryption, GuestMapping, ServerPolicy, Signing, Target};

/// A policy as one target carries it out. Two policies with the same `Effective` are served by one server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Effective {
    pub(crate) target: String,
    /// The range a NEGOTIATE must stay in to be answered.
    pub(crate) dialects: (Dialect, Dialect),
    pub(crate) setting: Setting,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Setting {
    /// The text of the configuration file.
    Configuration(String),
    Embedded {
        signing_required: bool,
    },
}

impl Effective {
    /// The target it is for.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The text of the server's configuration file, where it has one.
    #[must_use]
    pub fn configuration(&self) -> Option<&str> {
        match &self.setting {
            Setting::Configuration(text) => Some(text),
            Setting::Embedded { .. } => None,
        }
    }

    /// What `policy` comes to on `target`.
    pub(crate) fn of(target: &Target, files: &TargetFiles, policy: &ServerPolicy) -> Result<Self, LabError> {
        let cannot = |what: String| LabError::CannotBeSetTo { target: target.id.clone(), what };
        let setting = match (target.kind, &target.container) {
            (TargetKind::Container, Some(spec)) => {
                if let Some(what) = target.cannot_be_set_to(policy) {
                    return Err(cannot(what));
                }
                Setting::Configuration(render(target, spec, files, policy)?)
            }
            (TargetKind::Container, None) => {
                return Err(LabError::Files {
                    target: target.id.clone(),
                    file: "target.toml".to_owned(),
                    what: "it has no [container]".to_owned(),
                });
            }
            (TargetKind::Embedded, _) => embedded(policy).map_err(cannot)?,
            (TargetKind::External, _) => return Err(cannot("it is not ours to set".to_owned())),
        };
        Ok(Self { target: target.id.clone(), dialects: policy.dialects, setting })
    }
}

/// The embedded server can be told whether signing is required, and nothing else.
fn embedded(policy: &ServerPolicy) -> Result<Setting, String> {
    let signing_required = match policy.signing {
        Signing::Required => true,
        Signing::NotRequired => false,
        Signing::Enabled | Signing::Disabled => {
            return Err(format!("signing `{}` is a policy of SMB1, which it does not speak", policy.signing));
        }
    };
    let ServerPolicy { dialects, algorithms, guest, encryption, .. } = ServerPolicy::default();
    if policy.dialects != dialects {
        return Err(format!("it speaks every dialect from {} to {}", dialects.0, dialects.1));
    }
    if policy.algorithms != algorithms {
        return Err("its signing algorithms are fixed".to_owned());
    }
    if policy.guest != guest {
        return Err(format!("it does not map failed logons to guest (`{}`)", policy.guest));
    }
    if policy.encryption != encryption {
        return Err(format!("encryption `{}` is not wired up", policy.encryption.word()));
    }
    Ok(Setting::Embedded { signing_required })
}

fn render(
    target: &Target,
    spec: &ContainerSpec,
    files: &TargetFiles,
    policy: &ServerPolicy,
) -> Result<String, LabError> {
    let template = files.text(&target.id, &spec.template)?;
    let words = &spec.words;
    // `cannot_be_set_to` has seen to it that every word exists.
    let algorithms: Option<Vec<String>> = policy
        .algorithms
        .as_ref()
        .map(|all| all.iter().filter_map(|one| words.algorithm.get(one).cloned()).collect());
    let Shares { share, guest } = &target.shares;
    let values = context! {
        signing => words.signing.get::<Signing>(&policy.signing),
        dialects => context! {
            min => words.dialect.get::<Dialect>(&policy.dialects.0),
            max => words.dialect.get::<Dialect>(&policy.dialects.1),
        },
        algorithms,
        guest => words.guest.get::<GuestMapping>(&policy.guest),
        encryption => words.encryption.get::<Encryption>(&policy.encryption),
        shares => context! { share => share, guest => guest },
    };
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    let failed = |error: minijinja::Error| LabError::Files {
        target: target.id.clone(),
        file: spec.template.clone(),
        what: format!("{error:#}"),
    };
    let mut environment = Environment::new();
    environment.set_syntax(syntax.map_err(failed)?);
    // A misspelt name in a template must not come out as nothing.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.render_named_str(&spec.template, template, values).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Algorithm;
    use rstest::rstest;

    const TARGET: &str = r#"
title = "t"
kind = "container"
signing-capabilities = []
[shares]
share = "s1"
guest = "s2"
[container]
base = { image = "b:1", suite = "b" }
template = "t.conf"
config = "/t.conf"
version = ["v"]
memory-mib = 64
[container.words]
signing = { required = "must", not-required = "may", enabled = "may" }
dialect = { "2.0.2" = "D202", "2.1" = "D210", "3.1.1" = "D311" }
algorithm = { aes-128-cmac = "CMAC", aes-128-gmac = "GMAC" }
guest = { never = "Never", bad-user = "Bad User" }
encryption = { off = "no", required = "yes" }
"#;
    const TEMPLATE: &str = "signing={{ signing }} dialects={{ dialects.min }}-{{ dialects.max }} guest={{ guest }} \
        encryption={{ encryption }} shares={{ shares.share }},{{ shares.guest }}\n\
        {% if algorithms %}\nalgorithms={{ algorithms | join(' ') }}\n{% endif %}\nend\n";

    fn effective(template: &str, policy: &ServerPolicy) -> Result<Effective, LabError> {
        let target = Target::parse("t", TARGET, "").unwrap();
        let files = TargetFiles::new([("t.conf".to_owned(), template.as_bytes().to_vec())]);
        Effective::of(&target, &files, policy)
    }

    fn text(policy: &ServerPolicy) -> String {
        effective(TEMPLATE, policy).unwrap().configuration().unwrap().to_owned()
    }

    fn with(change: impl FnOnce(&mut ServerPolicy)) -> ServerPolicy {
        let mut policy = ServerPolicy::default();
        change(&mut policy);
        policy
    }

    #[rstest]
    #[case(|_: &mut ServerPolicy| {}, "signing=may dialects=D202-D311 guest=Never encryption=no shares=s1,s2\nend\n")]
    #[case(
        |p: &mut ServerPolicy| p.signing = Signing::Required,
        "signing=must dialects=D202-D311 guest=Never encryption=no shares=s1,s2\nend\n"
    )]
    #[case(
        |p: &mut ServerPolicy| p.dialects = (Dialect::Smb21, Dialect::Smb21),
        "signing=may dialects=D210-D210 guest=Never encryption=no shares=s1,s2\nend\n"
    )]
    #[case(
        |p: &mut ServerPolicy| p.guest = GuestMapping::BadUser,
        "signing=may dialects=D202-D311 guest=Bad User encryption=no shares=s1,s2\nend\n"
    )]
    #[case(
        |p: &mut ServerPolicy| p.encryption = Encryption::Required,
        "signing=may dialects=D202-D311 guest=Never encryption=yes shares=s1,s2\nend\n"
    )]
    #[case(
        |p: &mut ServerPolicy| p.algorithms = Some(vec![Algorithm::Aes128Gmac, Algorithm::Aes128Cmac]),
        "signing=may dialects=D202-D311 guest=Never encryption=no shares=s1,s2\nalgorithms=GMAC CMAC\nend\n"
    )]
    fn every_knob_is_rendered(#[case] change: fn(&mut ServerPolicy), #[case] expected: &str) {
        assert_eq!(text(&with(change)), expected);
    }

    #[test]
    fn policies_that_come_out_the_same_share_a_server() {
        let default = effective(TEMPLATE, &ServerPolicy::default()).unwrap();
        assert_eq!(default, effective(TEMPLATE, &with(|p| p.signing = Signing::Enabled)).unwrap());
        assert_ne!(default, effective(TEMPLATE, &with(|p| p.signing = Signing::Required)).unwrap());
    }

    #[rstest]
    #[case(|p: &mut ServerPolicy| p.signing = Signing::Disabled, "signing `disabled`")]
    #[case(|p: &mut ServerPolicy| p.dialects = (Dialect::Nt1, Dialect::Smb311), "dialect `nt1`")]
    #[case(|p: &mut ServerPolicy| p.algorithms = Some(vec![Algorithm::HmacSha256]), "algorithm `hmac-sha256`")]
    #[case(|p: &mut ServerPolicy| p.guest = GuestMapping::BadPassword, "guest mapping `bad-password`")]
    #[case(|p: &mut ServerPolicy| p.encryption = Encryption::Desired, "encryption `desired`")]
    fn a_policy_without_a_word_is_refused(#[case] change: fn(&mut ServerPolicy), #[case] what: &str) {
        let error = effective(TEMPLATE, &with(change)).unwrap_err();
        assert!(matches!(error, LabError::CannotBeSetTo { .. }));
        assert!(error.to_string().contains(what), "{error}");
    }

    #[test]
    fn a_mistake_in_a_template_names_the_file() {
        for template in ["{{ sining }}", "{% if %}"] {
            let message = effective(template, &ServerPolicy::default()).unwrap_err().to_string();
            assert!(message.contains("t: t.conf: "), "{message}");
        }
    }

    #[rstest]
    #[case(|_: &mut ServerPolicy| {}, Ok(false))]
    #[case(|p: &mut ServerPolicy| p.signing = Signing::Required, Ok(true))]
    #[case(|p: &mut ServerPolicy| p.signing = Signing::Disabled, Err("SMB1"))]
    #[case(|p: &mut ServerPolicy| p.dialects = (Dialect::Smb21, Dialect::Smb311), Err("every dialect"))]
    #[case(|p: &mut ServerPolicy| p.algorithms = Some(vec![]), Err("algorithms"))]
    #[case(|p: &mut ServerPolicy| p.guest = GuestMapping::BadUser, Err("bad-user"))]
    #[case(|p: &mut ServerPolicy| p.encryption = Encryption::Required, Err("required"))]
    fn the_embedded_server_has_one_knob(
        #[case] change: fn(&mut ServerPolicy),
        #[case] expected: Result<bool, &str>,
    ) {
        match (embedded(&with(change)), expected) {
            (Ok(Setting::Embedded { signing_required }), Ok(expected)) => {
                assert_eq!(signing_required, expected);
            }
            (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
            (got, expected) => panic!("{got:?}, not {expected:?}"),
        }
    }
}
