//! Every defect of SMB2 is really done, the client's side shows it, and the server's side stays a conversation that nothing
//! is wrong with.
#![cfg(test)]

mod support;

use countersign_interpose::{Mischief, defects};
use model::{Algorithm, Dialect, NtStatus};
use rstest::rstest;
use smb::auth::Wrapping;
use smb::follow::{Message, Signature, Way};
use smb::kdf;
use smb::signing::SigningKey;
use smb::wire::{
    Body, Command, ContextType, DialectRevision, Flags, IoctlResponse, SecurityMode, SessionFlags,
    ValidateNegotiateInfoResponse,
};
use std::collections::BTreeSet;
use support::client::{Broken, PATTERN, Plan};
use support::own::Own;
use support::seen::{Seen, answers, is_right, run};
use support::{Embedded, defect};

const D21: Dialect = Dialect::Smb21;
const D30: Dialect = Dialect::Smb30;
const D311: Dialect = Dialect::Smb311;

/// Who requires signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Requires {
    Both,
    Client,
    Server,
    Nobody,
}

/// A defect, where it is tried, and how it looks from the client's side.
struct Trial {
    id: &'static str,
    dialects: &'static [Dialect],
    requires: Requires,
    change: fn(&mut Plan),
    /// Whether the client comes to the end all the same.
    finishes: bool,
    shows: fn(&Seen) -> bool,
}

/// Most change nothing.
macro_rules! change {
    () => {
        |_| {}
    };
    ($change:expr) => {
        $change
    };
}

