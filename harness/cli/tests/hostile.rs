//! Servers that break every rule there is: no verdict ever says that they conform, none hangs, none panics, and what is
//! said of them names its cause.
#![cfg(test)]

mod support;

use evidence::Direction;
use futures_util::future::join_all;
use judge::Judged;
use model::outcome::{Kind, Why};
use model::{CheckLevel, NtStatus, PlannedCase, Verdict};
use probe::Limits;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use smb::nbss;
use smb::wire::{
    self, Body, Command, ContextData, DialectRevision, EchoResponse, Header, NegotiateResponse, SessionFlags,
    SessionSetupResponse, SigningCapabilities,
};
use std::time::Duration;
use support::net::{Ending, Pass, Peer, answer, answering, command, listen, negotiated, proxy};
use support::{Bench, PATIENT, Recorded, SHORT, cause};

/// What is to be said of a server, and words that its cause must hold.
#[derive(Clone, Copy)]
enum Expected<'w> {
    Deviates(&'w [&'w str]),
    Inconclusive(&'w [&'w str]),
    /// It depends on when the bytes and the end of the connection meet.
    Either(&'w [&'w str]),
}
use Expected::{Deviates, Either, Inconclusive};

/// Cases of every dialect, with and without signing, with and without a user.
fn cases(bench: &Bench) -> Vec<PlannedCase> {
    let policy = bench.cases("smb2-policy", "server.signing=not-required");
    let anonymous = bench.cases("smb2-anonymous", "client=not-required,server.signing=not-required");
    let offers = ["none", "gmac-cmac", "unknown-gmac-unknown-cmac-hmac"];
    let offers = offers.map(|offer| bench.case("smb2-algorithms", &format!("offer={offer}")));
    assert_eq!((policy.len(), anonymous.len()), (10, 5));
    policy.into_iter().chain(anonymous).chain(offers).collect()
}

/// What holds of every verdict on a server that breaks something.
fn check(name: &str, recorded: &Recorded, judged: &Judged) {
    let cause = cause(judged);
    assert_ne!(judged.verdict, Verdict::Conforms, "{name} conforms");
    assert!(!cause.is_empty(), "{name}: {:?} without a cause", judged.verdict);
    match judged.verdict {
        // Something that the server did, not only what it left undone.
        Verdict::Deviates => {
            assert!(
                judged.findings.iter().any(|finding| finding.level >= CheckLevel::Should),
                "{name}: {cause}"
            );
            assert!(
                judged.findings.iter().any(|finding| finding.at.is_some())
                    || judged.outcome.as_ref().is_some_and(|outcome| outcome.why.is_some()),
                "{name}: {cause}"
            );
            assert!(!recorded.read().connections.is_empty());
        }
        Verdict::Inconclusive => assert!(judged.why.is_some(), "{name}: {cause}"),
        other => panic!("{name}: {other:?}"),
    }
    assert_eq!(recorded.read().problems, [], "{name}: the evidence is not whole");
}

fn matches(name: &str, judged: &Judged, expected: Expected<'_>) {
    let (verdict, words) = match expected {
        Deviates(words) => (Verdict::Deviates, words),
        Inconclusive(words) => (Verdict::Inconclusive, words),
        Either(words) => (judged.verdict, words),
    };
    let cause = cause(judged);
    assert_eq!(judged.verdict, verdict, "{name}: {cause}");
    for word in words {
        assert!(cause.contains(word), "{name}: no `{word}` in: {cause}");
    }
}

