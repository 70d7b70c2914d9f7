//! A good server with somebody in between who cuts off, floods, repeats or changes what it says.

use super::replies::oplock_break;
use crate::cases::case;
use crate::defects::Clean;
use crate::server::{Conduct, Policy, endpoint, start};
use crate::support::net::{Ending, Listening, Pass, proxy};
use crate::support::{Bench, PATIENT, Recorded, SHORT, cause};
use crate::verdict::Expected::{Deviates, Inconclusive};
use crate::verdict::{check, matches};
use evidence::Direction;
use futures_util::future::join_all;
use judge::Judged;
use model::outcome::Why;
use model::{PlannedCase, Verdict};
use probe::{Endpoint, Limits};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use smb::nbss;
use std::time::Duration;

/// The cases whose every message a man in the middle is tried on, by what the policies predict of them.
const POLICY: [Clean; 6] =
    [Clean::Required, Clean::RequiredPlain, Clean::Enabled, Clean::Never, Clean::Signing, Clean::Legacy];

async fn good(case: &PlannedCase) -> Listening {
    start(Policy::of(case), Conduct::RIGHT).await
}

/// The account of the good server, at the address of who stands in front of it.
fn through(proxy: &Listening) -> Endpoint {
    endpoint(proxy)
}

/// A case through a filter of the server's messages.
async fn filtered<S>(bench: &Bench, case: &PlannedCase, limits: Limits, filter: S) -> (Recorded, Judged)
where
    S: FnMut(usize, Vec<u8>) -> Pass + Send + 'static,
{
    let server = good(case).await;
    let between = proxy(server.address, filter).await;
    let recorded = bench.record(case, &through(&between), limits).await;
    let judged = recorded.judged();
    (recorded, judged)
}

