//! A good server with somebody in between who cuts off, floods, repeats or changes what it says.

use crate::replies::interim;
use crate::support::net::{Ending, Pass, proxy};
use crate::support::{Bench, PATIENT, SHORT, cause};
use crate::verdict::Expected::{Deviates, Inconclusive};
use crate::verdict::{check, matches};
use evidence::Direction;
use futures_util::future::join_all;
use model::outcome::{As, Kind, Why};
use model::{GuestPolicy, PlannedCase, Verdict};
use probe::Limits;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use smb::nbss;
use smb::wire::{Command, Header};
use std::time::Duration;

/// The cases whose every message a man in the middle is tried on.
fn policy(bench: &Bench, client: &str, dialects: &[&str]) -> Vec<PlannedCase> {
    let case = |dialect| format!("client={client},server.signing=not-required,dialect={dialect}");
    dialects.iter().map(|dialect| bench.case("smb2-policy", &case(dialect))).collect()
}

/// How many messages the server sends in this case, which conforms as it is.
async fn messages(bench: &Bench, case: &PlannedCase, server: &lab::Server) -> usize {
    let clean = proxy(server.address, |_, bytes| Pass::On(bytes)).await;
    let recorded = bench.record(case, &bench.endpoint(clean.address, Some(server)), PATIENT).await;
    let judged = recorded.judged();
    assert_eq!(judged.verdict, Verdict::Conforms, "{}: {}", case.id, cause(&judged));
    let evidence = recorded.read();
    let view = judge::View::new(&evidence);
    let all = view.messages().filter(|(_, _, message)| message.way == smb::follow::Way::ToClient).count();
    assert!(all > 10, "{all}");
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_goes_away_after_n_messages() {
    let bench = Bench::new().await;
    for case in [
        policy(&bench, "required", &["2.0.2", "3.0", "3.1.1"]),
        policy(&bench, "not-required", &["2.1", "3.1.1"]),
    ]
    .concat()
    {
        let all = messages(&bench, &case, &bench.server(&case).await).await;
        for ending in [Ending::Fin, Ending::Rst] {
            for last in 0..all {
                // A server of its own: the file of a session that was cut may still be there when the next begins.
                let server = bench.server(&case).await;
                let cut = proxy(server.address, move |number, bytes| match number {
                    _ if number == last => Pass::Last(bytes, ending),
                    _ => Pass::On(bytes),
                })
                .await;
                let recorded =
                    bench.record(&case, &bench.endpoint(cut.address, Some(&server)), PATIENT).await;
                let judged = recorded.judged();
                let name = format!("{} closing ({ending:?}) after message {last} of {all}", case.id);
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

/// Answers to requests that are under way at the same time come in any order, and any of them can be the one that does not come.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_kept_back_is_missed_in_whatever_order_the_others_come() {
    let bench = Bench::new().await;
    let case = bench.case("smb2-attacks-drop", "attack=drop-response,dialect=3.0");
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let server = bench.server(&case).await;
        let mut echoes: Vec<Vec<u8>> = Vec::new();
        let between = proxy(server.address, move |_, bytes| {
            let is_echo = Header::parse(&bytes[4..]).unwrap().command == Command::ECHO;
            if !is_echo || echoes.len() == order.len() {
                return Pass::On(bytes);
            }
            echoes.push(bytes);
            let complete = echoes.len() == order.len();
            // What would come first is the one that is kept back.
            let pass = |at: &usize| if complete { echoes[*at].clone() } else { Vec::new() };
            Pass::On(order.iter().skip(1).flat_map(pass).collect())
        })
        .await;
        let recorded = bench.record(&case, &bench.endpoint(between.address, Some(&server)), PATIENT).await;
        let problem = recorded.sidecar.problem.unwrap_or_default();
        assert!(problem.contains("a request was not answered, and later ones were"), "{order:?}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_says_nothing_more_after_n_messages() {
    let bench = Bench::new().await;
    for case in policy(&bench, "required", &["2.1", "3.1.1"]) {
        let all = messages(&bench, &case, &bench.server(&case).await).await;
        let runs = (0..all).map(|last| {
            let (bench, case) = (&bench, &case);
            async move {
                let server = bench.server(case).await;
                let silent = proxy(server.address, move |number, bytes| {
                    Pass::On(if number < last { bytes } else { Vec::new() })
                })
                .await;
                let endpoint = bench.endpoint(silent.address, Some(&server));
                (last, bench.record(case, &endpoint, SHORT).await)
            }
        });
        for (last, recorded) in join_all(runs).await {
            let judged = recorded.judged();
            let name = format!("{} silent after {last} of {all}", case.id);
            check(&name, &recorded, &judged);
            matches(&name, &judged, Inconclusive(&["no answer to", "(frame "]));
            assert_eq!(judged.findings, [], "{name}: a timeout proves nothing");
        }
    }
}

/// In a session without a secret nothing can be signed, so the client validates nothing: whose session it is says the server,
/// whatever the plan has.
#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_makes_a_guest_of_the_user() {
    let bench = Bench::new().await;
    let [case] = &policy(&bench, "not-required", &["3.0"])[..] else { panic!("one case, please") };
    let mut case = case.clone();
    case.client.guest = GuestPolicy::Allowed;
    let server = bench.server(&case).await;
    for (guest, validates) in [(false, true), (true, false)] {
        let mapped = proxy(server.address, move |number, mut bytes| {
            // The final SESSION_SETUP response: SessionFlags, and neither flag nor signature.
            if guest && number == 2 {
                bytes[4 + 66] |= 1;
                bytes[4 + 16] &= !8;
                bytes[4 + 48..4 + 64].fill(0);
            }
            Pass::On(bytes)
        })
        .await;
        let recorded = bench.record(&case, &bench.endpoint(mapped.address, Some(&server)), PATIENT).await;
        let evidence = recorded.read();
        let view = judge::View::new(&evidence);
        let asked = view.messages().filter(|(_, _, message)| message.command() == Command::IOCTL).count();
        assert_eq!(asked > 0, validates, "guest: {guest}");
        let judged = recorded.judged();
        let outcome = judged.outcome.clone().unwrap();
        assert_eq!((outcome.kind, outcome.why), (Kind::NotSigned, None), "{}", cause(&judged));
        let rules: Vec<&str> = judged.findings.iter().map(|finding| finding.rule.as_str()).collect();
        match guest {
            false => assert_eq!(judged.verdict, Verdict::Conforms, "{}", cause(&judged)),
            true => assert_eq!((outcome.identity, rules), (Some(As::Guest), vec!["policy/outcome"])),
        }
        assert_eq!(judged.why, None, "nothing is missing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_floods_an_established_session() {
    let bench = Bench::new().await;
    let limits = Limits { answer: Duration::from_secs(5), ..Limits::default() };
    let case = bench.case("smb2-policy", "client=not-required,server.signing=not-required,dialect=3.1.1");
    let all = messages(&bench, &case, &bench.server(&case).await).await;
    for (what, last) in [("TREE_CONNECT", 3), ("LOGOFF", all - 1)] {
        let server = bench.server(&case).await;
        let flood = proxy(server.address, move |number, bytes| {
            if number < last {
                Pass::On(bytes)
            } else {
                Pass::Forever(nbss::wrap(&interim(&bytes[4..])).unwrap())
            }
        })
        .await;
        let recorded = bench.record(&case, &bench.endpoint(flood.address, Some(&server)), limits).await;
        let taken = recorded.recorder.sent(0, Direction::ToClient);
        assert!(taken <= limits.received + (64 << 10), "{taken} bytes");
        let judged = recorded.judged();
        check(what, &recorded, &judged);
        matches(what, &judged, Inconclusive(&["no answer to", what]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_that_says_everything_twice() {
    let bench = Bench::new().await;
    for case in
        [policy(&bench, "required", &["2.1", "3.1.1"]), policy(&bench, "not-required", &["3.0"])].concat()
    {
        let all = messages(&bench, &case, &bench.server(&case).await).await;
        // The client leaves when it has what it came for: what follows the last answer need not reach it.
        for twice in 0..all - 1 {
            let server = bench.server(&case).await;
            let echo = proxy(server.address, move |number, bytes| {
                Pass::On(if number == twice { bytes.repeat(2) } else { bytes })
            })
            .await;
            let recorded = bench.record(&case, &bench.endpoint(echo.address, Some(&server)), PATIENT).await;
            let judged = recorded.judged();
            let name = format!("{} twice {twice} of {all}", case.id);
            check(&name, &recorded, &judged);
            matches(&name, &judged, Deviates(&["wire/well-formed", "answers nothing"]));
            assert!(
                judged.findings.iter().all(|finding| finding.rule == "wire/well-formed"),
                "{}",
                cause(&judged)
            );
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
    let (bench, cases, servers, counts) = runtime.block_on(async {
        let bench = Bench::new().await;
        let cases = policy(&bench, "required", &["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"]);
        let (mut servers, mut counts) = (Vec::new(), Vec::new());
        for case in &cases {
            let server = bench.server(case).await;
            counts.push(messages(&bench, case, &server).await);
            servers.push(server);
        }
        (bench, cases, servers, counts)
    });
    let strategy = (
        0..cases.len(),
        prop::option::weighted(0.9, any::<prop::sample::Index>()),
        any::<prop::sample::Index>(),
        1..=255_u8,
    )
        .prop_map(|(case, message, byte, xor)| Damage { case, message, byte, xor });
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    let mut verdicts = [0; 2];
    let verdicts = std::cell::RefCell::new(&mut verdicts);
    TestRunner::new(config)
        .run(&strategy, |damage| {
            let (case, server, all) = (&cases[damage.case], &servers[damage.case], counts[damage.case]);
            let Damage { byte, xor, .. } = damage;
            let chosen = damage.message.map(|message| message.index(all));
            let (recorded, judged) = runtime.block_on(async {
                let wrong = proxy(server.address, move |number, mut bytes| {
                    if chosen.is_none_or(|chosen| chosen == number) {
                        let place = byte.index(bytes.len());
                        bytes[place] ^= xor;
                    }
                    Pass::On(bytes)
                })
                .await;
                let recorded = bench.record(case, &bench.endpoint(wrong.address, Some(server)), SHORT).await;
                let judged = recorded.judged();
                (recorded, judged)
            });
            // Before SMB 3.1.1 nothing protects what leads up to the session's key.
            let protected =
                case.client.dialects[0] == model::Dialect::Smb311 || chosen.is_none_or(|chosen| chosen >= 2);
            if protected || judged.verdict != Verdict::Conforms {
                check(case.id.as_str(), &recorded, &judged);
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
async fn a_good_server_that_answers_the_last_request_first_is_good() {
    let bench = Bench::new().await;
    for dialect in ["2.0.2", "3.0", "3.1.1"] {
        let axes = format!("attack=swap-requests,client=required,server.signing=required,dialect={dialect}");
        // The proxy is all that stands in between.
        let case = PlannedCase { interposed: None, ..bench.case("smb2-attacks-order", &axes) };
        let server = bench.server(&case).await;
        let mut held = Vec::new();
        let reversing = proxy(server.address, move |_, bytes| {
            let header = Header::parse(&bytes[4..]).unwrap();
            if header.command != Command::ECHO || held.len() == 3 {
                return Pass::On(bytes);
            }
            held.push((header.message_id, bytes));
            if held.len() < 3 {
                return Pass::On(Vec::new());
            }
            held.sort_by_key(|(message_id, _)| std::cmp::Reverse(*message_id));
            Pass::On(held.iter().flat_map(|(_, bytes)| bytes.clone()).collect())
        })
        .await;
        let endpoint = bench.endpoint(reversing.address, Some(&server));
        let recorded = bench.record(&case, &endpoint, PATIENT).await;
        let judged = recorded.judged();
        assert_eq!(judged.verdict, Verdict::Conforms, "{}: {}", case.id, cause(&judged));
        let evidence = recorded.read();
        let view = judge::View::new(&evidence);
        let echoes = view.messages().filter(|(_, _, message)| {
            message.way == smb::follow::Way::ToServer && message.command() == Command::ECHO
        });
        assert!(echoes.count() >= 4, "the first answer was not found missing when the last was there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server_in_two_pieces_is_good() {
    // The other way round: what is only unusual is no deviation.
    let bench = Bench::new().await;
    for case in
        [policy(&bench, "required", &["2.1", "3.0.2", "3.1.1"]), policy(&bench, "not-required", &["3.1.1"])]
            .concat()
    {
        for unusual in [
            |bytes: Vec<u8>| [&[0x85, 0, 0, 0][..], &bytes].concat(),
            |bytes: Vec<u8>| {
                // STATUS_PENDING first, as a server does that needs long.
                let header = Header::parse(&bytes[4..]).unwrap();
                if header.command == Command::NEGOTIATE {
                    return bytes;
                }
                [nbss::wrap(&interim(&bytes[4..])).unwrap(), bytes].concat()
            },
        ] {
            let server = bench.server(&case).await;
            let odd = proxy(server.address, move |_, bytes| Pass::On(unusual(bytes))).await;
            let recorded = bench.record(&case, &bench.endpoint(odd.address, Some(&server)), PATIENT).await;
            let judged = recorded.judged();
            assert_eq!(judged.verdict, Verdict::Conforms, "{}: {}", case.id, cause(&judged));
            let outcome = judged.outcome.unwrap();
            assert!(matches!(outcome.kind, Kind::Signed | Kind::NotSigned));
        }
    }
}