macro_rules! trials {
    ($($name:ident: $id:literal, [$($dialect:ident),+], $requires:ident, $finishes:literal $(, $change:expr)? => $shows:expr;)+) => {
        const TRIALS: &[Trial] = &[$(Trial {
            id: $id,
            dialects: &[$($dialect),+],
            requires: Requires::$requires,
            change: change!($($change)?),
            finishes: $finishes,
            shows: $shows,
        }),+];

        #[rstest]
        $(#[case::$name($id)])+
        #[tokio::test(flavor = "multi_thread")]
        async fn defect_of(#[case] id: &str) {
            for trial in TRIALS.iter().filter(|trial| trial.id == id) {
                try_out(trial).await;
            }
        }
    };
}

trials! {
    negotiate_drops_enabled: "negotiate-drops-enabled", [D21, D30, D311], Client, true => |seen| {
        !mode(seen).contains(SecurityMode::SIGNING_ENABLED) && repeats(seen)
    };
    negotiate_drops_required: "negotiate-drops-required", [D21, D30, D311], Both, true => |seen| {
        !mode(seen).contains(SecurityMode::SIGNING_REQUIRED) && repeats(seen)
    };
    negotiate_sets_required: "negotiate-sets-required", [D21, D30, D311], Nobody, true => |seen| {
        mode(seen).contains(SecurityMode::SIGNING_REQUIRED) && repeats(seen) && signature(seen, Command::ECHO).is_valid()
    };
    negotiate_flagged_signed: "negotiate-flagged-signed", [D21, D311], Both, true => |seen| {
        signature(seen, Command::NEGOTIATE).is_flagged() && signature(seen, Command::ECHO).is_valid()
    };
    same_salt: "same-salt", [D311], Both, true => |seen| contexts(seen, PREAUTH)[0][6..].iter().all(|byte| *byte == 7);
    dialect_not_offered: "dialect-not-offered", [D21, D30], Both, true => is_not_offered;
    // A client that thinks it speaks 3.0.2 validates that, which ends a connection of 3.1.1 (3.3.5.15.12).
    dialect_not_offered_at_3_1_1: "dialect-not-offered", [D311], Both, false => is_not_offered;
    no_preauth_context: "no-preauth-context", [D311], Both, true => |seen| contexts(seen, PREAUTH).is_empty();
    two_preauth_contexts: "two-preauth-contexts", [D311], Both, true => |seen| contexts(seen, PREAUTH).len() == 2;
    unknown_preauth_hash: "unknown-preauth-hash", [D311], Both, true => |seen| contexts(seen, PREAUTH)[0][4..6] == [9, 0];
    no_signing_context: "no-signing-context", [D311], Both, true => |seen| {
        contexts(seen, SIGNING).is_empty() && is_right(&seen.client)
    };
    two_signing_contexts: "two-signing-contexts", [D311], Both, true => |seen| contexts(seen, SIGNING).len() == 2;
    signing_context_count_2: "signing-context-count-2", [D311], Both, true => |seen| {
        contexts(seen, SIGNING) == [[2, 0, 1, 0, 2, 0]]
    };
    signing_context_count_0: "signing-context-count-0", [D311], Both, false => |seen| contexts(seen, SIGNING) == [[0, 0]];
    signing_context_short: "signing-context-short", [D311], Both, false => |seen| contexts(seen, SIGNING) == [[1, 0, 1]];
    algorithm_not_offered: "algorithm-not-offered", [D311], Both, true => |seen| {
        // This side signs with what was selected here, and the server with its own.
        contexts(seen, SIGNING) == [[1, 0, 2, 0]]
            && signature(seen, Command::ECHO) == Signature::Valid(Algorithm::Aes128Gmac)
            && last(&seen.server, Command::ECHO).signature == Signature::Valid(Algorithm::Aes128Cmac)
    };
    unknown_algorithm: "unknown-algorithm", [D311], Both, false => |seen| contexts(seen, SIGNING) == [[1, 0, 0x77, 0x77]];
    signing_context_though_none_offered: "signing-context-though-none-offered", [D311], Both, true,
        |plan| plan.algorithms = None => |seen| {
        contexts(seen, SIGNING) == [[1, 0, 0, 0]]
            && last(&seen.client, Command::ECHO).signature == Signature::Valid(Algorithm::Aes128Cmac)
    };
    validate_wrong_capabilities: "validate-wrong-capabilities", [D21, D30], Both, true => |seen| !repeats(seen);
    validate_wrong_guid: "validate-wrong-guid", [D21, D30], Both, true => |seen| !repeats(seen);
    validate_wrong_mode: "validate-wrong-mode", [D21, D30], Both, true => |seen| !repeats(seen);
    validate_wrong_dialect: "validate-wrong-dialect", [D21, D30], Both, true => |seen| !repeats(seen);
    validate_unsigned: "validate-unsigned", [D21, D30], Nobody, true => |seen| {
        signature(seen, Command::IOCTL) == Signature::Unsigned { zero: true }
    };

    final_setup_unsigned: "final-setup-unsigned", [D21, D30, D311], Both, true => |seen| {
        signature(seen, Command::SESSION_SETUP) == Signature::Unsigned { zero: true } && echo_is_right(seen)
    };
    final_setup_zero_signature: "final-setup-zero-signature", [D21, D30, D311], Both, true => |seen| {
        matches!(signature(seen, Command::SESSION_SETUP), Signature::Invalid { got, .. } if got == [0; 16]) && echo_is_right(seen)
    };
    final_setup_signature_flipped: "final-setup-signature-flipped", [D21, D30, D311], Both, true => |seen| {
        matches!(signature(seen, Command::SESSION_SETUP), Signature::Invalid { expected, got } if expected[2] ^ got[2] == 4)
    };
    final_setup_wrong_key: "final-setup-wrong-key", [D21, D30, D311], Both, true => |seen| {
        signed_with(seen, Command::SESSION_SETUP, |_, _| [0; 16])
    };
    final_setup_without_flag: "final-setup-without-flag", [D21, D30, D311], Both, true => |seen| {
        signature(seen, Command::SESSION_SETUP) == Signature::Unsigned { zero: false }
    };
    preauth_includes_final_response: "preauth-includes-final-response", [D311], Both, true => |seen| {
        is_invalid(signature(seen, Command::SESSION_SETUP)) && is_invalid(signature(seen, Command::ECHO))
    };
    challenge_flagged_signed: "challenge-flagged-signed", [D21, D30, D311], Both, true => |seen| {
        let first = answers(&seen.client).find(|m| m.command() == Command::SESSION_SETUP).unwrap();
        first.header.flags.contains(Flags::SIGNED) && echo_is_right(seen)
    };
    guest_flag_for_user: "guest-flag-for-user", [D21, D30, D311], Server, true => |seen| {
        session_flags(seen) == SessionFlags::IS_GUEST
            && seen.client.messages.iter().all(|m| m.signature == Signature::Unsigned { zero: true })
            && last(&seen.server, Command::ECHO).signature.is_valid()
    };
    null_flag_for_user: "null-flag-for-user", [D21, D30, D311], Server, true => |seen| {
        session_flags(seen) == SessionFlags::IS_NULL
            && seen.client.messages.iter().all(|m| m.signature == Signature::Unsigned { zero: true })
            && last(&seen.server, Command::ECHO).signature.is_valid()
    };
    guest_session_signed: "guest-session-signed", [D21, D30, D311], Server, true => |seen| {
        session_flags(seen) == SessionFlags::IS_GUEST
            && signature(seen, Command::SESSION_SETUP).is_valid()
            && signature(seen, Command::ECHO).is_valid()
    };
    encrypt_flag_without_encryption: "encrypt-flag-without-encryption", [D21, D30, D311], Both, true => |seen| {
        session_flags(seen) == SessionFlags::ENCRYPT_DATA && signature(seen, Command::SESSION_SETUP).is_valid()
    };
    user_refused: "user-refused", [D21, D311], Both, false => |seen| {
        last(&seen.client, Command::SESSION_SETUP).header.status == NtStatus::LOGON_FAILURE
    };

    response_unsigned: "response-unsigned", [D21, D30, D311], Both, true => |seen| {
        signature(seen, Command::ECHO) == Signature::Unsigned { zero: true } && signature(seen, Command::SESSION_SETUP).is_valid()
    };
    response_flag_without_signature: "response-flag-without-signature", [D21, D30, D311], Client, true => |seen| {
        matches!(signature(seen, Command::ECHO), Signature::Invalid { got, .. } if got == [0; 16])
    };
    response_signature_without_flag: "response-signature-without-flag", [D21, D30, D311], Server, true => |seen| {
        signature(seen, Command::ECHO) == Signature::Unsigned { zero: false }
    };
    response_signature_flipped: "response-signature-flipped", [D21, D30, D311], Both, true => |seen| {
        matches!(signature(seen, Command::ECHO), Signature::Invalid { expected, got } if expected[15] ^ got[15] == 0x80)
    };
    response_bit_flipped: "response-bit-flipped", [D21, D30, D311], Both, true => |seen| {
        is_invalid(signature(seen, Command::ECHO)) && seen.driven.read.as_deref() != Some(PATTERN)
    };
    response_signed_with_wrong_key: "response-signed-with-wrong-key", [D21, D30, D311], Both, true => |seen| {
        signed_with(seen, Command::ECHO, |_, _| [0; 16])
    };
    response_signed_with_session_key: "response-signed-with-session-key", [D30, D311], Both, true => |seen| {
        signed_with(seen, Command::ECHO, |key, _| key)
    };
    response_signed_with_wrong_label: "response-signed-with-wrong-label", [D30, D311], Both, true => |seen| {
        signed_with(seen, Command::ECHO, |key, dialect| match dialect {
            Dialect::Smb311 => kdf::signing_key(Dialect::Smb30, &key, &[0; 64]),
            _ => kdf::sp800_108(&key, b"SMBSigningKey\0", b"SmbSign\0"),
        })
    };
    response_signed_with_32_byte_key: "response-signed-with-32-byte-key", [D30, D311], Both, true => |seen| {
        is_invalid(signature(seen, Command::ECHO)) && signature(seen, Command::SESSION_SETUP).is_valid()
    };
    response_signed_with_wrong_algorithm: "response-signed-with-wrong-algorithm", [D21, D30], Both, true => |seen| {
        let dialect = seen.client.negotiated.as_ref().unwrap().dialect.unwrap();
        let key = kdf::signing_key(dialect, &seen.driven.keys[0].key, &[0; 64]);
        let other = if dialect == D21 { Algorithm::Aes128Cmac } else { Algorithm::HmacSha256 };
        let echo = last(&seen.client, Command::ECHO);
        is_invalid(echo.signature) && SigningKey::new(other, key).unwrap().verify(&echo.bytes).is_ok()
    };
    echoes_request_signature: "echoes-request-signature", [D21, D30, D311], Both, true => |seen| {
        let echo = last(&seen.client, Command::ECHO);
        seen.client.messages[echo.request.unwrap()].header.signature == echo.header.signature
    };
    error_response_unsigned: "error-response-unsigned", [D21, D30, D311], Both, true => |seen| {
        signature(seen, Command::CREATE) == Signature::Unsigned { zero: true } && echo_is_right(seen)
    };
    tree_connect_unsigned: "tree-connect-unsigned", [D21, D30, D311], Both, true => |seen| {
        signature(seen, Command::TREE_CONNECT) == Signature::Unsigned { zero: true } && echo_is_right(seen)
    };
    logoff_unsigned: "logoff-unsigned", [D21, D30, D311], Both, true => |seen| {
        signature(seen, Command::LOGOFF) == Signature::Unsigned { zero: true } && echo_is_right(seen)
    };
    compound_signed_before_next_command: "compound-signed-before-next-command", [D21, D30, D311], Both, true => |seen| {
        let mut echoes = answers(&seen.client).filter(|m| m.command() == Command::ECHO && m.header.next_command != 0);
        echoes.any(|m| is_invalid(m.signature)) && signature(seen, Command::ECHO).is_valid()
    };
    unsigned_response_with_signature: "unsigned-response-with-signature", [D21, D30, D311], Nobody, true => |seen| {
        signature(seen, Command::ECHO) == Signature::Unsigned { zero: false }
    };
    signs_though_nobody_asked: "signs-though-nobody-asked", [D21, D30, D311], Nobody, true => |seen| {
        signature(seen, Command::ECHO).is_valid()
    };
    pending_signed: "pending-signed", [D21, D30, D311], Both, true => |seen| {
        interims(seen).count() > 0 && interims(seen).all(|m| m.signature.is_valid()) && echo_is_right(seen)
    };
    pending_echoes_signature: "pending-echoes-signature", [D21, D30, D311], Both, true => |seen| {
        let echoes = |m: &Message| {
            m.signature == (Signature::Unsigned { zero: false })
                && seen.client.messages[m.request.unwrap()].header.signature == m.header.signature
        };
        interims(seen).count() > 0 && interims(seen).all(echoes) && echo_is_right(seen)
    };

    wrong_message_id: "wrong-message-id", [D21, D30, D311], Both, true => |seen| {
        answers(&seen.client).filter(|m| m.request.is_none()).count() == 1
    };
    answers_twice: "answers-twice", [D21, D30, D311], Both, true => |seen| {
        answers(&seen.client).filter(|m| m.request.is_none()).count() == 1
    };
    wrong_command: "wrong-command", [D21, D30, D311], Both, true => |seen| {
        let other = |m: &&Message| seen.client.messages[m.request.unwrap()].command() != m.command();
        answers(&seen.client).filter(other).count() == 1 && is_right(&seen.client)
    };
    no_server_to_redir: "no-server-to-redir", [D21, D30, D311], Both, true => |seen| {
        answers(&seen.client).any(|m| !m.header.is_response()) && echo_is_right(seen)
    };
    wrong_structure_size: "wrong-structure-size", [D21, D30, D311], Both, true => |seen| {
        answers(&seen.client).any(|m| m.command() == Command::WRITE && m.bytes[64] == 17 ^ 0x40) && is_right(&seen.client)
    };
    not_smb: "not-smb", [D21, D30, D311], Both, true => |seen| {
        seen.client.garbage.len() == 1 && echo_is_right(seen)
    };
    read_returns_other_data: "read-returns-other-data", [D21, D30, D311], Both, true => |seen| {
        seen.driven.read.as_deref() != Some(PATTERN) && is_right(&seen.client)
    };
    write_said_to_fail: "write-said-to-fail", [D21, D30, D311], Both, true => |seen| {
        seen.driven.status(Command::WRITE) == Some(NtStatus::ACCESS_DENIED)
            && seen.driven.read.as_deref() == Some(PATTERN)
            && is_right(&seen.client)
    };
    deleted_file_is_there: "deleted-file-is-there", [D21, D30, D311], Both, true => |seen| {
        seen.driven.status(Command::CREATE) == Some(NtStatus::SUCCESS) && is_right(&seen.client)
    };
    share_is_not_there: "share-is-not-there", [D21, D30, D311], Both, true => |seen| {
        seen.driven.status(Command::TREE_CONNECT) == Some(NtStatus::BAD_NETWORK_NAME) && is_right(&seen.client)
    };
    disconnects: "disconnects", [D21, D30, D311], Both, false => |seen| {
        !seen.driven.finished && seen.driven.status(Command::TREE_CONNECT) == Some(NtStatus::SUCCESS)
    };

    accepts_unsigned: "accepts-unsigned", [D21, D30, D311], Both, true, |plan| plan.breaks = Some(Broken::Unsigned) => |seen| {
        broken(seen).is_some_and(|m| m.header.status == NtStatus::SUCCESS && m.signature == Signature::Unsigned { zero: true })
    };
    ignores_bad_signature: "ignores-bad-signature", [D21, D30, D311], Both, true,
        |plan| plan.breaks = Some(Broken::Flipped) => |seen| {
        broken(seen).is_some_and(|m| m.header.status == NtStatus::SUCCESS && m.signature.is_valid())
    };
    ignores_bad_signature_where_nobody_requires: "ignores-bad-signature", [D21, D30, D311], Nobody, true,
        |plan| plan.breaks = Some(Broken::Flipped) => |seen| {
        broken(seen).is_some_and(|m| m.header.status == NtStatus::SUCCESS && m.signature.is_valid())
    };
    accepts_unknown_session: "accepts-unknown-session", [D21, D30, D311], Both, true,
        |plan| plan.breaks = Some(Broken::UnknownSession) => |seen| {
        broken(seen).is_some_and(|m| m.header.status == NtStatus::SUCCESS)
    };
}

/// These need an algorithm, or a message, that the server in this process does not have.
const ELSEWHERE: &[&str] =
    &["gmac-wrong-role-bit", "gmac-cancel-bit", "break-signed", "broken-cancel-answered"];

async fn try_out(trial: &Trial) {
    for dialect in trial.dialects {
        let Trial { id, requires, .. } = *trial;
        let mut plan = Plan::new(*dialect, matches!(requires, Requires::Both | Requires::Client));
        (trial.change)(&mut plan);
        let server = Embedded::start(matches!(requires, Requires::Both | Requires::Server)).await;
        let clean = run(server.address, Mischief::None, &plan).await;
        assert!(
            clean.driven.finished || plan.breaks.is_some(),
            "{id} {dialect}: {:?}",
            clean.driven.statuses
        );
        assert!(!(trial.shows)(&clean), "{id} {dialect}: it shows without the defect");

        let seen = run(server.address, Mischief::Defect(defect(id)), &plan).await;
        let what = format!("{id} {dialect}: {:?}", seen.driven.statuses);
        assert_eq!(seen.problem, None, "{what}");
        assert!(seen.applied > 0, "{what}: not applied");
        assert_eq!(seen.driven.finished, trial.finishes, "{what}");
        assert!((trial.shows)(&seen), "{what}: it does not show");
        stays_right(&seen, &what);
        assert!(defect(id).protocols.contains(dialect), "{what}");
    }
}

/// The server saw a client that does everything right.
fn stays_right(seen: &Seen, what: &str) {
    let wrong: Vec<_> = seen
        .server
        .messages
        .iter()
        .filter(|m| !matches!(m.signature, Signature::Unsigned { zero: true } | Signature::Valid(_)))
        .map(|m| (m.way, m.command(), m.signature))
        .collect();
    assert!(is_right(&seen.server), "{what}: {wrong:?}");
    let refused = |m: &&Message| {
        [NtStatus::ACCESS_DENIED, NtStatus::USER_SESSION_DELETED, NtStatus::INVALID_PARAMETER]
            .contains(&m.header.status)
    };
    // The validation at 2.1 of a server that knows no SMB3 is its own affair; so is what a made-up file leads to.
    assert_eq!(answers(&seen.server).filter(refused).count(), 0, "{what}: the server refused something");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nonce_of_gmac() {
    let server = Own::start(Algorithm::Aes128Gmac).await;
    for (id, flip) in [("gmac-wrong-role-bit", 1), ("gmac-cancel-bit", 2)] {
        let mut plan = Plan { algorithms: Some(vec![2]), wrapping: Wrapping::Raw, ..Plan::new(D311, true) };
        plan.tells = Some(server.key.clone());
        let seen = run(server.address, Mischief::Defect(defect(id)), &plan).await;
        assert!(seen.applied > 0 && seen.driven.finished, "{id}: {:?}", seen.driven.statuses);
        stays_right(&seen, id);
        let echo = last(&seen.client, Command::ECHO);
        let session = seen.client.sessions.values().next().unwrap();
        let expected = session.key().unwrap().signature_with_other_nonce(&echo.bytes, flip).unwrap();
        assert!(is_invalid(echo.signature));
        assert_eq!(echo.header.signature, expected, "{id}");
    }
}

/// It answers nothing, so there is no request whose session it would have.
#[tokio::test(flavor = "multi_thread")]
async fn a_break_that_nobody_asked_for() {
    for algorithm in [Algorithm::Aes128Cmac, Algorithm::Aes128Gmac] {
        let server = Own::start(algorithm).await;
        let mut plan = Plan { algorithms: algorithm.smb2_id().map(|id| vec![id]), ..Plan::new(D311, true) };
        (plan.wrapping, plan.tells) = (Wrapping::Raw, Some(server.key.clone()));
        for (mischief, signed) in [(Mischief::None, false), (Mischief::Defect(defect("break-signed")), true)]
        {
            let seen = run(server.address, mischief, &plan).await;
            assert!(seen.driven.finished, "{:?}", seen.driven.statuses);
            assert_eq!(seen.applied > 0, signed);
            stays_right(&seen, "break-signed");
            let came = answers(&seen.client).filter(|m| m.command() == Command::OPLOCK_BREAK);
            let breaks: Vec<&Message> = came.collect();
            assert!(!breaks.is_empty());
            let key = seen.client.sessions.values().next().unwrap().key().unwrap();
            for notification in breaks {
                assert_eq!(notification.signature.is_flagged(), signed);
                assert_eq!(key.verify(&notification.bytes).is_ok(), signed);
            }
            assert!(echo_is_right(&seen));
        }
    }
}

/// Two schedules with two algorithms: this side is told nothing of GMAC, and the server signs with it.
#[tokio::test(flavor = "multi_thread")]
async fn each_side_has_its_own_algorithm() {
    let server = Own::start(Algorithm::Aes128Gmac).await;
    let mut plan = Plan { algorithms: Some(vec![2]), wrapping: Wrapping::Raw, ..Plan::new(D311, true) };
    plan.tells = Some(server.key.clone());
    let seen = run(server.address, Mischief::Defect(defect("no-signing-context")), &plan).await;
    assert!(seen.applied > 0 && seen.driven.finished, "{:?}", seen.driven.statuses);
    assert!(is_right(&seen.client));
    stays_right(&seen, "no-signing-context");
    assert_eq!(signature(&seen, Command::ECHO), Signature::Valid(Algorithm::Aes128Cmac));
    assert_eq!(last(&seen.server, Command::ECHO).signature, Signature::Valid(Algorithm::Aes128Gmac));
}

#[test]
fn every_defect_of_smb2_is_tried() {
    let tried: BTreeSet<&str> =
        TRIALS.iter().map(|trial| trial.id).chain(ELSEWHERE.iter().copied()).collect();
    let there: BTreeSet<&str> =
        defects().iter().map(|defect| defect.id).filter(|id| !id.starts_with("smb1-")).collect();
    assert_eq!(tried, there);
}

fn is_not_offered(seen: &Seen) -> bool {
    let negotiated = seen.client.negotiated.as_ref().unwrap();
    !negotiated.offered_dialects.contains(&negotiated.revision)
}

const PREAUTH: ContextType = ContextType::PREAUTH_INTEGRITY_CAPABILITIES;
const SIGNING: ContextType = ContextType::SIGNING_CAPABILITIES;

fn last(connection: &smb::follow::Connection, command: Command) -> &Message {
    answers(connection).filter(|m| m.command() == command && !m.is_interim()).last().unwrap()
}

/// The signature of the last answer of this command, on the client's side.
fn signature(seen: &Seen, command: Command) -> Signature {
    answers(&seen.client)
        .filter(|m| m.command() == command && !m.is_interim() && m.request.is_some())
        .last()
        .map_or(Signature::NoKey, |m| m.signature)
}

fn echo_is_right(seen: &Seen) -> bool {
    signature(seen, Command::ECHO).is_valid()
}

fn is_invalid(signature: Signature) -> bool {
    matches!(signature, Signature::Invalid { .. })
}

fn mode(seen: &Seen) -> SecurityMode {
    seen.client.negotiated.as_ref().unwrap().server_mode
}

/// The data of the contexts of one type in the NEGOTIATE response, on the client's side.
fn contexts(seen: &Seen, kind: ContextType) -> Vec<Vec<u8>> {
    let list = &seen.client.negotiated.as_ref().unwrap().response_body.negotiate_contexts;
    list.iter().filter(|context| context.context_type == kind).map(|context| context.data.clone()).collect()
}

/// Whether VALIDATE_NEGOTIATE_INFO repeats, on the client's side, what NEGOTIATE said there; so it does where nobody asks.
fn repeats(seen: &Seen) -> bool {
    let said = &seen.client.negotiated.as_ref().unwrap().response_body;
    if said.dialect_revision == DialectRevision::SMB_3_1_1 {
        return true;
    }
    let answer = last(&seen.client, Command::IOCTL);
    let body = IoctlResponse::parse(&answer.bytes).unwrap();
    let told = ValidateNegotiateInfoResponse::parse(&body.output).unwrap();
    answer.signature.is_valid()
        && (told.capabilities, told.guid) == (said.capabilities, said.server_guid)
        && (told.security_mode, told.dialect) == (said.security_mode, said.dialect_revision)
}

fn session_flags(seen: &Seen) -> SessionFlags {
    seen.client.sessions.values().next().map_or(SessionFlags(0), |session| session.flags)
}

/// Whether the last answer of this command is signed with a key made so of the session key, and with no other.
fn signed_with(seen: &Seen, command: Command, key: fn([u8; 16], Dialect) -> [u8; 16]) -> bool {
    let negotiated = seen.client.negotiated.as_ref().unwrap();
    let key = key(seen.driven.keys[0].key, negotiated.dialect.unwrap());
    let answer = last(&seen.client, command);
    is_invalid(answer.signature)
        && SigningKey::new(negotiated.algorithm().unwrap(), key).unwrap().verify(&answer.bytes).is_ok()
}

fn interims(seen: &Seen) -> impl Iterator<Item = &Message> {
    answers(&seen.client).filter(|m| m.is_interim())
}

/// The answer to the one request that is broken on purpose: the last ECHO.
fn broken(seen: &Seen) -> Option<&Message> {
    let request =
        seen.client.messages.iter().rposition(|m| m.way == Way::ToServer && m.command() == Command::ECHO)?;
    answers(&seen.client).find(|m| m.request == Some(request))
}