/// How many messages the server sends in this case, which conforms as it is.
async fn messages(bench: &Bench, case: &PlannedCase) -> usize {
    let (recorded, judged) = filtered(bench, case, PATIENT, |_, bytes| Pass::On(bytes)).await;
    assert_eq!(judged.verdict, Verdict::Conforms, "{}: {}", case.id, cause(&judged));
    let evidence = recorded.read();
    let view = judge::View::new(&evidence);
    let connection = &view.smb1()[0];
    let sent = connection.messages.iter().filter(|message| message.way == smb::follow::Way::ToClient);
    sent.count() + connection.raw_replies.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_goes_away_after_n_messages() {
    let bench = Bench::new().await;
    for clean in POLICY {
        let case = clean.case();
        let all = messages(&bench, &case).await;
        for ending in [Ending::Fin, Ending::Rst] {
            for last in 0..all {
                let cut = move |number, bytes| match number {
                    _ if number == last => Pass::Last(bytes, ending),
                    _ => Pass::On(bytes),
                };
                let (recorded, judged) = filtered(&bench, &case, PATIENT, cut).await;
                let name = format!("{clean:?} closing ({ending:?}) after message {last} of {all}");
                if last + 1 == all {
                    // Nothing was left to say: this is how a server may end.
                    assert_eq!(judged.verdict, Verdict::Conforms, "{name}: {}", cause(&judged));
                    continue;
                }
                check(&name, &recorded, &judged);
                matches(&name, &judged, Deviates(&["disconnected"]));
                assert_eq!(judged.outcome.as_ref().and_then(|outcome| outcome.why), Some(Why::Disconnected));
            }
        }
    }
}

/// [MS-CIFS] 3.1.5.1 allows a server to end the connection once it has refused a signature, and nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_goes_away_in_a_case_of_steps() {
    let bench = Bench::new().await;
    // The number of the message that refuses.
    for (clean, refusal) in [
        (Clean::TamperFirst, Some(3)),
        (Clean::TamperSignature, Some(6)),
        (Clean::TamperUnsigned, Some(6)),
        (Clean::Raw, None),
    ] {
        let case = clean.case();
        let all = messages(&bench, &case).await;
        for last in 0..all - 1 {
            let cut = move |number, bytes| match number {
                _ if number == last => Pass::Last(bytes, Ending::Fin),
                _ => Pass::On(bytes),
            };
            let (recorded, judged) = filtered(&bench, &case, PATIENT, cut).await;
            let name = format!("{clean:?} closing after message {last} of {all}");
            if Some(last) == refusal {
                assert_eq!(judged.verdict, Verdict::Conforms, "{name}: {}", cause(&judged));
                assert_eq!(judged.findings, [], "{name}");
                continue;
            }
            check(&name, &recorded, &judged);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_says_nothing_more_after_n_messages() {
    let bench = Bench::new().await;
    for clean in [
        Clean::Required,
        Clean::RequiredPlain,
        Clean::Never,
        Clean::Signing,
        Clean::TamperSignature,
        Clean::Raw,
    ] {
        let case = clean.case();
        let all = messages(&bench, &case).await;
        let runs = (0..all).map(|last| {
            let (bench, case) = (&bench, &case);
            async move {
                let silent = move |number, bytes| Pass::On(if number < last { bytes } else { Vec::new() });
                (last, filtered(bench, case, SHORT, silent).await)
            }
        });
        for (last, (recorded, judged)) in join_all(runs).await {
            let name = format!("{clean:?} silent after {last} of {all}");
            check(&name, &recorded, &judged);
            matches(&name, &judged, Inconclusive(&["no whole answer within 300ms"]));
            assert_eq!(judged.findings, [], "{name}: a timeout proves nothing");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_floods_an_established_session() {
    let bench = Bench::new().await;
    let limits = Limits { answer: Duration::from_secs(5), ..Limits::default() };
    let case = Clean::Required.case();
    let all = messages(&bench, &case).await;
    for (what, last) in [("TREE_CONNECT_ANDX", 3), ("LOGOFF_ANDX", all - 1)] {
        let flood = move |number, bytes| {
            if number < last { Pass::On(bytes) } else { Pass::Forever(nbss::wrap(&oplock_break()).unwrap()) }
        };
        let (recorded, judged) = filtered(&bench, &case, limits, flood).await;
        let taken = recorded.recorder.sent(0, Direction::ToClient);
        assert!(taken <= limits.received + (64 << 10), "{taken} bytes");
        check(what, &recorded, &judged);
        matches(what, &judged, Inconclusive(&["no answer to", what]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn echoes_without_end() {
    let bench = Bench::new().await;
    // The third message of the signing scenario's echo is sent for ever.
    let case = Clean::Signing.case();
    let flood = |_, bytes: Vec<u8>| {
        if bytes[8] == 0x2B && bytes[4 + 33] == 3 { Pass::Forever(bytes) } else { Pass::On(bytes) }
    };
    let (recorded, judged) = filtered(&bench, &case, SHORT, flood).await;
    check("echoes", &recorded, &judged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_says_everything_twice() {
    let bench = Bench::new().await;
    for clean in [Clean::Required, Clean::RequiredPlain, Clean::Never] {
        let case = clean.case();
        let all = messages(&bench, &case).await;
        // The client leaves when it has what it came for: what follows the last answer need not reach it.
        for twice in 0..all - 1 {
            let again =
                move |number, bytes: Vec<u8>| Pass::On(if number == twice { bytes.repeat(2) } else { bytes });
            let (recorded, judged) = filtered(&bench, &case, PATIENT, again).await;
            let name = format!("{clean:?} twice {twice} of {all}");
            check(&name, &recorded, &judged);
            matches(&name, &judged, Deviates(&["smb1/well-formed"]));
            assert!(judged.findings.iter().all(|f| f.rule == "smb1/well-formed"), "{}", cause(&judged));
        }
    }
}

/// What is done to a good server's messages.
#[derive(Debug, Clone)]
struct Damage {
    case: usize,
    /// Which message, as a fraction; none means every one of them.
    message: Option<prop::sample::Index>,
    byte: prop::sample::Index,
    xor: u8,
}

#[test]
fn a_good_server_with_a_byte_wrong() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let axes = "generation=smb1-current,client=required,server.signing=required";
    let cases =
        ["yes", "no"].map(|extended| case("smb1-policy", &format!("extended-security={extended},{axes}")));
    let (bench, counts) = runtime.block_on(async {
        let bench = Bench::new().await;
        let mut counts = Vec::new();
        for case in &cases {
            counts.push(messages(&bench, case).await);
        }
        (bench, counts)
    });
    let strategy = (
        0..cases.len(),
        prop::option::weighted(0.9, any::<prop::sample::Index>()),
        any::<prop::sample::Index>(),
        1..=255_u8,
    )
        .prop_map(|(case, message, byte, xor)| Damage { case, message, byte, xor });
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let mut verdicts = [0; 2];
    let verdicts = std::cell::RefCell::new(&mut verdicts);
    TestRunner::new(config)
        .run(&strategy, |Damage { case, message, byte, xor }| {
            let chosen = message.map(|message| message.index(counts[case]));
            let wrong = move |number, mut bytes: Vec<u8>| {
                if chosen.is_none_or(|chosen| chosen == number) {
                    let place = byte.index(bytes.len());
                    bytes[place] ^= xor;
                }
                Pass::On(bytes)
            };
            let case = &cases[case];
            let (recorded, judged) = runtime.block_on(filtered(&bench, case, SHORT, wrong));
            // Nothing protects what leads up to the last SESSION_SETUP response: that is the first that is signed.
            let first =
                if case.axes.get("extended-security").is_some_and(|yes| yes == "yes") { 2 } else { 1 };
            if chosen.is_none_or(|chosen| chosen >= first) || judged.verdict != Verdict::Conforms {
                check(&format!("{} {chosen:?} {xor:#x}", case.id), &recorded, &judged);
            }
            verdicts.borrow_mut()[usize::from(judged.verdict == Verdict::Deviates)] += 1;
            Ok(())
        })
        .unwrap();
    // The test would prove little if most of it ended in not knowing.
    let [unknown, deviates] = **verdicts.borrow();
    assert!(deviates > 2 * unknown, "{deviates} deviate, {unknown} do not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_is_only_unusual_is_good() {
    // The other way round: keepalives and oplock breaks in between are no deviation.
    let bench = Bench::new().await;
    for clean in [Clean::Required, Clean::RequiredPlain, Clean::Never, Clean::Signing, Clean::TamperSignature]
    {
        let case = clean.case();
        for between in [vec![0x85, 0, 0, 0], nbss::wrap(&oplock_break()).unwrap()] {
            let unusual = move |_, bytes: Vec<u8>| Pass::On([&between[..], &bytes].concat());
            let (_, judged) = filtered(&bench, &case, PATIENT, unusual).await;
            assert_eq!(judged.verdict, Verdict::Conforms, "{clean:?}: {}", cause(&judged));
        }
    }
}