async fn against<F, S>(expected: Expected<'_>, serve: S)
where
    S: Fn(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let bench = Bench::new().await;
    let server = listen(serve).await;
    let endpoint = bench.endpoint(server.address, None);
    let cases = cases(&bench);
    let ends = join_all(cases.iter().map(|case| bench.record(case, &endpoint, SHORT))).await;
    for (case, recorded) in cases.iter().zip(ends) {
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        matches(case.id.as_str(), &judged, expected);
        // Bounded in what is kept: the limit, and what one read may bring beyond it.
        assert!(recorded.recorder.sent(0, Direction::ToClient) <= SHORT.received + (64 << 10), "{}", case.id);
    }
}

/// One test per behaviour.
macro_rules! hostile {
    ($($(#[$meta:meta])* $name:ident: $expected:expr, $peer:pat => $serve:block)+) => {$(
        $(#[$meta])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            against($expected, |$peer: Peer| async move $serve).await;
        }
    )+};
}

/// Answers requests one by one until the client goes or there is no answer.
async fn each(mut peer: Peer, reply: impl Fn(usize, &[u8]) -> Option<Vec<u8>>) {
    let mut number = 0;
    while let Some(request) = peer.message().await {
        let Some(reply) = reply(number, &request) else { return peer.hold().await };
        if !peer.send(&reply).await {
            return;
        }
        number += 1;
    }
}

/// A SESSION_SETUP answer with this token.
fn setup(request: &[u8], status: NtStatus, flags: SessionFlags, token: &[u8]) -> Vec<u8> {
    let header = Header { session_id: 0x1234_5678_9abc, ..answering(request, status) };
    let body = SessionSetupResponse { session_flags: flags, security_buffer: token.to_vec() };
    wire::message(&header, &body).unwrap()
}

/// An answer that says only how long it takes.
fn interim(request: &[u8]) -> Vec<u8> {
    let header = answering(request, NtStatus::PENDING).with_async_id(9);
    let mut message = Vec::new();
    header.write(&mut message);
    message.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    message
}

const NOT_SMB: &[&str] = &["wire/well-formed", "in frame 5", "not-smb"];

hostile! {
    closes_at_once: Deviates(&["disconnected"]), peer => {
        drop(peer);
    }

    resets_at_once: Either(&["connect"]), peer => {
        peer.reset();
    }

    closes_when_asked: Deviates(&["disconnected"]), mut peer => {
        peer.message().await;
    }

    resets_when_asked: Deviates(&["disconnected"]), mut peer => {
        peer.message().await;
        peer.reset();
    }

    accepts_and_never_answers: Inconclusive(&["no answer to NEGOTIATE (frame 4)", "within 300ms"]), peer => {
        peer.hold().await;
    }

    sends_garbage: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        peer.raw(&[0xde, 0xad, 0xbe, 0xef].repeat(100)).await;
        peer.hold().await;
    }

    sends_garbage_before_it_is_asked: Deviates(&["wire/well-formed", "not-smb"]), mut peer => {
        peer.raw(b"220 mail.example ESMTP\r\n").await;
        peer.hold().await;
    }

    speaks_http: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        peer.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    }

    echoes: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(request.to_vec())).await;
    }

    echoes_as_a_response: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = request.to_vec();
            reply[16] |= 1;
            Some(reply)
        })
        .await;
    }

    succeeds_with_zeros: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[0; 200]))).await;
    }

    succeeds_with_nothing: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::SUCCESS, &[]))).await;
    }

    negotiates_and_then_succeeds_with_zeros: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 { negotiated(request) } else { answer(request, NtStatus::SUCCESS, &[0; 64]) })
        })
        .await;
    }

    lets_in_before_any_proof: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                1 => setup(request, NtStatus::SUCCESS, SessionFlags(0), &[]),
                _ => answer(request, NtStatus::SUCCESS, &[0; 64]),
            })
        })
        .await;
    }

    lets_in_with_a_signature_but_before_any_proof: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => {
                    let mut reply = setup(request, NtStatus::SUCCESS, SessionFlags(0), &[]);
                    reply[16] |= 8;
                    reply[48..64].fill(0x5a);
                    reply
                }
            })
        })
        .await;
    }

    announces_16_mib_and_stops: Inconclusive(&["of 16777215 announced bytes"]), mut peer => {
        peer.message().await;
        peer.raw(&[0, 0xff, 0xff, 0xff]).await;
        peer.hold().await;
    }

    announces_a_message_and_stops: Inconclusive(&["20 of 200 announced bytes"]), mut peer => {
        peer.message().await;
        peer.raw(&[&[0, 0, 0, 200][..], &[0xfe; 20]].concat()).await;
        peer.hold().await;
    }

    announces_a_message_and_closes: Deviates(&["disconnected"]), mut peer => {
        let request = peer.message().await.unwrap();
        let reply = nbss::wrap(&negotiated(&request)).unwrap();
        peer.raw(&reply[..reply.len() - 1]).await;
    }

    drips: Inconclusive(&["no answer to NEGOTIATE (frame 4)", "within 300ms"]), mut peer => {
        let request = peer.message().await.unwrap();
        for byte in nbss::wrap(&negotiated(&request)).unwrap() {
            if !peer.raw(&[byte]).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    negotiates_and_resets: Deviates(&["disconnected"]), mut peer => {
        let request = peer.message().await.unwrap();
        peer.send(&negotiated(&request)).await;
        peer.message().await;
        peer.reset();
    }

    negotiates_and_is_silent: Inconclusive(&["no answer to SESSION_SETUP (frame 6)"]), peer => {
        each(peer, |number, request| (number == 0).then(|| negotiated(request))).await;
    }

    floods_with_breaks: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        let request = peer.message().await.unwrap();
        let header = Header { message_id: u64::MAX, command: Command::OPLOCK_BREAK, ..answering(&request, NtStatus::SUCCESS) };
        let mut message = Vec::new();
        header.write(&mut message);
        message.extend_from_slice(&[24, 0].iter().copied().chain([0; 22]).collect::<Vec<u8>>());
        while peer.send(&message).await {}
    }

    floods_with_interim_responses: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        let request = peer.message().await.unwrap();
        while peer.send(&interim(&request)).await {}
    }

    floods_with_keepalives: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), mut peer => {
        peer.message().await;
        while peer.raw(&[0x85, 0, 0, 0]).await {}
    }

    floods_with_empty_messages: Deviates(NOT_SMB), mut peer => {
        peer.message().await;
        while peer.raw(&[0; 4096]).await {}
    }

    floods_with_answers: Deviates(&["wire/well-formed", "answers nothing"]), mut peer => {
        let request = peer.message().await.unwrap();
        let reply = negotiated(&request);
        while peer.send(&reply).await {}
    }

    says_it_takes_long_and_nothing_more: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), peer => {
        each(peer, |_, request| Some(interim(request))).await;
    }

    compound_that_points_at_itself: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(chained(negotiated(request), 8))).await;
    }

    compound_that_points_beyond_its_end: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(chained(negotiated(request), 0xffff_fff8))).await;
    }

    compound_of_odd_length: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(chained(negotiated(request), 65))).await;
    }

    compound_of_bare_headers_without_end: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| {
            let mut one = Vec::new();
            Header { next_command: 64, ..answering(request, NtStatus::SUCCESS) }.write(&mut one);
            Some(one.repeat(4000))
        })
        .await;
    }

    answers_twice_in_a_compound: Deviates(&["wire/well-formed", "in frame 5", "answers nothing"]), peer => {
        each(peer, |_, request| {
            let reply = negotiated(request);
            Some(wire::compound([reply.clone(), reply]).unwrap())
        })
        .await;
    }

    answers_twice: Deviates(&["wire/well-formed", "answers nothing"]), mut peer => {
        while let Some(request) = peer.message().await {
            let reply = match command(&request) {
                Command::NEGOTIATE => negotiated(&request),
                _ => setup(&request, NtStatus::LOGON_FAILURE, SessionFlags(0), &[]),
            };
            let reply = nbss::wrap(&reply).unwrap();
            peer.raw(&[reply.clone(), reply].concat()).await;
        }
    }

    cuts_its_header: Deviates(NOT_SMB), peer => {
        each(peer, |_, request| Some(negotiated(request)[..40].to_vec())).await;
    }

    cuts_its_body: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| Some(negotiated(request)[..90].to_vec())).await;
    }

    says_nothing_in_its_messages: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some(Vec::new())).await;
    }

    announces_huge_buffers: Deviates(&["not-smb"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[64 + 56..64 + 64].fill(0xff); // SecurityBuffer
            Some(reply)
        })
        .await;
    }

    announces_huge_session_tokens: Deviates(&["session-setup/final-signed in frame 7"]), peer => {
        each(peer, |number, request| {
            Some(if number == 0 {
                negotiated(request)
            } else {
                let mut reply = setup(request, NtStatus::SUCCESS, SessionFlags(0), &[1; 8]);
                reply[64 + 4..64 + 8].fill(0xff);
                reply
            })
        })
        .await;
    }

    answers_another_message: Deviates(&["wire/well-formed", "in frame 5", "answers nothing"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[24] ^= 0x40;
            Some(reply)
        })
        .await;
    }

    answers_another_command: Deviates(&["wire/well-formed", "in frame 5"]), peer => {
        each(peer, |_, request| {
            let header = Header { command: Command::ECHO, ..answering(request, NtStatus::SUCCESS) };
            Some(wire::message(&header, &EchoResponse::default()).unwrap())
        })
        .await;
    }

    speaks_smb1: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some([&b"\xffSMBr\0\0\0\0\x98"[..], &[0; 60]].concat())).await;
    }

    encrypts_what_nobody_can_read: Inconclusive(&["no answer to NEGOTIATE (frame 4)"]), peer => {
        each(peer, |_, _| Some([&b"\xfdSMB"[..], &[7; 120]].concat())).await;
    }

    compresses_what_nobody_asked_for: Deviates(NOT_SMB), peer => {
        each(peer, |_, _| Some([&b"\xfcSMB"[..], &[7; 120]].concat())).await;
    }

    wants_more_processing_for_ever: Inconclusive(&["the logon was not carried on", "frame 7"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => setup(request, NtStatus::MORE_PROCESSING_REQUIRED, SessionFlags(0), &[]),
            })
        })
        .await;
    }

    challenges_with_garbage: Inconclusive(&["the logon was not carried on", "frame 7"]), peer => {
        each(peer, |number, request| {
            let token = [&b"NTLMSSP\0\x02\0\0\0"[..], &[0xff; 60]].concat();
            Some(match number {
                0 => negotiated(request),
                _ => setup(request, NtStatus::MORE_PROCESSING_REQUIRED, SessionFlags(0), &token),
            })
        })
        .await;
    }

    refuses_everything: Deviates(&["policy/outcome", "STATUS_ACCESS_DENIED"]), peer => {
        each(peer, |_, request| Some(answer(request, NtStatus::ACCESS_DENIED, &[9, 0, 0, 0, 0, 0, 0, 0, 0]))).await;
    }

    refuses_every_logon: Deviates(&["policy/outcome", "logon-failure"]), peer => {
        each(peer, |number, request| {
            Some(match number {
                0 => negotiated(request),
                _ => answer(request, NtStatus::LOGON_FAILURE, &[9, 0, 0, 0, 0, 0, 0, 0, 0]),
            })
        })
        .await;
    }

    selects_a_dialect_nobody_offered: Deviates(&["policy/outcome", "no-common-dialect"]), peer => {
        each(peer, |_, request| {
            let reply = negotiated(request);
            let mut body = NegotiateResponse::parse(&reply).unwrap();
            body.dialect_revision = DialectRevision(0x0399);
            body.negotiate_contexts.clear();
            Some(wire::message(&answering(request, NtStatus::SUCCESS), &body).unwrap())
        })
        .await;
    }

    grants_no_credits: Inconclusive(&["SESSION_SETUP was never sent", "no credit"]), peer => {
        each(peer, |_, request| {
            let mut reply = negotiated(request);
            reply[14..16].fill(0);
            Some(reply)
        })
        .await;
    }
}

