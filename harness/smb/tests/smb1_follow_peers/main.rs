//! The SMB1 follower over connections that no capture has: two peers that are built here, and sign as they are told.

#![cfg(test)]

mod answers;
mod chains;
mod sessions;

use countersign_smb::nbss;
use countersign_smb::ntlm::Password;
use countersign_smb::smb1::follow::{Connection, RawReply, Signature, Way};
use countersign_smb::smb1::ntlm::NtlmV2;
use countersign_smb::smb1::*;
use model::NtStatus;
use rstest::rstest;
use std::collections::BTreeMap;

const CHALLENGE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const UID: u16 = 7;
const ENABLED: SecurityMode = SecurityMode(0x07);
const REQUIRED: SecurityMode = SecurityMode(0x0F);
const UNSIGNED: Signature = Signature::Unsigned { zero: true, bsrspyl: false };

/// The peers, and who listens.
struct Peers {
    connection: Connection,
    key: MacKey,
    frame: u64,
    flags2: Flags2,
}

fn answer() -> NtlmV2 {
    NtlmV2::answer(("User", "WG", &Password::new("Password")), &CHALLENGE, &[0xAA; 8], 42, &[0; 4])
}

impl Peers {
    /// Peers of which the listener has the keys of two sessions.
    fn new() -> Self {
        let keys = BTreeMap::from([(UID, answer().session_key().to_vec()), (UID + 1, vec![8; 16])]);
        let connection = Connection::new(keys);
        Self { connection, key: answer().mac_key(), frame: 0, flags2: Flags2(0x4005) }
    }

    /// Sends a message, signed as this number.
    fn send(&mut self, way: Way, header: &Header, body: &impl Body, number: Option<u32>) -> usize {
        let mut bytes = message(header, body).unwrap();
        if let Some(number) = number {
            self.key.sign(&mut bytes, number).unwrap();
        }
        self.bytes(way, &bytes)
    }

    fn bytes(&mut self, way: Way, bytes: &[u8]) -> usize {
        self.frame += 1;
        self.connection.push(way, self.frame, &nbss::wrap(bytes).unwrap());
        self.connection.messages.len().wrapping_sub(1)
    }

    fn header(&self, command: Command, mid: u16) -> Header {
        Header { mid, uid: UID, flags2: self.flags2, pid: 99, ..Header::request(command) }
    }

    fn request(&mut self, mid: u16, body: &impl Body, command: Command, number: Option<u32>) -> usize {
        self.send(Way::ToServer, &self.header(command, mid), body, number)
    }

    fn response(&mut self, mid: u16, body: &impl Body, command: Command, number: Option<u32>) -> usize {
        let header = Header { flags: Flags::REPLY, ..self.header(command, mid) };
        self.send(Way::ToClient, &header, body, number)
    }

    /// A response that carries nothing but a status.
    fn refusal(&mut self, mid: u16, command: Command, status: NtStatus, number: Option<u32>) -> usize {
        let header = Header { flags: Flags::REPLY, status, ..self.header(command, mid) };
        self.send(Way::ToClient, &header, &ErrorResponse::default(), number)
    }

    fn negotiate(&mut self, security_mode: SecurityMode) {
        let request = NegotiateRequest::new(&[b"PC NETWORK PROGRAM 1.0", NegotiateRequest::NT_LM_0_12]);
        self.request(0, &request, Command::NEGOTIATE, None);
        let response = NegotiateResponse {
            dialect_index: 1,
            security_mode,
            max_mpx_count: 50,
            max_number_vcs: 1,
            max_buffer_size: 16644,
            max_raw_size: 65536,
            session_key: 0,
            capabilities: Capabilities::NT_SMBS,
            system_time: 0,
            server_time_zone: 0,
            security: NegotiateSecurity::plain(CHALLENGE, false, "WG", "SERVER"),
        };
        self.response(0, &response, Command::NEGOTIATE, None);
    }

    /// SESSION_SETUP without extended security; returns the index of its response.
    fn set_up(&mut self, credentials: SetupCredentials, action: Action, number: Option<u32>) -> usize {
        let request = SessionSetupRequest::new(credentials).with_names(false, &["User", "WG", "OS", "LM"]);
        self.request(1, &request, Command::SESSION_SETUP_ANDX, None);
        let response = SessionSetupResponse { action, ..Default::default() };
        self.response(1, &response, Command::SESSION_SETUP_ANDX, number)
    }

