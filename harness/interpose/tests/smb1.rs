//! SMB1: nothing is changed where nothing is to be; every defect and every attack is really done, and shows on the side where
//! it should.
#![cfg(test)]

mod support;

use countersign_interpose::{Mischief, attacks, defects, repairs};
use model::NtStatus;
use rstest::rstest;
use smb::follow::Way;
use smb::smb1::follow::{Connection, Message, Signature};
use smb::smb1::{
    Action, BSRSPYL, Command, EchoResponse, Flags2, MacKey, NegotiateResponse, ReadResponse, SecurityMode,
    parse,
};
use std::collections::BTreeSet;
use support::client::Broken;
use support::smb1::{Bad, DATA, PLAN, Plan, Seen, Server, run};
use support::{attack, defect};

const REQUIRED: SecurityMode = SecurityMode(0x0F);
const ENABLED: SecurityMode = SecurityMode(0x07);
const SECOND: Plan = Plan { second_session: true, ..PLAN };
const FILLER: Plan = Plan { filler: true, ..PLAN };
const UNSIGNED: Plan = Plan { breaks: Some(Broken::Unsigned), ..PLAN };
const FLIPPED: Plan = Plan { breaks: Some(Broken::Flipped), ..PLAN };

fn answers(connection: &Connection) -> impl Iterator<Item = &Message> {
    connection.messages.iter().filter(|message| message.way == Way::ToClient)
}

fn last(connection: &Connection, command: Command) -> &Message {
    answers(connection).filter(|m| m.command() == command).last().unwrap()
}

/// Whether everything behind the logon is signed rightly.
fn is_right(connection: &Connection) -> bool {
    let Some(activated) = connection.activated else { return false };
    connection.garbage.is_empty()
        && connection.messages.iter().skip(activated.response).all(|m| m.signature.is_valid())
}

fn mode(seen: &Seen) -> u8 {
    seen.client.negotiated.as_ref().unwrap().security_mode.0
}

fn echo(seen: &Seen) -> Signature {
    last(&seen.client, Command::ECHO).signature
}

fn echoed(seen: &Seen) -> Vec<EchoResponse> {
    let echoes = answers(&seen.client).filter(|m| m.command() == Command::ECHO);
    echoes.map(|m| parse::<EchoResponse>(&m.bytes).unwrap().1).collect()
}

fn is_zero(signature: Signature) -> bool {
    matches!(signature, Signature::Unsigned { zero: true, .. })
}

/// The answer to the request that is broken on purpose: the second ECHO.
fn broken(seen: &Seen) -> &Message {
    let asked: Vec<_> = (0..seen.client.messages.len())
        .filter(|i| {
            let message = &seen.client.messages[*i];
            message.way == Way::ToServer && message.command() == Command::ECHO
        })
        .collect();
    answers(&seen.client).find(|m| m.request == Some(asked[1])).unwrap()
}

struct Trial {
    id: &'static str,
    mode: SecurityMode,
    plan: Plan,
    shows: fn(&Seen) -> bool,
}

const fn trial(id: &'static str, mode: SecurityMode, plan: Plan, shows: fn(&Seen) -> bool) -> Trial {
    Trial { id, mode, plan, shows }
}

