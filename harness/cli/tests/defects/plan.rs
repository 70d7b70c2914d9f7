//! What a verdict does not depend on, what the probe thought, and what it does, the plan.

use crate::clean::{Clean, rules};
use crate::faulty::HMAC;
use crate::support::exchange::Exchange;
use crate::support::{Bench, cause};
use model::{Dialect, GuestMapping, Login, PlannedCase, Signing, SigningOffer, Verdict};
use smb::wire::Command;
use std::fs;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_thought_is_not_in_the_evidence_and_would_not_count() {
    fn keys(value: &serde_json::Value) -> Vec<&str> {
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    }
    let bench = Bench::new().await;
    let clean = Clean::Required311.record(&bench).await;
    let path = evidence::sidecar_path(&clean.pcapng);
    let text = fs::read_to_string(&path).unwrap();
    let sidecar: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sorted = |mut all: Vec<&'static str>| {
        all.sort_unstable();
        all
    };
    assert_eq!(
        keys(&sidecar),
        sorted(vec![
            "schema",
            "case",
            "server",
            "session_keys",
            "steps",
            "server_log",
            "problem",
            "recorded"
        ])
    );
    assert_eq!(keys(&sidecar["session_keys"][0]), sorted(vec!["connection", "session_id", "key"]));
    assert_eq!(keys(&sidecar["steps"][0]), sorted(vec!["step", "connection", "sent"]));
    assert_eq!(
        keys(&sidecar["recorded"]["connections"][0]),
        sorted(vec!["client", "server", "packets", "to_server", "to_client"])
    );
    for word in ["dialect_revision", "outcome", "verdict", "\"predicted\"", "password", "signing_key"] {
        assert!(!text.contains(word), "{word}");
    }

    let mut faulty = Exchange::of(&clean.read());
    let at = faulty.response(Command::ECHO);
    faulty.unsign(at);
    for recorded in [clean, faulty.write(&bench)] {
        let judged = recorded.judged();
        for problem in ["everything conforms", "the server ended the connection", "no answer within 10 s"] {
            let mut evidence = recorded.read();
            evidence.sidecar.problem = Some(problem.to_owned());
            evidence.sidecar.server_log = Some("elsewhere".to_owned());
            assert_eq!(judge::judge(&evidence), judged, "{problem}");
        }
    }
}

/// What somebody who wants another verdict may do to the plan in a sidecar.
type Change = fn(&mut PlannedCase);

#[tokio::test(flavor = "multi_thread")]
async fn the_prediction_never_follows_the_observation() {
    let bench = Bench::new().await;
    let (required, outcome) = ("negotiate/signing-required", "policy/outcome");
    let changes: [(Clean, Change, Vec<&str>); 8] = [
        (Clean::Free21, |case| case.server.signing = Signing::Required, vec![required, outcome]),
        (Clean::Free311, |case| case.server.signing = Signing::Required, vec![required, outcome]),
        (Clean::Required21, |case| case.server.signing = Signing::Required, vec![required]),
        (Clean::Server21, |case| case.server.signing = Signing::NotRequired, vec![required, outcome]),
        (Clean::Required311, |case| case.negotiates = vec![model::Algorithm::Aes128Gmac], vec![]),
        (Clean::Required311, |case| case.server.algorithms = Some(vec![HMAC]), vec![]),
        (Clean::WrongUser, |case| case.login = Login::User, vec![outcome]),
        (Clean::WrongUser, |case| case.server.guest = GuestMapping::BadUser, vec![outcome]),
    ];
    for (clean, change, expected) in changes {
        let recorded = clean.record(&bench).await;
        let mut evidence = recorded.read();
        change(&mut evidence.sidecar.case);
        let judged = judge::judge(&evidence);
        assert_eq!(rules(&judged), expected.iter().copied().collect(), "{clean:?}: {}", cause(&judged));
        let verdict = if expected.is_empty() { Verdict::Conforms } else { Verdict::Deviates };
        assert_eq!(judged.verdict, verdict, "{clean:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_other_than_the_planned_one_proves_nothing() {
    let bench = Bench::new().await;
    let changes: [(Clean, Change); 6] = [
        (Clean::Anonymous, |case| case.login = Login::User),
        (Clean::Free30, |case| case.client.signing = Signing::Required),
        (Clean::Required30, |case| case.client.signing = Signing::NotRequired),
        (Clean::Required30, |case| case.client.dialects = vec![Dialect::Smb302]),
        (Clean::Required311, |case| case.client.algorithms = SigningOffer::Ids(vec![0])),
        (Clean::Required311, |case| case.client.algorithms = SigningOffer::None),
    ];
    for (clean, change) in changes {
        let recorded = clean.record(&bench).await;
        let mut evidence = recorded.read();
        change(&mut evidence.sidecar.case);
        let judged = judge::judge(&evidence);
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
        assert_eq!(judged.findings, vec![], "{clean:?}");
        let named = ["the client's NEGOTIATE (frame", "the client logs on as nobody"];
        assert!(named.iter().any(|what| cause(&judged).contains(what)), "{}", cause(&judged));
    }
}