    /// A connection where signing is active.
    fn signing() -> Self {
        let mut peers = Self::new();
        peers.negotiate(ENABLED);
        peers.set_up(answer().credentials(), Action(0), Some(1));
        assert!(peers.connection.activated.is_some());
        peers
    }

    /// An ECHO, and the answer to it.
    fn echo(&mut self, mid: u16, number: u32) -> [(Option<u32>, Signature); 2] {
        let request = self.request(mid, &EchoRequest::default(), Command::ECHO, Some(number));
        let response = self.response(mid, &EchoResponse::default(), Command::ECHO, Some(number + 1));
        [self.said(request), self.said(response)]
    }

    fn said(&self, index: usize) -> (Option<u32>, Signature) {
        let message = &self.connection.messages[index];
        (message.sequence, message.signature)
    }
}

fn valid(number: u32) -> (Option<u32>, Signature) {
    (Some(number), Signature::Valid)
}

fn other(signature: Signature) -> Option<u32> {
    match signature {
        Signature::Invalid { other_sequence, .. } => other_sequence,
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case(ENABLED, 0x4005)]
#[case(REQUIRED, 0x4001)]
#[case(ENABLED, 0x4011)]
fn without_extended_security_the_response_to_the_challenge_is_in_the_key(
    #[case] mode: SecurityMode,
    #[case] flags2: u16,
) {
    let mut peers = Peers::new();
    peers.flags2 = Flags2(flags2);
    peers.negotiate(mode);
    let setup = peers.set_up(answer().credentials(), Action(0), Some(1));
    assert_eq!([peers.said(setup - 1), peers.said(setup)], [(Some(0), UNSIGNED), valid(1)]);
    assert_eq!(peers.echo(2, 2), [valid(2), valid(3)]);
    let negotiated = peers.connection.negotiated.as_ref().unwrap();
    assert_eq!((negotiated.challenge, negotiated.extended_security), (Some(CHALLENGE), false));
    assert!(!peers.connection.sessions[&UID].extended_security);
}

/// [MS-SMB] 3.3.5.3: a server that requires signing activates it whatever the client asked for, and one that then does not
/// sign is one whose messages are unsigned while signing is active.
#[rstest]
#[case(REQUIRED, 0x4001)]
#[case(SecurityMode(0x0B), 0x4001)]
#[case(ENABLED, 0x4005)]
fn signing_is_active_where_it_was_agreed_even_if_the_server_does_not_sign(
    #[case] mode: SecurityMode,
    #[case] flags2: u16,
) {
    let mut peers = Peers::new();
    peers.flags2 = Flags2(flags2);
    peers.negotiate(mode);
    let request = SessionSetupRequest::new(answer().credentials()).with_names(false, &["User"]);
    peers.request(1, &request, Command::SESSION_SETUP_ANDX, None);
    peers.flags2 = Flags2(0x4001);
    let setup = peers.response(1, &SessionSetupResponse::default(), Command::SESSION_SETUP_ANDX, None);
    assert_eq!(peers.said(setup), (Some(1), UNSIGNED));
    assert!(peers.connection.activated.is_some());
}

#[test]
fn the_server_says_which_response_it_accepted() {
    let mut peers = Peers::new();
    peers.key = MacKey::new(&answer().session_key(), &answer().lm_response);
    peers.negotiate(ENABLED);
    let setup = peers.set_up(answer().credentials(), Action::USE_LANMAN_KEY, Some(1));
    assert_eq!(peers.said(setup), valid(1));
}

#[test]
fn a_client_that_signs_its_setup_request_signs_it_as_number_0() {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let request = SessionSetupRequest::new(answer().credentials()).with_names(false, &["User"]);
    let request = peers.request(1, &request, Command::SESSION_SETUP_ANDX, Some(0));
    peers.response(1, &SessionSetupResponse::default(), Command::SESSION_SETUP_ANDX, Some(1));
    assert_eq!(peers.said(request), valid(0));
}

#[rstest]
#[case(SecurityMode(0x03), 0x4005)]
#[case(ENABLED, 0x4001)]
fn where_one_side_does_not_want_to_nothing_is_signed(#[case] mode: SecurityMode, #[case] flags2: u16) {
    let mut peers = Peers::new();
    peers.flags2 = Flags2(flags2);
    peers.negotiate(mode);
    let setup = peers.set_up(answer().credentials(), Action(0), None);
    assert_eq!(peers.said(setup), (None, UNSIGNED));
    assert!(peers.connection.activated.is_none() && !peers.connection.sessions[&UID].signs);
}

#[rstest]
#[case::guest(answer().credentials(), "User", Action::GUEST)]
#[case::nobody(SetupCredentials::Plain { oem_password: vec![0], unicode_password: vec![] }, "", Action(0))]
#[case::nobody_with_a_token(
    SetupCredentials::Extended { security_blob: [&b"NTLMSSP\0\x03\0\0\0"[..], &[0; 60]].concat() }, "", Action(0)
)]
fn guests_and_nobody_activate_nothing_and_the_next_one_does(
    #[case] credentials: SetupCredentials,
    #[case] user: &str,
    #[case] action: Action,
) {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let request = SessionSetupRequest::new(credentials).with_names(false, &[user, "WG"]);
    let header = peers.header(Command::SESSION_SETUP_ANDX, 9);
    peers.send(Way::ToServer, &header, &request, None);
    let header = Header { flags: Flags::REPLY, uid: 33, ..header };
    peers.send(Way::ToClient, &header, &SessionSetupResponse { action, ..Default::default() }, None);
    let guest = &peers.connection.sessions[&33];
    assert!(!guest.signs && guest.is_guest() != guest.anonymous_logon);
    assert!(peers.connection.activated.is_none());
    let setup = peers.set_up(answer().credentials(), Action(0), Some(1));
    assert_eq!(peers.said(setup), valid(1));
    assert!(peers.connection.sessions[&UID].signs);
}

