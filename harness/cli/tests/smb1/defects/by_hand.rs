//! What a client may do wrong, which the probe's does not: evidence of a right one, changed. The judge is the oracle of a
//! client here, as it is of servers elsewhere.

use super::Clean;
use crate::cases::record;
use crate::clean::conforms;
use crate::server::Conduct;
use crate::support::exchange::Exchange;
use crate::support::{Bench, PATIENT, cause};
use judge::Judged;
use model::{Signing, Subject, Verdict};
use smb::follow::Way;
use smb::smb1::{Command, Flags2, Header};
use std::collections::BTreeSet;

pub(super) const RULES: &[&str] = &["smb1/client-requires"];

pub(super) async fn exchange(bench: &Bench, clean: Clean) -> Exchange {
    let recorded = record(bench, &clean.case(), Conduct::RIGHT, PATIENT).await;
    conforms(&format!("{clean:?}"), &recorded.judged());
    let exchange = Exchange::framed(&recorded.read());
    conforms(&format!("{clean:?}, written again"), &exchange.write(bench).judged());
    exchange
}

/// The messages of this command that went one way.
fn all(exchange: &Exchange, way: Way, command: Command) -> Vec<usize> {
    let is = |i: &usize| {
        let message = &exchange.messages[*i];
        message.way == way && Header::parse(&message.bytes).is_ok_and(|header| header.command == command)
    };
    (0..exchange.messages.len()).filter(is).collect()
}

/// Changes the Flags2 of messages, and nothing else.
fn flags2(exchange: &mut Exchange, messages: &[usize], change: impl Fn(Flags2) -> Flags2) {
    for message in messages {
        let bytes = &mut exchange.messages[*message].bytes;
        let changed = change(Header::parse(bytes).unwrap().flags2);
        bytes[Header::FLAGS2].copy_from_slice(&changed.0.to_le_bytes());
    }
}

/// What a client-side fault is blamed on: the rules, those of the client, and where the client's is first broken.
fn blames(judged: &Judged) -> (BTreeSet<&str>, Option<u64>) {
    assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(judged));
    let client = judged.findings.iter().find(|finding| finding.subject == Subject::Client);
    assert!(client.is_none_or(|finding| finding.rule == RULES[0]));
    let rules = judged.findings.iter().map(|finding| finding.rule.as_str()).collect();
    (rules, client.and_then(|finding| finding.at).map(|at| at.frame))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_requires_signing_and_does_not_say_so() {
    let bench = Bench::new().await;
    let mut exchange = exchange(&bench, Clean::Required).await;
    let setups = all(&exchange, Way::ToServer, Command::SESSION_SETUP_ANDX);
    flags2(&mut exchange, &setups, |flags| flags.without(Flags2::SECURITY_SIGNATURE_REQUIRED));
    let judged = exchange.write(&bench).judged();
    // It is not the planned client either, so nothing of what follows is held against the server.
    assert_eq!(blames(&judged), (BTreeSet::from([RULES[0]]), Some(Exchange::frame(setups[0]))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_requires_signing_and_goes_on_without() {
    let bench = Bench::new().await;
    let mut exchange = exchange(&bench, Clean::Required).await;
    let last = *all(&exchange, Way::ToClient, Command::SESSION_SETUP_ANDX).last().unwrap();
    flags2(&mut exchange, &[last], |flags| flags.without(Flags2::SECURITY_SIGNATURE));
    exchange.messages[last].bytes[Header::SIGNATURE].fill(0);
    let judged = exchange.write(&bench).judged();
    let expected = BTreeSet::from([RULES[0], "smb1/setup-signed", "policy/outcome"]);
    assert_eq!(blames(&judged), (expected, Some(Exchange::frame(last + 1))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_requires_signing_and_is_not_heeded() {
    let bench = Bench::new().await;
    let mut exchange = exchange(&bench, Clean::Free).await;
    exchange.case.client.signing = Signing::Required;
    let setups = all(&exchange, Way::ToServer, Command::SESSION_SETUP_ANDX);
    let asks = Flags2::SECURITY_SIGNATURE | Flags2::SECURITY_SIGNATURE_REQUIRED;
    flags2(&mut exchange, &setups, |flags| flags | asks);
    let goes_on = exchange.write(&bench).judged();
    let last = *all(&exchange, Way::ToClient, Command::SESSION_SETUP_ANDX).last().unwrap();
    let rules = BTreeSet::from([RULES[0], "smb1/setup-signed", "policy/outcome"]);
    assert_eq!(blames(&goes_on), (rules, Some(Exchange::frame(last + 1))));

    exchange.messages.truncate(last + 1);
    let gives_up = exchange.write(&bench).judged();
    assert_eq!(blames(&gives_up), (BTreeSet::from(["smb1/setup-signed", "policy/outcome"]), None));
}
