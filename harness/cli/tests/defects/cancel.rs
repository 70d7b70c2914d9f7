//! A CANCEL with a wrong signature, and a server that heeds it.

use crate::clean::rules;
use crate::faulty::fails;
use crate::support::exchange::Exchange;
use crate::support::{Bench, PATIENT, cause};
use model::{CheckLevel, NtStatus, Verdict};
use smb::follow::Way;
use smb::wire::Command;
use std::collections::BTreeSet;

/// What the server that is built in says to a broken CANCEL, and to the right one behind it.
async fn exchange(bench: &Bench) -> Exchange {
    let case = bench.case("smb2-cancel", "deviation=signature,dialect=3.0");
    let server = bench.server(&case).await;
    let recorded = bench.record(&case, &bench.endpoint(server.address, Some(&server)), PATIENT).await;
    server.stop().await;
    Exchange::of(&recorded.read())
}

fn answers(exchange: &Exchange, command: Command, status: NtStatus) -> usize {
    let is = |i: &usize| {
        exchange.messages[*i].way == Way::ToClient
            && (exchange.header(*i).command, exchange.header(*i).status) == (command, status)
    };
    (0..exchange.messages.len()).find(is).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_it_is_a_note() {
    let bench = Bench::new().await;
    let judged = exchange(&bench).await.write(&bench).judged();
    assert_eq!(judged.verdict, Verdict::Conforms, "{}", cause(&judged));
    assert_eq!(rules(&judged), BTreeSet::from(["cancel/unanswered"]));
    assert!(judged.findings.iter().all(|finding| finding.level == CheckLevel::Info));
    assert_eq!(judged.checks.get("cancel/verified"), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_there_is_nothing_to_say() {
    let bench = Bench::new().await;
    let mut exchange = exchange(&bench).await;
    let at = answers(&exchange, Command::CANCEL, NtStatus::ACCESS_DENIED);
    exchange.remove(at);
    let judged = exchange.write(&bench).judged();
    assert_eq!((judged.verdict, rules(&judged)), (Verdict::Conforms, BTreeSet::new()), "{}", cause(&judged));
    assert_eq!(judged.checks.get("cancel/unanswered"), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_cancels_is_found_where_it_is_answered() {
    let bench = Bench::new().await;
    let mut exchange = exchange(&bench).await;
    let answer = answers(&exchange, Command::CANCEL, NtStatus::ACCESS_DENIED);
    exchange.remove(answer);
    let at = answers(&exchange, Command::CHANGE_NOTIFY, NtStatus::SUCCESS);
    fails(&mut exchange, at, NtStatus::CANCELLED);
    let judged = exchange.write(&bench).judged();
    assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(&judged));
    assert_eq!(rules(&judged), BTreeSet::from(["cancel/verified"]));
    assert_eq!(judged.findings[0].at.map(|at| at.frame), Some(Exchange::frame(at)));
}