#[test]
fn a_server_that_signs_for_a_guest_is_seen() {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let setup = peers.set_up(answer().credentials(), Action::GUEST, Some(1));
    assert_eq!(peers.said(setup), valid(1));
    assert!(peers.connection.activated.is_none());
}

#[test]
fn the_key_of_the_first_session_signs_the_second_too() {
    let mut peers = Peers::signing();
    let request = SessionSetupRequest::new(answer().credentials()).with_names(false, &["Other"]);
    let header = Header { uid: 0, ..peers.header(Command::SESSION_SETUP_ANDX, 5) };
    peers.send(Way::ToServer, &header, &request, Some(2));
    let header = Header { flags: Flags::REPLY, uid: UID + 1, ..header };
    let response = peers.send(Way::ToClient, &header, &SessionSetupResponse::default(), Some(3));
    assert_eq!(peers.said(response), valid(3));
    let signs: Vec<_> = peers.connection.sessions.values().map(|session| session.signs).collect();
    assert_eq!(signs, [true, false]);
    assert_eq!(peers.echo(6, 4), [valid(4), valid(5)]);
    // Also once the first session is gone, and its UID has another.
    peers.request(7, &LogoffRequest::default(), Command::LOGOFF_ANDX, Some(6));
    let off = peers.response(7, &LogoffResponse::default(), Command::LOGOFF_ANDX, Some(7));
    assert_eq!(peers.connection.sessions[&UID].logged_off, Some(off));
    assert_eq!(peers.echo(8, 8), [valid(8), valid(9)]);
    let request = peers.request(9, &request, Command::SESSION_SETUP_ANDX, Some(10));
    peers.response(9, &SessionSetupResponse::default(), Command::SESSION_SETUP_ANDX, Some(11));
    assert_eq!((peers.connection.sessions[&UID].request, peers.said(request + 1)), (request, valid(11)));
    assert_eq!(peers.connection.activated.unwrap().response, 3);
}

