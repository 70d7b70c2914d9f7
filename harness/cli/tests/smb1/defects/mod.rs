//! Every rule of SMB1 can fail: the server that keeps to the specification, with one thing wrong, trips the rule that is
//! about it, at a message of the command that went wrong, and nothing else than the table says.

mod by_hand;
mod evidence;
mod multi_protocol;

use crate::cases::{case, record};
use crate::clean::conforms;
use crate::server::{Conduct, Policy, endpoint, start};
use crate::support::{Bench, PATIENT, cause};
use model::{PlannedCase, Verdict};
use probe::Limits;
use smb::smb1::Command;
use std::collections::BTreeSet;
use std::time::Duration;

/// A case that conforms as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clean {
    /// Both sides require signing.
    Required,
    /// The same without extended security.
    RequiredPlain,
    /// The client requires it, and the server is disabled.
    Insists,
    /// Both sides are enabled.
    Enabled,
    /// The client is enabled, the server is not.
    Free,
    /// The server is enabled, the client is not.
    FreeServer,
    /// The server requires it, the client is disabled.
    Obeys,
    /// Neither side signs.
    Never,
    /// An old client that never signs, at a server that requires it.
    Legacy,
    /// Chains, echoes, cancellations and a second session, signed.
    Signing,
    /// A guest.
    Guest,
    /// A stranger at a server without guests.
    Stranger,
    /// The first signed request is broken.
    TamperFirst,
    /// A signature is broken.
    TamperSignature,
    /// A request has another number.
    TamperSequence,
    /// The flag is gone.
    TamperFlag,
    /// The signature is gone.
    TamperUnsigned,
    /// READ_RAW while signing is active.
    Raw,
    /// A server that is to have no SMB1.
    Absent,
}

impl Clean {
    pub(crate) fn case(self) -> PlannedCase {
        let policy = |client: &str, server: &str| {
            let axes = format!("client={client},server.signing={server}");
            case("smb1-policy", &format!("generation=smb1-current,extended-security=yes,{axes}"))
        };
        let tamper = |deviation: &str| {
            let axes = "extended-security=yes,client=required,server.signing=required";
            case("smb1-tamper", &format!("deviation={deviation},{axes}"))
        };
        let stranger = |mapping: &str| {
            let axes = "extended-security=yes,client=enabled,client.guest=allowed,server.signing=required";
            case("smb1-guest", &format!("login=unknown-user,server.guest={mapping},{axes}"))
        };
        match self {
            Self::Required => policy("required", "required"),
            Self::RequiredPlain => case(
                "smb1-policy",
                "generation=smb1-current,extended-security=no,client=required,server.signing=required",
            ),
            Self::Insists => policy("required", "disabled"),
            Self::Enabled => policy("enabled", "enabled"),
            Self::Free => policy("enabled", "disabled"),
            Self::FreeServer => policy("disabled", "enabled"),
            Self::Obeys => policy("disabled", "required"),
            Self::Never => policy("disabled", "disabled"),
            Self::Legacy => case("smb1-legacy-errors", "extended-security=yes"),
            Self::Signing => case("smb1-signing", "extended-security=yes,server.signing=required"),
            Self::Guest => stranger("bad-user"),
            Self::Stranger => stranger("never"),
            Self::TamperFirst => tamper("first-signature"),
            Self::TamperSignature => tamper("later-signature"),
            Self::TamperSequence => tamper("sequence"),
            Self::TamperFlag => tamper("flag"),
            Self::TamperUnsigned => tamper("unsigned"),
            Self::Raw => case("smb1-read-raw", "client=enabled,server.signing=enabled"),
            Self::Absent => case("smb1-absent", "extended-security=yes"),
        }
    }
}

/// One defect: its name, the rule that must see it, what it trips besides, and the command of the message it is seen at.
struct Defect {
    name: &'static str,
    rule: &'static str,
    clean: Clean,
    also: &'static [&'static str],
    at: Command,
    apply: fn(&mut Policy, &mut Conduct),
}

