//! Every attack on SMB2 is really done, and a server or a client that looks can notice.
#![cfg(test)]

mod support;

use countersign_interpose::{Mischief, attacks};
use model::{Dialect, NtStatus};
use rstest::rstest;
use smb::follow::{Connection, Message, Signature, Way};
use smb::wire::{Command, ContextType, NegotiateRequest, SecurityMode};
use std::collections::BTreeSet;
use support::client::{PATTERN, Plan};
use support::seen::{Seen, answers, is_right, run};
use support::{Embedded, attack};

const D21: Dialect = Dialect::Smb21;
const D30: Dialect = Dialect::Smb30;
const D311: Dialect = Dialect::Smb311;

/// What both sides have of NEGOTIATE.
fn asked(connection: &Connection) -> NegotiateRequest {
    connection.negotiated.as_ref().unwrap().request_body.clone().unwrap()
}

/// Whether NEGOTIATE differs between the sides, and at 3.1.1 therefore everything that is signed: both then have other keys.
fn differs(seen: &Seen) -> bool {
    let both = [&seen.client, &seen.server].map(|side| side.negotiated.as_ref().unwrap());
    let other =
        both[0].request_body != both[1].request_body || both[0].response_body != both[1].response_body;
    let noticed = match both[0].dialect {
        Some(Dialect::Smb311) => {
            // The server signs with what it saw; for the client that is no signature.
            let last = |side| {
                answers(side).filter(|m: &&Message| m.command() == Command::SESSION_SETUP).last().unwrap()
            };
            is_invalid(last(&seen.client).signature) && last(&seen.server).signature.is_valid()
        }
        // The server ends the connection, or repeats what it had said, which the client knows otherwise.
        _ => !seen.driven.finished || !repeats(seen),
    };
    other && noticed
}

fn is_invalid(signature: Signature) -> bool {
    matches!(signature, Signature::Invalid { .. })
}

fn repeats(seen: &Seen) -> bool {
    use smb::wire::{Body, IoctlResponse, ValidateNegotiateInfoResponse};
    let said = &seen.client.negotiated.as_ref().unwrap().response_body;
    let answer = answers(&seen.client).find(|m| m.command() == Command::IOCTL).unwrap();
    let told = IoctlResponse::parse(&answer.bytes)
        .and_then(|body| ValidateNegotiateInfoResponse::parse(&body.output));
    told.is_ok_and(|told| {
        (told.capabilities, told.guid, told.security_mode, told.dialect)
            == (said.capabilities, said.server_guid, said.security_mode, said.dialect_revision)
    })
}

type Shows = fn(&Seen) -> bool;