#[test]
fn all_responses_to_an_echo_have_one_number_and_responses_come_in_any_order() {
    let mut peers = Peers::signing();
    let echo = peers.request(2, &EchoRequest { echo_count: 3, data: vec![1] }, Command::ECHO, Some(2));
    let close = peers.request(3, &CloseRequest::default(), Command::CLOSE, Some(4));
    let closed = peers.response(3, &CloseResponse {}, Command::CLOSE, Some(5));
    assert_eq!([peers.said(close), peers.said(closed)], [valid(4), valid(5)]);
    let mut responses = Vec::new();
    for sequence_number in 1..=3 {
        let body = EchoResponse { sequence_number, data: vec![1] };
        responses.push(peers.response(2, &body, Command::ECHO, Some(3)));
        assert_eq!(peers.said(*responses.last().unwrap()), valid(3));
    }
    assert_eq!(peers.connection.messages[echo].responses, responses);
    peers.request(4, &EchoRequest::default(), Command::ECHO, Some(6));
    let wrong = peers.response(4, &EchoResponse::default(), Command::ECHO, Some(9));
    assert_eq!((peers.said(wrong).0, other(peers.said(wrong).1)), (Some(7), Some(9)));
    peers.request(5, &EchoRequest::default(), Command::ECHO, Some(8));
    let far = peers.response(5, &EchoResponse::default(), Command::ECHO, Some(18));
    assert_eq!((peers.said(far).0, other(peers.said(far).1)), (Some(9), None), "nine off");
}

#[test]
fn nt_cancel_takes_one_number_and_has_no_response() {
    let mut peers = Peers::signing();
    let waits = NtTransactRequest::notify_change(1, CompletionFilter::FILE_NAME, false, 512);
    let notify = peers.request(2, &waits, Command::NT_TRANSACT, Some(2));
    let cancel = peers.request(2, &NtCancelRequest {}, Command::NT_CANCEL, Some(4));
    assert_eq!([peers.said(notify), peers.said(cancel)], [valid(2), valid(4)]);
    assert_eq!(peers.echo(3, 5), [valid(5), valid(6)]);
    let cancelled = peers.refusal(2, Command::NT_TRANSACT, NtStatus::CANCELLED, Some(3));
    assert_eq!(peers.said(cancelled), valid(3));
    assert_eq!(peers.connection.messages[cancelled].request, Some(notify));
    assert!(peers.connection.messages[cancel].responses.is_empty());
    // A client that counts two for it is off by one from there.
    peers.request(2, &NtCancelRequest {}, Command::NT_CANCEL, Some(7));
    let [off, _] = peers.echo(4, 9);
    assert_eq!((off.0, other(off.1)), (Some(8), Some(9)));
}

#[test]
fn the_response_to_a_transaction_has_the_number_behind_its_last_request() {
    let mut peers = Peers::signing();
    let raw = Raw { words: vec![0; 30], bytes: vec![] };
    let primary = peers.request(2, &raw, Command::TRANSACTION2, Some(2));
    let interim = peers.response(2, &ErrorResponse::default(), Command::TRANSACTION2, Some(3));
    let secondary = peers.request(2, &raw, Command::TRANSACTION2_SECONDARY, Some(4));
    let last = peers.response(2, &Trans2Response::default(), Command::TRANSACTION2, Some(5));
    for (index, number) in [(primary, 2), (interim, 3), (secondary, 4), (last, 5)] {
        assert_eq!(peers.said(index), valid(number));
    }
    assert_eq!(peers.connection.messages[primary].responses, [interim, last]);
}

/// Whether the client goes on with its own count ([MS-CIFS] 3.2.4.1.3), or with the number that the server still waits
/// for (3.3.5.2.3).
#[rstest]
#[case(4)]
#[case(2)]
fn after_a_bad_signature_the_client_may_count_it_or_not(#[case] goes_on_at: u32) {
    let mut peers = Peers::signing();
    let good = std::mem::replace(&mut peers.key, MacKey::new(&[1; 16], &[]));
    let refused = peers.request(2, &CloseRequest::default(), Command::CLOSE, Some(2));
    assert_eq!((peers.said(refused).0, other(peers.said(refused).1)), (Some(2), None));
    peers.key = good;
    let denied = peers.refusal(2, Command::CLOSE, NtStatus::ACCESS_DENIED, Some(3));
    assert_eq!(peers.said(denied), valid(3));
    for number in [goes_on_at, goes_on_at + 2] {
        assert_eq!(peers.echo(3, number), [valid(number), valid(number + 1)]);
    }
}