/// A message whose NextCommand says this.
fn chained(mut message: Vec<u8>, next: u32) -> Vec<u8> {
    message[Header::NEXT_COMMAND].copy_from_slice(&next.to_le_bytes());
    message
}

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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_selects_the_first_id_whatever_it_is() {
    // 0x7777 is offered to see whether a server passes over it.
    let bench = Bench::new().await;
    let server = listen(|peer| {
        each(peer, |_, request| {
            let mut body = NegotiateResponse::parse(&negotiated(request)).unwrap();
            for context in
                body.negotiate_contexts.iter_mut().filter(|c| c.context_type == SigningCapabilities::TYPE)
            {
                context.data = SigningCapabilities { algorithms: vec![0x7777] }.encode().unwrap();
            }
            Some(wire::message(&answering(request, NtStatus::SUCCESS), &body).unwrap())
        })
    })
    .await;
    for case in ["unknown-gmac", "gmac-unknown", "cmac", "unknown"]
        .map(|offer| bench.case("smb2-algorithms", &format!("offer={offer}")))
    {
        let recorded = bench.record(&case, &bench.endpoint(server.address, None), SHORT).await;
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        matches(case.id.as_str(), &judged, Deviates(&["negotiate/signing-algorithm in frame 5"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_nobody_listens_on() {
    let bench = Bench::new().await;
    let address = listen(|peer: Peer| async { drop(peer) }).await.address;
    let cases = cases(&bench);
    // The listener was dropped with its task; whoever has the port now is no SMB server either.
    tokio::time::timeout(Duration::from_secs(30), async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    for case in &cases {
        let recorded = bench.record(case, &bench.endpoint(address, None), SHORT).await;
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        matches(case.id.as_str(), &judged, Inconclusive(&["refused the connection"]));
    }
}
