//! What answers a request, and what only looks as if it did: after its last response, nothing does.

use super::*;
use countersign_smb::smb1::follow::Garbage;

impl Peers {
    /// Asserts that a message, which is flagged, answers nothing and has no number.
    fn assert_stray(&self, index: usize) {
        let message = &self.connection.messages[index];
        assert!(message.is_flagged());
        assert_eq!((self.said(index), message.request), ((None, Signature::NoSequence), None));
    }
}

#[rstest]
#[case::the_same_again(NtStatus::SUCCESS, true)]
#[case::a_refusal_behind_it(NtStatus::ACCESS_DENIED, true)]
#[case::unflagged(NtStatus::SUCCESS, false)]
fn a_second_final_answer_answers_nothing(#[case] status: NtStatus, #[case] flagged: bool) {
    let mut peers = Peers::signing();
    let close = peers.request(2, &CloseRequest::default(), Command::CLOSE, Some(2));
    let closed = peers.response(2, &CloseResponse {}, Command::CLOSE, Some(3));
    assert_eq!([peers.said(close), peers.said(closed)], [valid(2), valid(3)]);
    let again = if flagged {
        peers.refusal(2, Command::CLOSE, status, Some(3))
    } else {
        peers.flags2 = Flags2(0x4001);
        let again = peers.refusal(2, Command::CLOSE, status, None);
        peers.flags2 = Flags2(0x4005);
        again
    };
    let signature = if flagged { Signature::NoSequence } else { UNSIGNED };
    assert_eq!(peers.said(again), (None, signature));
    assert_eq!(peers.connection.messages[again].request, None);
    assert_eq!(peers.connection.messages[closed].request, Some(close));
    assert_eq!(peers.connection.messages[close].responses, [closed]);
    // The PID and MID can be had again.
    assert_eq!(peers.echo(2, 4), [valid(4), valid(5)]);
}

#[test]
fn a_refusal_is_a_last_answer_too() {
    let mut peers = Peers::signing();
    let asked = peers.request(2, &CloseRequest::default(), Command::CLOSE, Some(2));
    let refused = peers.refusal(2, Command::CLOSE, NtStatus::ACCESS_DENIED, Some(3));
    assert_eq!(peers.said(refused), valid(3));
    let closed = peers.response(2, &CloseResponse {}, Command::CLOSE, Some(3));
    peers.assert_stray(closed);
    assert_eq!(peers.connection.messages[asked].responses, [refused]);
}

#[test]
fn an_echo_has_as_many_answers_as_it_asks_for() {
    let mut peers = Peers::signing();
    let echo = peers.request(2, &EchoRequest { echo_count: 2, data: vec![1] }, Command::ECHO, Some(2));
    let [first, second, third] = [1, 2, 3].map(|sequence_number| {
        let body = EchoResponse { sequence_number, data: vec![1] };
        peers.response(2, &body, Command::ECHO, Some(3))
    });
    for response in [first, second] {
        assert_eq!(peers.said(response), valid(3));
        assert_eq!(peers.connection.messages[response].request, Some(echo));
    }
    peers.assert_stray(third);
    assert_eq!(peers.connection.messages[echo].responses, [first, second]);
    assert_eq!(peers.echo(3, 4), [valid(4), valid(5)]);
}

/// Sends a request, two parts of the response to it, and a third one; the first two belong to it.
fn in_two_parts<B: Body>(command: Command, parts: &[B; 2]) {
    let mut peers = Peers::signing();
    let raw = Raw { words: vec![0; 30], bytes: vec![] };
    let request = peers.request(2, &raw, command, Some(2));
    let [first, second] = parts.each_ref().map(|part| peers.response(2, part, command, Some(3)));
    let third = peers.response(2, &parts[1], command, Some(3));
    for part in [first, second] {
        assert_eq!(peers.said(part), valid(3));
        assert_eq!(peers.connection.messages[part].request, Some(request));
    }
    peers.assert_stray(third);
    assert_eq!(peers.connection.messages[request].responses, [first, second]);
    assert_eq!(peers.echo(3, 4), [valid(4), valid(5)]);
}