const TRIALS: &[Trial] = &[
    trial("smb1-says-not-enabled", ENABLED, PLAN, |seen| mode(seen) == 0x03),
    trial("smb1-says-required", ENABLED, PLAN, |seen| mode(seen) == 0x0F),
    trial("smb1-required-without-enabled", REQUIRED, PLAN, |seen| mode(seen) == 0x0B),
    trial("smb1-signature-before-activation", REQUIRED, PLAN, |seen| {
        last(&seen.client, Command::NEGOTIATE).header.signature == [0x5A; 8]
    }),
    trial("smb1-filler-refused", REQUIRED, FILLER, |seen| {
        last(&seen.client, Command::SESSION_SETUP_ANDX).header.status == NtStatus::ACCESS_DENIED
    }),
    trial("smb1-setup-unsigned", REQUIRED, PLAN, |seen| {
        is_zero(last(&seen.client, Command::SESSION_SETUP_ANDX).signature) && echo(seen).is_valid()
    }),
    trial("smb1-setup-wrong-sequence", REQUIRED, PLAN, |seen| {
        let setup = last(&seen.client, Command::SESSION_SETUP_ANDX).signature;
        matches!(setup, Signature::Invalid { other_sequence: Some(0), .. }) && echo(seen).is_valid()
    }),
    trial("smb1-guest-signed", REQUIRED, PLAN, |seen| {
        let session = seen.client.sessions.values().next().unwrap();
        let signed = last(&seen.client, Command::ECHO).bytes[14..22] != [0; 8];
        session.action == Action::GUEST && signed
    }),
    trial("smb1-response-unsigned", REQUIRED, PLAN, |seen| is_zero(echo(seen))),
    trial("smb1-flag-without-signature", REQUIRED, PLAN, |seen| {
        matches!(echo(seen), Signature::Invalid { got: [0, 0, 0, 0, 0, 0, 0, 0], .. })
    }),
    trial("smb1-bsrspyl-instead-of-signature", REQUIRED, PLAN, |seen| {
        matches!(echo(seen), Signature::Invalid { got: BSRSPYL, .. })
    }),
    trial(
        "smb1-signature-flipped",
        REQUIRED,
        PLAN,
        |seen| matches!(echo(seen), Signature::Invalid { expected, got, .. } if expected[0] ^ got[0] == 8),
    ),
    trial("smb1-wrong-key", REQUIRED, PLAN, |seen| {
        let echo = last(&seen.client, Command::ECHO);
        MacKey::new(&[0; 16], &[]).verify(&echo.bytes, echo.sequence.unwrap()).is_ok()
    }),
    trial("smb1-error-unsigned", REQUIRED, PLAN, |seen| {
        is_zero(last(&seen.client, Command::NT_CREATE_ANDX).signature) && echo(seen).is_valid()
    }),
    trial("smb1-flag-clear", REQUIRED, PLAN, |seen| {
        let echo = last(&seen.client, Command::ECHO);
        echo.signature.is_valid() && !echo.header.flags2.contains(Flags2::SECURITY_SIGNATURE)
    }),
    trial("smb1-wrong-sequence", REQUIRED, PLAN, |seen| {
        let echo = last(&seen.client, Command::ECHO);
        matches!(echo.signature, Signature::Invalid { other_sequence: Some(other), .. }
            if Some(other + 1) == echo.sequence)
    }),
    trial("smb1-echo-own-numbers", REQUIRED, PLAN, |seen| {
        let echoes: Vec<_> = answers(&seen.client).filter(|m| m.command() == Command::ECHO).collect();
        echoes[0].signature.is_valid()
            && echoes[1..3]
                .iter()
                .all(|m| matches!(m.signature, Signature::Invalid { other_sequence: Some(_), .. }))
            && echo(seen).is_valid()
    }),
    trial("smb1-second-session-key", REQUIRED, SECOND, |seen| {
        let at =
            seen.client.messages.iter().rposition(|m| m.way == Way::ToClient && m.command() == Command::ECHO);
        seen.client.signed_with(at.unwrap()).is_some()
    }),
    trial("smb1-accepts-unsigned", REQUIRED, UNSIGNED, |seen| {
        broken(seen).header.status == NtStatus::SUCCESS
    }),
    trial("smb1-ignores-bad-signature", REQUIRED, FLIPPED, |seen| {
        broken(seen).header.status == NtStatus::SUCCESS && broken(seen).signature.is_valid()
    }),
    trial("smb1-counts-refused", REQUIRED, FLIPPED, |seen| {
        broken(seen).header.status == NtStatus::ACCESS_DENIED
            && last(&seen.client, Command::ECHO).header.status == NtStatus::ACCESS_DENIED
    }),
    trial("smb1-data-to-read-raw", REQUIRED, PLAN, |seen| seen.client.raw_replies[0].length == 8),
    trial("smb1-echo-other-data", REQUIRED, PLAN, |seen| {
        echoed(seen).into_iter().all(|body| body.data == b"echO") && echo(seen).is_valid()
    }),
    trial("smb1-echo-counts-from-0", REQUIRED, PLAN, |seen| {
        echoed(seen)[..3].iter().map(|body| body.sequence_number).eq(0..3) && echo(seen).is_valid()
    }),
    trial("smb1-wrong-command", REQUIRED, PLAN, |seen| {
        let mut odd = answers(&seen.client).filter(|m| m.command() == Command::QUERY_INFORMATION_DISK);
        odd.any(|m| {
            seen.client.messages[m.request.unwrap()].command() == Command::ECHO && m.signature.is_valid()
        })
    }),
    trial("smb1-read-returns-other-data", REQUIRED, PLAN, |seen| {
        let read = last(&seen.client, Command::READ_ANDX);
        parse::<ReadResponse>(&read.bytes).unwrap().1.data != DATA && read.signature.is_valid()
    }),
];