/// The defects of one group of rules. Each: the case, the rules it trips, the one that is about it first, the command of
/// the message that is found fault with, and what the server does otherwise.
macro_rules! defects {
    ($($name:ident: $clean:ident, $rule:literal $(+ $also:literal)*, $at:ident => $apply:expr;)+) => {
        pub(super) const DEFECTS: &[$crate::defects::Defect] = &[$($crate::defects::Defect {
            name: stringify!($name),
            rule: $rule,
            clean: $crate::defects::Clean::$clean,
            also: &[$($also),*],
            at: smb::smb1::Command::$at,
            apply: $apply,
        }),+];

        #[rstest::rstest]
        $(#[case::$name(stringify!($name))])+
        #[tokio::test(flavor = "multi_thread")]
        async fn defect(#[case] name: &str) {
            $crate::defects::is_seen(DEFECTS.iter().find(|defect| defect.name == name).unwrap()).await;
        }
    };
}

mod logon;
mod outcome;
mod refusal;
mod signed;
mod wire;

/// Every defect of every group.
fn all() -> impl Iterator<Item = &'static Defect> {
    [logon::DEFECTS, outcome::DEFECTS, refusal::DEFECTS, signed::DEFECTS, wire::DEFECTS].into_iter().flatten()
}

/// Where a server's answers go to somebody else, the client waits for nothing.
const IN_VAIN: Limits = Limits { answer: Duration::from_secs(2), ..PATIENT };

async fn is_seen(defect: &Defect) {
    let (bench, case) = (Bench::new().await, defect.clean.case());
    conforms(defect.name, &record(&bench, &case, Conduct::RIGHT, PATIENT).await.judged());
    let (mut policy, mut conduct) = (Policy::of(&case), Conduct::RIGHT);
    (defect.apply)(&mut policy, &mut conduct);
    let server = start(policy, conduct).await;
    let limits = if defect.rule == "smb1/well-formed" { IN_VAIN } else { PATIENT };
    let recorded = bench.record(&case, &endpoint(&server), limits).await;
    let evidence = recorded.read();
    assert_eq!(evidence.problems, [], "{}: this is no alteration of evidence", defect.name);
    let judged = recorded.judged();
    assert_eq!(judged.verdict, Verdict::Deviates, "{}: {}", defect.name, cause(&judged));
    let tripped: BTreeSet<&str> = judged.findings.iter().map(|finding| finding.rule.as_str()).collect();
    let expected: BTreeSet<&str> = defect.also.iter().copied().chain([defect.rule]).collect();
    assert_eq!(tripped, expected, "{}: {}", defect.name, cause(&judged));
    assert!(judged.checks.get(defect.rule).is_some_and(|count| *count > 0), "{}", defect.name);
    let view = judge::View::new(&evidence);
    // Findings are in the order of the frames: it is seen where it happens, and may be seen again after that.
    let finding = judged.findings.iter().find(|finding| finding.rule == defect.rule).unwrap();
    let Some(at) = finding.at else {
        // An outcome is about the whole case.
        assert_eq!(defect.rule, judge::OUTCOME_RULE, "{}: {finding:?}", defect.name);
        return;
    };
    if defect.at == Command::INVALID {
        return; // It is no SMB1 message, so it has no command.
    }
    // Several messages may have come in one packet.
    let connection = &view.smb1()[0];
    let raw =
        connection.raw_replies.iter().filter(|reply| reply.frame == at.frame).map(|_| Command::READ_RAW);
    let there = connection.messages.iter().filter(|message| message.frame == at.frame);
    let there: Vec<Command> = there.map(smb::smb1::follow::Message::command).chain(raw).collect();
    assert!(at.connection == 0 && there.contains(&defect.at), "{}: {finding:?}", defect.name);
}

#[test]
fn every_rule_of_smb1_has_a_defect_that_trips_it() {
    let by_hand = by_hand::RULES.iter().chain(multi_protocol::RULES).copied();
    let seen: BTreeSet<&str> = all().map(|defect| defect.rule).chain(by_hand).collect();
    let is_here = |rule: &&str| rule.starts_with("smb1/") || *rule == "negotiate/multi-protocol";
    let rules: BTreeSet<&str> = judge::rules().map(|rule| rule.id).filter(is_here).collect();
    assert!(rules.is_subset(&seen), "without a defect: {:?}", rules.difference(&seen));
    let known: BTreeSet<&str> = judge::rules().map(|rule| rule.id).collect();
    assert!(seen.is_subset(&known), "no rules: {:?}", seen.difference(&known));
    let names: BTreeSet<&str> = all().map(|defect| defect.name).collect();
    assert_eq!(names.len(), all().count(), "two defects of one name");
}