const NEGOTIATE: &[(&str, &[Dialect])] = &[
    ("strip-required", &[D21, D30, D311]),
    ("strip-client-required", &[D21, D30, D311]),
    ("strip-enabled", &[D21, D30, D311]),
    ("change-capabilities", &[D21, D30, D311]),
    ("change-client-capabilities", &[D21, D30, D311]),
    ("change-guid", &[D21, D30, D311]),
    ("change-client-guid", &[D21, D30, D311]),
    ("change-salt", &[D311]),
    ("change-server-salt", &[D311]),
];

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_in_negotiate_is_noticed(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8)] which: usize) {
    let (id, dialects) = NEGOTIATE[which];
    for dialect in dialects {
        let server = Embedded::start(true).await;
        let seen = run(server.address, Mischief::Attack(attack(id)), &Plan::new(*dialect, true)).await;
        assert!(attack(id).protocols.contains(dialect));
        assert_eq!((seen.applied, &seen.problem), (1, &None), "{id} {dialect}");
        assert!(differs(&seen), "{id} {dialect}: {:?}", seen.driven.statuses);
    }
    assert_eq!(NEGOTIATE.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn dialects_are_taken_away() {
    for (id, left, selected) in [("lower-dialect", 2, Dialect::Smb302), ("lowest-dialect", 1, Dialect::Smb21)]
    {
        let server = Embedded::start(true).await;
        let plan = Plan { dialects: vec![D21, Dialect::Smb302, D311], ..Plan::new(D311, true) };
        let seen = run(server.address, Mischief::Attack(attack(id)), &plan).await;
        assert_eq!(seen.applied, 1, "{id}");
        assert_eq!(asked(&seen.server).dialects.len(), left, "{id}");
        assert_eq!(asked(&seen.client).dialects.len(), 3, "{id}");
        assert!(asked(&seen.server).negotiate_contexts.is_empty(), "{id}");
        assert_eq!(seen.client.negotiated.as_ref().unwrap().dialect, Some(selected), "{id}");
        // The client validates what it offered, and the server ends the connection (3.3.5.15.12).
        assert!(!seen.driven.finished, "{id}: {:?}", seen.driven.statuses);
        // One dialect cannot be lowered.
        let seen = run(server.address, Mischief::Attack(attack(id)), &Plan::new(D311, true)).await;
        assert_eq!(seen.applied, 0, "{id}");
        assert!(seen.driven.finished && is_right(&seen.client), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_contexts_are_taken_away() {
    let has = |side: &Connection, request: bool| {
        let negotiated = side.negotiated.as_ref().unwrap();
        let contexts = match request {
            true => asked(side).negotiate_contexts,
            false => negotiated.response_body.negotiate_contexts.clone(),
        };
        contexts.iter().any(|context| context.context_type == ContextType::SIGNING_CAPABILITIES)
    };
    let server = Embedded::start(true).await;
    let plan = Plan::new(D311, true);
    let seen = run(server.address, Mischief::Attack(attack("drop-signing-context")), &plan).await;
    assert_eq!(seen.applied, 1);
    assert!(has(&seen.client, true) && !has(&seen.server, true) && differs(&seen));
    let seen = run(server.address, Mischief::Attack(attack("drop-server-signing-context")), &plan).await;
    assert_eq!(seen.applied, 1);
    assert!(!has(&seen.client, false) && has(&seen.server, false) && differs(&seen));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_seen_on_the_other_side(#[values(D21, D30, D311)] dialect: Dialect) {
    let server = Embedded::start(true).await;
    let plan = Plan::new(dialect, true);
    let request = run(server.address, Mischief::Attack(attack("flip-request-bit")), &plan).await;
    let response = run(server.address, Mischief::Attack(attack("flip-response-bit")), &plan).await;
    for (seen, way) in [(&request, Way::ToServer), (&response, Way::ToClient)] {
        assert_eq!(seen.applied, 1);
        let (whole, broken) =
            if way == Way::ToServer { (&seen.client, &seen.server) } else { (&seen.server, &seen.client) };
        assert!(is_right(whole), "{dialect} {way:?}");
        let invalid: Vec<_> = broken.messages.iter().filter(|m| is_invalid(m.signature)).collect();
        assert_eq!(invalid.len(), 1, "{dialect} {way:?}");
        assert_eq!(invalid[0].way, way);
        assert_ne!(invalid[0].command(), Command::TREE_CONNECT);
    }
    // A server has to refuse it.
    let refused = request.server.messages.iter().find(|m| is_invalid(m.signature)).unwrap().responses.first();
    let status = refused.map(|answer| request.server.messages[*answer].header.status);
    assert!(status.is_none_or(|status| status == NtStatus::ACCESS_DENIED), "{status:?}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_comes_twice(#[values(D21, D30, D311)] dialect: Dialect) {
    let server = Embedded::start(true).await;
    let seen =
        run(server.address, Mischief::Attack(attack("replay-request")), &Plan::new(dialect, true)).await;
    assert_eq!(seen.applied, 1);
    let count = |side: &Connection| side.messages.iter().filter(|m| m.way == Way::ToServer).count();
    assert!(count(&seen.server) > count(&seen.client) || !seen.driven.finished, "{dialect}");
    // The client sees one answer to each of its requests, whatever the server says to the second.
    assert!(is_right(&seen.client), "{dialect}");
    assert!(answers(&seen.client).all(|m| m.request.is_some()), "{dialect}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_logoff_of_somebody_else(
    #[values(D21, D30, D311)] dialect: Dialect,
    #[values("inject-unsigned-logoff", "inject-badly-signed-logoff")] id: &str,
) {
    let shows: Shows = |seen| {
        let logoffs = |side: &Connection| {
            side.messages.iter().filter(|m| m.way == Way::ToServer && m.command() == Command::LOGOFF).count()
        };
        logoffs(&seen.server) > logoffs(&seen.client)
    };
    let server = Embedded::start(true).await;
    let seen = run(server.address, Mischief::Attack(attack(id)), &Plan::new(dialect, true)).await;
    assert_eq!(seen.applied, 1, "{dialect}");
    assert!(shows(&seen), "{dialect}");
    // This server refuses it, and the client goes on without having seen anything of it.
    let injected = seen
        .server
        .messages
        .iter()
        .find(|m| m.way == Way::ToServer && m.command() == Command::LOGOFF && !m.signature.is_valid())
        .unwrap();
    let status = injected.responses.first().map(|answer| seen.server.messages[*answer].header.status);
    assert_eq!(status, Some(NtStatus::ACCESS_DENIED), "{dialect}");
    assert!(seen.driven.finished && is_right(&seen.client), "{dialect}: {:?}", seen.driven.statuses);
    assert_eq!(seen.driven.read.as_deref(), Some(PATTERN));
    assert!(answers(&seen.client).all(|m| m.request.is_some()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_is_missing_on_the_other_side(#[values("drop-request", "drop-response")] id: &str) {
    let server = Embedded::start(true).await;
    let seen = run(server.address, Mischief::Attack(attack(id)), &Plan::new(D30, true)).await;
    assert_eq!((seen.applied, seen.driven.finished), (1, false));
    let echoes = |side: &Connection, way| {
        side.messages.iter().filter(|m| m.way == way && m.command() == Command::ECHO).count()
    };
    let there = usize::from(id == "drop-response");
    assert_eq!([echoes(&seen.server, Way::ToServer), echoes(&seen.server, Way::ToClient)], [there, there]);
    assert_eq!([echoes(&seen.client, Way::ToServer), echoes(&seen.client, Way::ToClient)], [1, 0]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_swapped_is_still_taken(
    #[values(D21, D30, D311)] dialect: Dialect,
    #[values("swap-requests", "swap-responses")] id: &str,
) {
    let server = Embedded::start(true).await;
    let plan = Plan { pipelines: true, ..Plan::new(dialect, true) };
    let seen = run(server.address, Mischief::Attack(attack(id)), &plan).await;
    assert_eq!((seen.applied, seen.driven.finished), (1, true), "{:?}", seen.driven.statuses);
    let order = |side: &Connection, way| -> Vec<u64> {
        let echoes = side.messages.iter().filter(|m| m.way == way && m.command() == Command::ECHO);
        echoes.map(|m| m.header.message_id).take(2).collect()
    };
    let way = if id == "swap-requests" { Way::ToServer } else { Way::ToClient };
    let (mut one, other) = (order(&seen.client, way), order(&seen.server, way));
    assert_ne!(one, other, "{dialect}");
    one.reverse();
    assert_eq!(one, other, "{dialect}");
    assert!(is_right(&seen.client) && is_right(&seen.server), "{dialect}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_logon_of_somebody_else_is_used_or_not(
    #[values(D21, D30, D311)] dialect: Dialect,
    #[values(true, false)] required: bool,
) {
    let server = Embedded::start(required).await;
    let seen = run(server.address, Mischief::Attack(attack("relay-logon")), &Plan::new(dialect, true)).await;
    assert_eq!((seen.applied, seen.driven.finished), (1, false), "{dialect}");
    // The server believes somebody who does not require signing, and who cannot sign.
    assert!(!asked(&seen.server).security_mode.contains(SecurityMode::SIGNING_REQUIRED), "{dialect}");
    let own = |m: &&Message| m.way == Way::ToServer && m.command() == Command::TREE_CONNECT;
    let sent = seen.server.messages.iter().find(own).unwrap();
    assert!(!sent.signature.is_flagged(), "{dialect}");
    let status = sent.responses.first().map(|answer| seen.server.messages[*answer].header.status);
    let refused = status.is_none_or(|status| status != NtStatus::SUCCESS);
    assert_eq!(refused, required || dialect == D311, "{dialect}: {status:?}");
    assert!(answers(&seen.client).all(|m| m.command() != Command::TREE_CONNECT), "{dialect}");
}

#[test]
fn every_attack_on_smb2_is_tried() {
    let mut tried: BTreeSet<&str> = NEGOTIATE.iter().map(|(id, _)| *id).collect();
    tried.extend(["lower-dialect", "lowest-dialect", "drop-signing-context", "drop-server-signing-context"]);
    tried.extend(["flip-request-bit", "flip-response-bit", "replay-request"]);
    tried.extend(["inject-unsigned-logoff", "inject-badly-signed-logoff"]);
    tried.extend(["drop-request", "drop-response", "swap-requests", "swap-responses", "relay-logon"]);
    let there: BTreeSet<&str> =
        attacks().iter().map(|attack| attack.id).filter(|id| !id.starts_with("smb1-")).collect();
    assert_eq!(tried, there);
}