/// The client is gone after what it cannot go on from.
const ENDS: &[&str] = &["smb1-filler-refused"];

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed(
    #[values(true, false)] extended: bool,
    #[values(REQUIRED, ENABLED)] mode: SecurityMode,
) {
    let server = Server::start(mode, extended).await;
    let plan = Plan { extended, ..SECOND };
    let watched = run(&server, Mischief::None, plan).await;
    if mode == REQUIRED {
        let name = if extended { "nt1" } else { "nt1-plain" };
        support::seen::keep(name, watched.server.messages.iter().map(|m| (m.way, m.bytes.clone())));
    }
    let again = run(&server, Mischief::Defect(defect("smb1-ignores-bad-signature")), plan).await;
    for seen in [watched, again] {
        assert_eq!((seen.applied, &seen.problem), (0, &None));
        assert!(seen.finished && seen.same_bytes, "{:?}", seen.statuses);
        assert!(is_right(&seen.client) && is_right(&seen.server));
        assert_eq!(seen.server.sessions.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_defect_shows_on_the_clients_side_only() {
    for Trial { id, mode, plan, shows } in TRIALS {
        let server = Server::start(*mode, true).await;
        let clean = run(&server, Mischief::None, *plan).await;
        assert!(clean.finished, "{id}: {:?}", clean.statuses);
        assert!(!shows(&clean), "{id}: it shows without the defect");

        let seen = run(&server, Mischief::Defect(defect(id)), *plan).await;
        let what = format!("{id}: {:?}", seen.statuses);
        assert_eq!(seen.problem, None, "{what}");
        assert!(seen.applied > 0, "{what}");
        assert_eq!(seen.finished, !ENDS.contains(id), "{what}");
        assert!(shows(&seen), "{what}: it does not show");
        assert!(is_right(&seen.server) || ENDS.contains(id), "{what}: the server's side");
        let denied = answers(&seen.server).filter(|m| m.header.status == NtStatus::ACCESS_DENIED).count();
        assert_eq!(denied, 0, "{what}");
    }
}

/// A server that ends the connection, as Samba does, never sees what it would end it for.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_connection_is_not_passed_on() {
    let server = Server::start_with(REQUIRED, true, Bad::Ends).await;
    for plan in [UNSIGNED, FLIPPED, PLAN] {
        assert!(!run(&server, Mischief::None, plan).await.finished);
    }
    let seen = run(&server, Mischief::Defect(defect("smb1-data-to-read-raw")), PLAN).await;
    assert!(seen.finished && seen.applied == 1, "{:?}", seen.statuses);
    assert!(is_right(&seen.client) && is_right(&seen.server));
    for plan in [UNSIGNED, FLIPPED] {
        let seen = run(&server, Mischief::Defect(defect("smb1-counts-refused")), plan).await;
        assert_eq!(seen.applied, 2, "{:?}", seen.statuses);
        for refused in [broken(&seen), last(&seen.client, Command::ECHO)] {
            assert!(refused.header.status == NtStatus::ACCESS_DENIED && refused.signature.is_valid());
        }
        assert!(is_right(&seen.server));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_the_connection_is_repaired() {
    let of_smb1: Vec<_> = repairs().iter().filter(|repair| repair.id.starts_with("smb1-")).collect();
    let [repair] = of_smb1[..] else { panic!("another repair is to be tried, too") };
    for (extended, bad) in [(true, Bad::Ends), (false, Bad::Ends), (true, Bad::Refused)] {
        let server = Server::start_with(REQUIRED, extended, bad).await;
        for plan in [UNSIGNED, FLIPPED] {
            let plan = Plan { extended, ..plan };
            let seen = run(&server, Mischief::Repair(repair), plan).await;
            assert_eq!((seen.applied, &seen.problem), (1, &None), "{:?}", seen.statuses);
            let refused = broken(&seen);
            assert!(refused.header.status == NtStatus::ACCESS_DENIED && refused.signature.is_valid());
            // The client goes on with the number that was refused, and so does the server.
            let echo = last(&seen.client, Command::ECHO);
            assert!(echo.header.status == NtStatus::SUCCESS && echo.sequence == refused.sequence);
            assert!(is_right(&seen.server));
        }
        let seen = run(&server, Mischief::Repair(repair), Plan { extended, ..PLAN }).await;
        assert!(seen.applied == 0 && seen.same_bytes);
    }
}

/// Samba's answer where it has SMB1 switched off.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_smb1_speaks_it() {
    let server = Server::start_with(ENABLED, true, Bad::Everything).await;
    let clean = run(&server, Mischief::None, PLAN).await;
    assert!(clean.client.negotiated.is_none());
    let seen = run(&server, Mischief::Defect(defect("smb1-speaks-though-switched-off")), PLAN).await;
    assert!(seen.applied == 1 && seen.server.negotiated.is_none());
    let (_, body) = parse::<NegotiateResponse>(&last(&seen.client, Command::NEGOTIATE).bytes).unwrap();
    assert_eq!(body.dialect_index, 0);
    assert_eq!(seen.client.negotiated.unwrap().dialect, Some(model::Dialect::Nt1));
}

/// Without extended security the key has the response to the challenge in it ([MS-CIFS] 3.2.5.3).
#[tokio::test(flavor = "multi_thread")]
async fn a_logon_without_extended_security_is_followed() {
    let server = Server::start(REQUIRED, false).await;
    let plan = Plan { extended: false, ..FLIPPED };
    let seen = run(&server, Mischief::Defect(defect("smb1-ignores-bad-signature")), plan).await;
    assert!(seen.finished && seen.applied == 1, "{:?}", seen.statuses);
    assert!(is_right(&seen.server));
    assert_eq!(broken(&seen).header.status, NtStatus::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_of_signing_is_taken_away() {
    let server = Server::start(REQUIRED, true).await;
    for (id, expected) in [("smb1-strip-required", 0x07), ("smb1-strip-signing", 0x03)] {
        let seen = run(&server, Mischief::Attack(attack(id)), PLAN).await;
        assert_eq!((seen.applied, &seen.problem), (1, &None), "{id}");
        assert_eq!(mode(&seen), expected, "{id}");
        assert_eq!(seen.server.negotiated.as_ref().unwrap().security_mode, REQUIRED, "{id}");
    }
    let server = Server::start(ENABLED, true).await;
    let seen = run(&server, Mischief::Attack(attack("smb1-clear-flags2")), PLAN).await;
    assert_eq!(seen.applied, 2);
    assert!(seen.server.activated.is_none() && seen.finished, "{:?}", seen.statuses);
    assert!(is_zero(last(&seen.client, Command::SESSION_SETUP_ANDX).signature));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_seen_on_the_other_side() {
    let server = Server::start(REQUIRED, true).await;
    for (id, way) in [("smb1-flip-request-bit", Way::ToServer), ("smb1-flip-response-bit", Way::ToClient)] {
        let seen = run(&server, Mischief::Attack(attack(id)), PLAN).await;
        assert_eq!(seen.applied, 1, "{id}");
        let (from, to) =
            if way == Way::ToServer { (&seen.client, &seen.server) } else { (&seen.server, &seen.client) };
        let invalid = |side: &Connection| {
            side.messages
                .iter()
                .filter(|m| {
                    m.way == way && matches!(m.signature, Signature::Invalid { other_sequence: None, .. })
                })
                .count()
        };
        assert_eq!((invalid(from), invalid(to)), (0, 1), "{id}");
    }
}

#[test]
fn everything_of_smb1_is_tried() {
    let of_smb1 = |id: &&str| id.starts_with("smb1-");
    let there: BTreeSet<&str> = defects().iter().map(|defect| defect.id).filter(of_smb1).collect();
    let elsewhere = ["smb1-speaks-though-switched-off"];
    assert_eq!(TRIALS.iter().map(|trial| trial.id).chain(elsewhere).collect::<BTreeSet<_>>(), there);
    let attacks: BTreeSet<&str> = attacks().iter().map(|attack| attack.id).filter(of_smb1).collect();
    let tried = [
        "smb1-strip-required",
        "smb1-strip-signing",
        "smb1-clear-flags2",
        "smb1-flip-request-bit",
        "smb1-flip-response-bit",
    ];
    assert_eq!(attacks, tried.into_iter().collect());
}
