//! The answers to a multi-protocol NEGOTIATE that come in SMB2. No server in this process gives them, so they are made of
//! an exchange of SMB 2.0.2 and the NEGOTIATE of a client that offers SMB1, too.

use crate::cases::case;
use crate::clean::conforms;
use crate::support::exchange::{Exchange, Wire};
use crate::support::{Bench, PATIENT, cause};
use model::scenario::Protocol;
use model::{Action, Dialect, Generation, PlannedCase, Verdict};
use smb::follow::Way;
use smb::smb1::{self, NegotiateRequest};
use smb::wire::{self, Body, DialectRevision, Header, NegotiateResponse, SecurityMode};
use std::collections::BTreeSet;

pub(super) const RULES: &[&str] = &["negotiate/multi-protocol"];

/// The case whose client offers NT LM 0.12 and SMB 2.002 to a server of both.
fn both(server: &str) -> PlannedCase {
    case(
        "multi-protocol",
        &format!("dialect=2.0.2,client=required,server.dialects={server},server.signing=not-required"),
    )
}

/// That case's exchange with a server that answers at once in SMB 2.0.2 ([MS-SMB2] 3.3.5.3.2).
async fn answered(bench: &Bench, server: &str) -> Exchange {
    let planned = both(server);
    let mut smb2 = planned.clone();
    smb2.steps.retain(|step| step.action != Action::MultiProtocolNegotiate);
    smb2.client.dialects = vec![Dialect::Smb202];
    smb2.client.generation = Generation::Smb2;
    let real = bench.server(&smb2_policy(bench)).await;
    let recorded = bench.record(&smb2, &bench.endpoint(real.address, Some(&real)), PATIENT).await;
    conforms("SMB 2.0.2 alone", &recorded.judged());
    let mut exchange = Exchange::framed(&recorded.read());
    exchange.begin_with_step(2);
    exchange.case = planned;
    offer(&mut exchange, &[Protocol::NtLm012, Protocol::Smb2002]);
    exchange
}

/// What the server in this process is set to has only to be something it can be set to.
fn smb2_policy(bench: &Bench) -> PlannedCase {
    bench.case("smb2-policy", "client=required,server.signing=not-required,dialect=2.0.2")
}

/// The first message offers these.
fn offer(exchange: &mut Exchange, protocols: &[Protocol]) {
    let names: Vec<&[u8]> = protocols.iter().map(|protocol| protocol.text().as_bytes()).collect();
    let mut header = smb1::Header::request(smb1::Command::NEGOTIATE);
    header.flags2 = header.flags2 | smb1::Flags2::EXTENDED_SECURITY | smb1::Flags2::UNICODE;
    let bytes = smb1::message(&header, &NegotiateRequest::new(&names)).unwrap();
    exchange.messages[0] = Wire { way: Way::ToServer, bytes };
}

/// The answer to it says something else.
fn answer(exchange: &mut Exchange, change: impl FnOnce(&mut NegotiateResponse)) {
    let bytes = &mut exchange.messages[1].bytes;
    let (header, mut body) = (Header::parse(bytes).unwrap(), NegotiateResponse::parse(bytes).unwrap());
    change(&mut body);
    *bytes = wire::message(&header, &body).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_smb_2_0_2_conforms() {
    let bench = Bench::new().await;
    for server in ["nt1..2.0.2", "nt1..3.1.1", "2.0.2..3.1.1"] {
        let exchange = answered(&bench, server).await;
        let judged = exchange.write(&bench).judged();
        conforms(server, &judged);
        assert_eq!(judged.checks[RULES[0]], 3, "{server}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_answers_are_seen() {
    type Change = fn(&mut NegotiateResponse);
    let bench = Bench::new().await;
    // With another dialect nobody goes on as they did.
    let changes: [(&str, Change, usize, &[&str]); 5] = [
        ("0x02FF", |body| body.dialect_revision = DialectRevision::WILDCARD, 2, &[]),
        ("2.1", |body| body.dialect_revision = DialectRevision::SMB_2_1, 2, &["policy/outcome"]),
        ("0x0000", |body| body.dialect_revision = DialectRevision(0), 2, &["policy/outcome"]),
        (
            "no signing",
            |body| body.security_mode = SecurityMode(0),
            usize::MAX,
            &["negotiate/signing-enabled"],
        ),
        (
            "signing required",
            |body| body.security_mode = SecurityMode(3),
            usize::MAX,
            &["negotiate/signing-required"],
        ),
    ];
    for (name, change, length, also) in changes {
        let mut exchange = answered(&bench, "nt1..3.1.1").await;
        answer(&mut exchange, change);
        exchange.messages.truncate(length);
        let judged = exchange.write(&bench).judged();
        assert_eq!(judged.verdict, Verdict::Deviates, "{name}: {}", cause(&judged));
        let rules: BTreeSet<&str> = judged.findings.iter().map(|finding| finding.rule.as_str()).collect();
        let expected: BTreeSet<&str> = also.iter().copied().chain(RULES.iter().copied()).collect();
        assert_eq!(rules, expected, "{name}: {}", cause(&judged));
        let finding = judged.findings.iter().find(|finding| finding.rule == RULES[0]).unwrap();
        assert_eq!(finding.at.map(|at| at.frame), Some(Exchange::frame(1)), "{name}");
    }
}
