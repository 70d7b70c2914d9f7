//! What is said of evidence that is not whole, not of the planned client, or altered: it is never the server's fault.

use super::Clean;
use super::by_hand::exchange;
use crate::cases::record;
use crate::server::Conduct;
use crate::support::exchange::Exchange;
use crate::support::{Bench, PATIENT, cause};
use model::{ExtendedSecurity, Generation, PlannedCase, Signing, Verdict};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use smb::follow::Way;
use smb::smb1::{Flags2, Header};

const SIGNED: [Clean; 5] =
    [Clean::Required, Clean::RequiredPlain, Clean::Enabled, Clean::Signing, Clean::TamperSignature];

/// The messages that went one way and say that they are signed, behind the logon.
fn signed(exchange: &Exchange, way: Way) -> Vec<usize> {
    let is = |i: &usize| {
        let message = &exchange.messages[*i];
        let header = Header::parse(&message.bytes).unwrap();
        let setup = header.command == smb::smb1::Command::SESSION_SETUP_ANDX;
        message.way == way && header.flags2.contains(Flags2::SECURITY_SIGNATURE) && !setup
    };
    (0..exchange.messages.len()).filter(is).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_a_session_is_not_known() {
    let bench = Bench::new().await;
    for clean in SIGNED {
        let recorded = record(&bench, &clean.case(), Conduct::RIGHT, PATIENT).await;
        let mut evidence = recorded.read();
        let keys = std::mem::take(&mut evidence.sidecar.session_keys);
        let judged = judge::judge(&evidence);
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
        assert_eq!(judged.findings, [], "{clean:?}");
        assert!(cause(&judged).contains("is not in the evidence"), "{clean:?}: {}", cause(&judged));

        evidence.sidecar.session_keys = keys;
        evidence.sidecar.session_keys[0].key[15] ^= 1;
        let judged = judge::judge(&evidence);
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_the_client_that_does_not_verify_is_not_the_servers_fault() {
    let bench = Bench::new().await;
    for clean in SIGNED {
        let exchange = exchange(&bench, clean).await;
        for message in signed(&exchange, Way::ToServer) {
            let mut wrong = exchange.clone();
            wrong.spoil(message, |bytes| *bytes.last_mut().unwrap() ^= 1);
            let judged = wrong.write(&bench).judged();
            let name = format!("{clean:?} {message}: {}", cause(&judged));
            // One that was to be broken may be broken otherwise: then the case is still the one that was planned.
            let deviates = clean == Clean::TamperSignature && judged.verdict == Verdict::Conforms;
            assert!(judged.verdict == Verdict::Inconclusive || deviates, "{name}");
            assert!(deviates || name.contains(&format!("(frame {})", Exchange::frame(message))), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_other_than_the_planned_one_proves_nothing() {
    type Change = fn(&mut PlannedCase);
    let bench = Bench::new().await;
    let changes: [(Clean, Change); 6] = [
        (Clean::Required, |case| case.client.signing = Signing::Enabled),
        (Clean::Enabled, |case| case.client.signing = Signing::Required),
        (Clean::Enabled, |case| case.client.signing = Signing::Disabled),
        (Clean::Never, |case| case.client.signing = Signing::Required),
        (Clean::Required, |case| case.client.extended_security = ExtendedSecurity::No),
        (Clean::Obeys, |case| case.client.generation = Generation::Smb1Older),
    ];
    for (clean, change) in changes {
        let recorded = record(&bench, &clean.case(), Conduct::RIGHT, PATIENT).await;
        let mut evidence = recorded.read();
        change(&mut evidence.sidecar.case);
        let judged = judge::judge(&evidence);
        let server = judged.findings.iter().filter(|f| f.subject == model::Subject::Server);
        assert_eq!(server.count(), 0, "{clean:?}: {}", cause(&judged));
        assert!(cause(&judged).contains("(frame "), "{clean:?}: {}", cause(&judged));
        assert_ne!(judged.verdict, Verdict::Conforms, "{clean:?}");
    }
}

/// A step that was to break something and did not says nothing of a server that takes it for what it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_deviation_that_never_was_proves_nothing() {
    let bench = Bench::new().await;
    for clean in [
        Clean::TamperFirst,
        Clean::TamperSignature,
        Clean::TamperSequence,
        Clean::TamperFlag,
        Clean::TamperUnsigned,
    ] {
        let planned = clean.case();
        let mut honest = planned.clone();
        honest.steps.iter_mut().for_each(|step| step.deviate = None);
        let mut evidence = record(&bench, &honest, Conduct::RIGHT, PATIENT).await.read();
        evidence.sidecar.case = planned;
        let judged = judge::judge(&evidence);
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
    }
}

#[test]
fn a_bit_of_a_signed_message_that_the_server_sent_wrongly_is_found_at_its_frame() {
    let (bench, all) = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bench = Bench::new().await;
        let mut all = Vec::new();
        for clean in SIGNED {
            all.push(exchange(&bench, clean).await);
        }
        (bench, all)
    });
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&(0..all.len(), any::<Index>(), any::<Index>(), 0..8_u32), |(which, message, byte, bit)| {
            let mut exchange = all[which].clone();
            let message = *message.get(&signed(&exchange, Way::ToClient));
            exchange.spoil(message, |bytes| {
                let byte = byte.index(bytes.len());
                bytes[byte] ^= 1 << bit;
            });
            let judged = exchange.write(&bench).judged();
            prop_assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(&judged));
            let frame = Exchange::frame(message);
            let there = judged.findings.iter().any(|f| f.at.is_some_and(|at| at.frame == frame));
            prop_assert!(there, "frame {}: {}", frame, cause(&judged));
            Ok(())
        })
        .unwrap();
}
