//! A server that keeps to the specification conforms in every case there is for it.

use crate::cases::cases;
use crate::server::{Conduct, Outgoing, Policy, Seal, Smb1, endpoint, start};
use crate::support::{Bench, PATIENT, cause};
use futures_util::future::join_all;
use judge::Judged;
use model::{PlannedCase, Verdict};
use rstest::rstest;
use smb::smb1::{BSRSPYL, Command};
use std::collections::BTreeMap;

pub(crate) fn conforms(name: &str, judged: &Judged) {
    assert_eq!(judged.verdict, Verdict::Conforms, "{name}: {}", cause(judged));
    assert_eq!(judged.findings, [], "{name}");
    assert_eq!(judged.why, None, "{name}");
}

/// Records every case against a server that keeps to the specification, and says which rules applied how often.
async fn all_conform(
    cases: &[PlannedCase],
    set: fn(&PlannedCase) -> Policy,
    conduct: Conduct,
) -> BTreeMap<String, u64> {
    let bench = Bench::new().await;
    let run = async |case: &PlannedCase| {
        let server = start(set(case), conduct).await;
        let recorded = bench.record(case, &endpoint(&server), PATIENT).await;
        (case.id.to_string(), recorded.judged())
    };
    let (mut wrong, mut applied) = (Vec::new(), BTreeMap::new());
    for (name, judged) in join_all(cases.iter().map(run)).await {
        if judged.verdict != Verdict::Conforms || !judged.findings.is_empty() || judged.why.is_some() {
            wrong.push(format!("{name}: {:?}: {}", judged.verdict, cause(&judged)));
        }
        for (rule, count) in judged.checks {
            *applied.entry(rule).or_insert(0) += count;
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    applied
}

/// The rules that apply wherever a NEGOTIATE was answered.
const ALWAYS: [&str; 4] =
    ["smb1/well-formed", "smb1/security-mode", "smb1/required-implies-enabled", "smb1/inactive-zero"];

#[rstest]
#[case::policy("smb1-policy", 36, &["smb1/setup-signed", "smb1/response-signed", "smb1/signed-flag", "smb1/sequence-number",
    "smb1/client-requires", "smb1/filler-ignored", "policy/outcome", "step/status", "step/read-back"])]
#[case::guest("smb1-guest", 80, &["smb1/guest-unsigned", "smb1/client-requires", "policy/outcome", "step/status"])]
#[case::signing("smb1-signing", 4, &["smb1/echo-sequence", "smb1/first-session-key", "policy/outcome", "step/read-back"])]
#[case::read_raw("smb1-read-raw", 4, &["smb1/read-raw", "step/status"])]
#[case::tamper("smb1-tamper", 40, &["smb1/bad-signature", "smb1/sequence-after-refusal", "step/status", "step/read-back"])]
#[case::legacy_errors("smb1-legacy-errors", 2, &["smb1/bad-signature", "smb1/setup-signed", "policy/outcome"])]
#[tokio::test(flavor = "multi_thread")]
async fn every_case_conforms(#[case] scenario: &str, #[case] count: usize, #[case] rules: &[&str]) {
    let cases = cases(scenario, "");
    assert_eq!(cases.len(), count, "{scenario}");
    let applied = all_conform(&cases, Policy::of, Conduct::RIGHT).await;
    for rule in ALWAYS.iter().chain(rules) {
        assert!(applied.contains_key(*rule), "{scenario}: {rule} was not looked at, only {applied:?}");
    }
}

/// A client that can log on by tokens does without where the server cannot, which is no fault of the server's
/// ([MS-SMB] 3.2.4.2.4.1), but not the case that was planned either.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_extended_security_leaves_open_what_needs_it() {
    let bench = Bench::new().await;
    let all =
        ["smb1-policy", "smb1-signing"].map(|scenario| cases(scenario, "extended-security=yes")).concat();
    assert_eq!(all.len(), 20);
    for case in all {
        let server = start(Policy { extended: false, ..Policy::of(&case) }, Conduct::RIGHT).await;
        let judged = bench.record(&case, &endpoint(&server), PATIENT).await.judged();
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{}: {}", case.id, cause(&judged));
        assert_eq!(judged.findings, [], "{}", case.id);
        assert!(cause(&judged).contains("no extended security"), "{}: {}", case.id, cause(&judged));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_smb1_conforms_where_it_shall_have_none() {
    let cases = cases("smb1-absent", "");
    let unknown = all_conform(&cases, Policy::of, Conduct::RIGHT).await;
    let switched_off =
        all_conform(&cases, |case| Policy { smb1: Smb1::SwitchedOff, ..Policy::of(case) }, Conduct::RIGHT)
            .await;
    for applied in [unknown, switched_off] {
        assert_eq!(applied["smb1/absent"], 2);
    }
}

/// A client of SMB1 and SMB2 follows the tables of SMB1 where that is what it gets.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_smb2_conforms_to_who_offers_both() {
    let cases = cases("multi-protocol", "server.dialects=nt1..nt1");
    assert_eq!(cases.len(), 20);
    all_conform(&cases, Policy::of, Conduct::RIGHT).await;
}

/// What stands in a SESSION_SETUP response while signing is not active only SHOULD be what the request had there
/// ([MS-CIFS] 3.3.4.1): Samba fills it with its own, others with nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_leaves_something_else_in_its_setup_conforms() {
    fn unsigned(out: &Outgoing<'_>, seal: Seal, field: [u8; 8]) -> Seal {
        match seal {
            Seal::Inactive(_) if out.command == Command::SESSION_SETUP_ANDX => Seal::Inactive(field),
            seal => seal,
        }
    }
    let zero = Conduct { seals: |out, seal| unsigned(out, seal, [0; 8]), ..Conduct::RIGHT };
    let filler = Conduct { seals: |out, seal| unsigned(out, seal, BSRSPYL), ..Conduct::RIGHT };
    for conduct in [zero, filler] {
        for scenario in ["smb1-policy", "smb1-guest", "smb1-tamper"] {
            all_conform(&cases(scenario, ""), Policy::of, conduct).await;
        }
    }
}
