//! Requests that are broken on purpose, and servers that end the connection there, before it, or take them.

use crate::clean::rules;
use crate::faulty::fails;
use crate::support::exchange::Exchange;
use crate::support::{Bench, PATIENT, Recorded, cause};
use evidence::{Direction, End, Recorder};
use judge::Judged;
use model::{NtStatus, Verdict};
use smb::wire::Command;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

async fn record(bench: &Bench, scenario: &str, axes: &str) -> Recorded {
    let case = bench.case(scenario, axes);
    let server = bench.server(&case).await;
    let recorded = bench.record(&case, &bench.endpoint(server.address, Some(&server)), PATIENT).await;
    server.stop().await;
    let judged = recorded.judged();
    assert_eq!(judged.verdict, Verdict::Conforms, "{}", cause(&judged));
    recorded
}

async fn unsigned(bench: &Bench, deviation: &str) -> Exchange {
    let recorded = record(bench, "smb2-unsigned", &format!("deviation={deviation},dialect=3.0")).await;
    Exchange::of(&recorded.read())
}

/// The same, and the server ends the connection behind this message.
fn ended_behind(mut exchange: Exchange, message: usize, bench: &Bench) -> Judged {
    exchange.messages.truncate(message + 1);
    exchange.closed = true;
    exchange.write(bench).judged()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_end_the_connection_behind_its_refusal() {
    let bench = Bench::new().await;
    for (deviation, command) in
        [("query-directory", Command::QUERY_DIRECTORY), ("change-notify", Command::CHANGE_NOTIFY)]
    {
        let exchange = unsigned(&bench, deviation).await;
        let refusal = exchange.first_response(command);
        let judged = ended_behind(exchange, refusal, &bench);
        assert_eq!(judged.verdict, Verdict::Conforms, "{deviation}: {}", cause(&judged));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_ends_it_before_has_refused_nothing() {
    let bench = Bench::new().await;
    for before in [0, 1] {
        let exchange = unsigned(&bench, "query-directory").await;
        // The CREATE of the step, and its answer, stand in front of the request that is broken.
        let broken = exchange.request(Command::QUERY_DIRECTORY);
        let judged = ended_behind(exchange, broken - 2 - before, &bench);
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{before}: {}", cause(&judged));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_carries_it_out_and_ends_it_then_is_found() {
    let bench = Bench::new().await;
    let mut exchange = unsigned(&bench, "query-directory").await;
    let answer = exchange.first_response(Command::QUERY_DIRECTORY);
    fails(&mut exchange, answer, NtStatus::NO_SUCH_FILE);
    let judged = ended_behind(exchange, answer, &bench);
    assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(&judged));
    assert_eq!(rules(&judged), BTreeSet::from(["step/status"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_that_is_no_answer_is_found_wherever_it_comes() {
    let bench = Bench::new().await;
    let mut exchange = crate::clean::Clean::Required311.exchange(&bench).await;
    let at = exchange.response(Command::READ);
    let at = crate::faulty::interim(&mut exchange, at, |bytes| bytes[16] &= !1);
    let judged = exchange.write(&bench).judged();
    assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(&judged));
    let found = judged.findings.iter().find(|finding| finding.rule == "wire/well-formed").unwrap();
    assert_eq!(found.at.map(|at| at.frame), Some(Exchange::frame(at)));
}

/// What is refused on another connection leaves the case's own as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_dies_of_what_another_connection_says_is_found() {
    let bench = Bench::new().await;
    let axes = "deviation=signed,dialect=3.0,client=required,server.signing=required";
    let recorded = record(&bench, "smb2-connections", axes).await;
    let evidence = recorded.read();
    let step = recorded.sidecar.steps.iter().find(|step| step.connection == 1).unwrap().step;
    let last = recorded.sidecar.steps.iter().filter(|s| s.connection == 0 && s.step < step).map(|s| s.sent.1);
    let until = last.max().unwrap();

    let mut recorder = Recorder::default();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let server = recorded.sidecar.server.parse().unwrap();
    for (port, connection) in (50_000..).zip(&evidence.connections) {
        let opened = recorder.connect(format!("127.0.0.1:{port}").parse().unwrap(), server, start);
        for chunk in &connection.chunks {
            let sent = recorder.sent(0, Direction::ToServer);
            if opened == 0 && chunk.direction == Direction::ToServer && sent >= until {
                break;
            }
            recorder.data(opened, chunk.direction, &chunk.bytes, start);
        }
        recorder.end(opened, Direction::ToClient, End::Fin, start);
    }
    let mut sidecar = recorded.sidecar.clone();
    sidecar.recorded = Default::default();
    let judged = bench.write(recorder, sidecar).judged();
    assert_ne!(judged.verdict, Verdict::Conforms, "{}", cause(&judged));
}