#[test]
fn an_unsigned_request_takes_no_number() {
    let mut peers = Peers::signing();
    peers.flags2 = Flags2(0x4001);
    let plain = peers.request(2, &CloseRequest::default(), Command::CLOSE, None);
    assert_eq!(peers.said(plain), (Some(2), UNSIGNED));
    let refused = peers.response(2, &ErrorResponse::default(), Command::CLOSE, None);
    assert_eq!(peers.said(refused), (Some(3), UNSIGNED));
    assert_eq!(peers.echo(3, 2), [valid(2), valid(3)]);
    // A signature counts without its flag, and the flag without a signature does not.
    let header = peers.header(Command::ECHO, 4);
    let mut bytes = message(&header, &EchoRequest::default()).unwrap();
    let signature = peers.key.signature(&bytes, 4).unwrap();
    bytes[Header::SIGNATURE].copy_from_slice(&signature);
    let unflagged = peers.bytes(Way::ToServer, &bytes);
    assert_eq!(peers.said(unflagged), valid(4));
    assert!(!peers.connection.messages[unflagged].is_flagged());
    peers.flags2 = Flags2(0x4005);
    let filler = Header { signature: BSRSPYL, ..peers.header(Command::ECHO, 5) };
    let flagged = peers.send(Way::ToServer, &filler, &EchoRequest::default(), None);
    assert_eq!(other(peers.said(flagged).1), None);
}

#[test]
fn an_oplock_break_needs_no_signature_and_an_answer_to_nothing_has_no_number() {
    let mut peers = Peers::signing();
    let raw = Raw { words: vec![0xFF; 16], bytes: vec![] };
    let header = Header { flags: Flags(0), pid: 0xFFFF, ..peers.header(Command::LOCKING_ANDX, 0xFFFF) };
    let oplock_break = peers.send(Way::ToClient, &header, &raw, None);
    assert!(peers.connection.messages[oplock_break].is_oplock_break());
    assert_eq!(peers.said(oplock_break), (None, UNSIGNED));
    let nothing = peers.response(77, &EchoResponse::default(), Command::ECHO, Some(3));
    assert_eq!(peers.said(nothing), (None, Signature::NoSequence));
    assert_eq!(peers.connection.messages[nothing].request, None);
}

#[test]
fn what_answers_read_raw_is_no_message() {
    let mut peers = Peers::signing();
    let request = peers.request(2, &ReadRawRequest::default(), Command::READ_RAW, Some(2));
    peers.bytes(Way::ToClient, &[]);
    let frame = peers.frame;
    assert_eq!(peers.connection.raw_replies, [RawReply { request, frame, length: 0 }]);
    assert_eq!(peers.echo(3, 4), [valid(4), valid(5)]);
    peers.bytes(Way::ToClient, &[]);
    assert_eq!(peers.connection.garbage.len(), 1, "one answer to one request");
}

#[test]
fn a_logon_counts_where_only_the_tree_behind_it_failed() {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let header = peers.header(Command::SESSION_SETUP_ANDX, 1);
    let mut request = ChainBuilder::new(&header);
    let setup = SessionSetupRequest::new(answer().credentials()).with_names(false, &["User"]);
    request.push(&setup).unwrap().push(&TreeConnectRequest::new(false, "x", "IPC")).unwrap();
    peers.bytes(Way::ToServer, &request.finish());
    let status = NtStatus::BAD_NETWORK_NAME;
    let mut response = ChainBuilder::new(&Header { status, flags: Flags::REPLY, ..header });
    response.push(&SessionSetupResponse::default()).unwrap();
    response.push_as(Command::TREE_CONNECT_ANDX, &ErrorResponse::default()).unwrap();
    let mut response = response.finish();
    peers.key.sign(&mut response, 1).unwrap();
    let index = peers.bytes(Way::ToClient, &response);
    assert_eq!(peers.said(index), valid(1));
    assert!(peers.connection.sessions[&UID].signs);
}

#[rstest]
#[case(NtStatus::LOGON_FAILURE)]
#[case(NtStatus::MORE_PROCESSING_REQUIRED)]
fn what_is_no_success_establishes_nothing(#[case] status: NtStatus) {
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let request = SessionSetupRequest::new(answer().credentials());
    peers.request(1, &request, Command::SESSION_SETUP_ANDX, None);
    let header = Header { flags: Flags::REPLY, status, ..peers.header(Command::SESSION_SETUP_ANDX, 1) };
    peers.send(Way::ToClient, &header, &SessionSetupResponse::default(), None);
    assert!(peers.connection.sessions.is_empty() && peers.connection.activated.is_none());
}