/// Of parameters and data, either may be what is still to come.
#[rstest]
#[case::data(&[2, 2], &[], &[1; 5], &[2; 3])]
#[case::parameters(&[1; 4], &[2; 6], &[1; 8], &[])]
#[case::both(&[1; 4], &[2; 6], &[1; 8], &[2; 3])]
fn a_transaction_is_answered_once_all_parts_are_there(
    #[values(Command::TRANSACTION, Command::TRANSACTION2)] command: Command,
    #[case] parameters: &[u8],
    #[case] more_parameters: &[u8],
    #[case] data: &[u8],
    #[case] more_data: &[u8],
) {
    let size = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap();
    let first = Trans2Response {
        total_parameter_count: size(parameters) + size(more_parameters),
        total_data_count: size(data) + size(more_data),
        parameters: parameters.to_vec(),
        data: data.to_vec(),
        ..Default::default()
    };
    let second = Trans2Response {
        parameter_displacement: size(parameters),
        data_displacement: size(data),
        parameters: more_parameters.to_vec(),
        data: more_data.to_vec(),
        ..first.clone()
    };
    in_two_parts(command, &[first, second]);
}

#[test]
fn the_parts_of_an_nt_transaction_belong_to_one_request_too() {
    let first = NtTransactResponse {
        total_parameter_count: 2,
        total_data_count: 8,
        parameters: vec![1; 2],
        data: vec![2; 5],
        ..Default::default()
    };
    let second = NtTransactResponse {
        parameter_displacement: 2,
        data_displacement: 5,
        parameters: vec![],
        data: vec![2; 3],
        ..first.clone()
    };
    in_two_parts(Command::NT_TRANSACT, &[first, second]);
}

/// The words of a LOCKING_ANDX with this TypeOfLock.
fn locking(type_of_lock: u8) -> Raw {
    let mut words = vec![0; 16];
    words[0] = 0xFF; // Nothing behind it.
    words[6] = type_of_lock;
    Raw { words, bytes: vec![] }
}

/// [MS-CIFS] 2.2.4.32.1: OPLOCK_RELEASE in TypeOfLock, and the PID and MID of nobody, are what makes one.
#[rstest]
#[case::one(0xFFFF, 0xFFFF, locking(0x02), true)]
#[case::one_with_a_high_pid(0x0001_FFFF, 0xFFFF, locking(0x12), true)]
#[case::the_pid_and_mid_of_a_request(99, 2, locking(0x02), false)]
#[case::the_pid_of_a_request(99, 0xFFFF, locking(0x02), false)]
#[case::the_mid_of_a_request(0xFFFF, 2, locking(0x02), false)]
#[case::no_oplock_release(0xFFFF, 0xFFFF, locking(0x10), false)]
#[case::no_type_of_lock(0xFFFF, 0xFFFF, Raw::default(), false)]
fn what_is_an_oplock_break(
    #[case] pid: u32,
    #[case] mid: u16,
    #[case] body: Raw,
    #[case] is_oplock_break: bool,
) {
    let mut peers = Peers::signing();
    let lock = peers.request(2, &locking(0), Command::LOCKING_ANDX, Some(2));
    let header = Header { flags: Flags(0), pid, ..peers.header(Command::LOCKING_ANDX, mid) };
    let sent = peers.send(Way::ToClient, &header, &body, None);
    assert_eq!(peers.connection.messages[sent].is_oplock_break(), is_oplock_break);
    if is_oplock_break {
        assert_eq!((peers.said(sent), peers.connection.messages[sent].request), ((None, UNSIGNED), None));
    } else {
        peers.assert_stray(sent);
    }
    // Either way it answers nothing, so the request still waits.
    let locked =
        peers.response(2, &Raw { words: vec![0xFF, 0, 0, 0], bytes: vec![] }, Command::LOCKING_ANDX, Some(3));
    assert_eq!([peers.said(lock), peers.said(locked)], [valid(2), valid(3)]);
    assert_eq!(peers.connection.messages[lock].responses, [locked]);
}

#[test]
fn the_client_goes_on_in_smb2_only_after_the_server_did() {
    let smb2 = [&b"\xFESMB"[..], &[0; 60]].concat();
    let mut peers = Peers::new();
    peers.negotiate(ENABLED);
    let messages = peers.connection.messages.len();
    peers.bytes(Way::ToServer, &smb2);
    let early = Garbage { way: Way::ToServer, frame: peers.frame, what: "an SMB2 message".to_owned() };
    assert_eq!(peers.connection.garbage, std::slice::from_ref(&early));
    assert_eq!(peers.connection.smb2, None);
    peers.bytes(Way::ToClient, &smb2);
    let switched = peers.frame;
    peers.bytes(Way::ToServer, &smb2);
    assert_eq!(peers.connection.smb2, Some(switched));
    assert_eq!(peers.connection.garbage, [early]);
    assert_eq!(peers.connection.messages.len(), messages);
}
