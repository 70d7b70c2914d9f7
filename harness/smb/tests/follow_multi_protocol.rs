//! The state follower over negotiations that begin with SMB1 ([MS-SMB2] 3.3.5.3): peers that are built here, and
//! recorded connections with such a beginning put in front.

#![cfg(test)]

use countersign_smb::follow::{Connection, MultiProtocol, Negotiated, Signature, Way};
use countersign_smb::preauth::PreauthHash;
use countersign_smb::signing::SigningKey;
use countersign_smb::wire::*;
use countersign_smb::{kdf, nbss, smb1};
use model::{Algorithm, Dialect, NtStatus};
use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;
use std::collections::BTreeMap;

const SESSION: u64 = 0x1122_3344_5566_7788;
const KEY: [u8; 16] = *b"the session key!";
const NT1: &[u8] = smb1::NegotiateRequest::NT_LM_0_12;
const SMB_202: &[u8] = smb1::NegotiateRequest::SMB_2_002;
const SMB_ANY: &[u8] = smb1::NegotiateRequest::SMB_2_WILDCARD;
const ALL: [&[u8]; 3] = [NT1, SMB_202, SMB_ANY];

/// The peers, and who listens.
struct Peers {
    connection: Connection,
    frame: u64,
    hash: PreauthHash,
}

fn smb1_negotiate(dialects: &[&[u8]]) -> Vec<u8> {
    let header = smb1::Header::request(smb1::Command::NEGOTIATE);
    smb1::message(&header, &smb1::NegotiateRequest::new(dialects)).unwrap()
}

fn answer(revision: DialectRevision) -> NegotiateResponse {
    NegotiateResponse {
        security_mode: SecurityMode::SIGNING_ENABLED,
        dialect_revision: revision,
        server_guid: [7; 16],
        ..Default::default()
    }
}

fn request(command: Command, message_id: u64) -> Header {
    Header { message_id, ..Header::request(command) }
}

fn response(command: Command, message_id: u64) -> Header {
    Header { flags: Flags::SERVER_TO_REDIR, ..request(command, message_id) }
}

impl Peers {
    fn new() -> Self {
        let connection = Connection::new(BTreeMap::from([(SESSION, KEY)]));
        Self { connection, frame: 0, hash: PreauthHash::default() }
    }

    /// Peers of which the client has asked for these dialects.
    fn asking(dialects: &[&[u8]]) -> Self {
        let mut peers = Self::new();
        peers.bytes(Way::ToServer, &smb1_negotiate(dialects));
        peers
    }

    fn bytes(&mut self, way: Way, bytes: &[u8]) -> usize {
        self.frame += 1;
        self.connection.push(way, self.frame, &nbss::wrap(bytes).unwrap());
        self.connection.messages.len().wrapping_sub(1)
    }

    fn send(&mut self, header: &Header, body: &impl Body) -> usize {
        let way = if header.is_response() { Way::ToClient } else { Way::ToServer };
        self.bytes(way, &message(header, body).unwrap())
    }

    /// The same, in the hash of the session.
    fn hashed(&mut self, header: &Header, body: &impl Body) -> usize {
        self.hash.update(&message(header, body).unwrap());
        self.send(header, body)
    }

    /// SMB2 NEGOTIATE for 3.1.1 with AES-GMAC.
    fn negotiate_311(&mut self, message_id: u64) -> [usize; 2] {
        self.negotiate_311_with(message_id, Some(vec![2, 1]), Some(vec![2]))
    }

    /// The same with other algorithms offered and selected, or without the context.
    fn negotiate_311_with(
        &mut self,
        message_id: u64,
        offered: Option<Vec<u16>>,
        selected: Option<Vec<u16>>,
    ) -> [usize; 2] {
        let preauth = PreauthIntegrity { hash_algorithms: vec![1], salt: vec![3; 32] };
        let contexts = |algorithms: Option<Vec<u16>>| {
            let preauth = NegotiateContext::of(&preauth).unwrap();
            let signing = algorithms
                .map(|algorithms| NegotiateContext::of(&SigningCapabilities { algorithms }).unwrap());
            [preauth].into_iter().chain(signing).collect()
        };
        let asked = NegotiateRequest {
            security_mode: SecurityMode::SIGNING_REQUIRED,
            dialects: vec![DialectRevision::SMB_3_0_2, DialectRevision::SMB_3_1_1],
            negotiate_contexts: contexts(offered),
            ..Default::default()
        };
        let answered = NegotiateResponse {
            negotiate_contexts: contexts(selected),
            ..answer(DialectRevision::SMB_3_1_1)
        };
        [
            self.hashed(&request(Command::NEGOTIATE, message_id), &asked),
            self.hashed(&response(Command::NEGOTIATE, message_id), &answered),
        ]
    }

    /// SESSION_SETUP, and an ECHO that is signed on both sides; returns the key.
    fn log_on(&mut self, dialect: Dialect, algorithm: Algorithm, first: u64) -> SigningKey {
        let setup = SessionSetupRequest { security_buffer: b"token".to_vec(), ..Default::default() };
        let next = SessionSetupResponse { security_buffer: b"challenge".to_vec(), ..Default::default() };
        let session = |header| Header { session_id: SESSION, ..header };
        self.hashed(&request(Command::SESSION_SETUP, first), &setup);
        let more = Header {
            status: NtStatus::MORE_PROCESSING_REQUIRED,
            ..session(response(Command::SESSION_SETUP, first))
        };
        self.hashed(&more, &next);
        self.hashed(&session(request(Command::SESSION_SETUP, first + 1)), &setup);
        let key = SigningKey::new(algorithm, kdf::signing_key(dialect, &KEY, self.hash.value())).unwrap();
        let last = session(response(Command::SESSION_SETUP, first + 1));
        self.signed(&key, &last, &SessionSetupResponse::default());
        self.signed(&key, &session(request(Command::ECHO, first + 2)), &EchoRequest::default());
        self.signed(&key, &session(response(Command::ECHO, first + 2)), &EchoResponse::default());
        key
    }

    fn signed(&mut self, key: &SigningKey, header: &Header, body: &impl Body) {
        let mut bytes = message(header, body).unwrap();
        key.sign(&mut bytes).unwrap();
        let way = if header.is_response() { Way::ToClient } else { Way::ToServer };
        self.bytes(way, &bytes);
    }

    /// The signatures of the messages that have the flag.
    fn flagged(&self) -> Vec<Signature> {
        self.connection.messages.iter().map(|m| m.signature).filter(|s| s.is_flagged()).collect()
    }

    fn multi_protocol(&self) -> &MultiProtocol {
        self.connection.multi_protocol.as_ref().unwrap()
    }

    /// The messages that are responses to nothing.
    fn strays(&self) -> Vec<usize> {
        let messages = self.connection.messages.iter().enumerate();
        messages
            .filter(|(_, m)| m.way == Way::ToClient && m.request.is_none())
            .map(|(index, _)| index)
            .filter(|index| !self.connection.answers_multi_protocol(*index))
            .collect()
    }
}

#[test]
fn a_wildcard_leaves_the_choice_to_smb2_negotiate_and_is_in_no_hash() {
    let mut peers = Peers::asking(&ALL);
    assert_eq!((peers.connection.messages.len(), peers.connection.garbage.len()), (0, 0));
    let dialects = ALL.map(<[u8]>::to_vec).to_vec();
    let expected = MultiProtocol { frame: 1, offset: 0, dialects, response: None };
    assert_eq!(peers.connection.multi_protocol, Some(expected.clone()));
    let wildcard = peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::WILDCARD));
    assert_eq!(*peers.multi_protocol(), MultiProtocol { response: Some(wildcard), ..expected });
    assert!(peers.connection.negotiated.is_none());
    assert_eq!(peers.connection.messages[wildcard].request, None);
    assert!(peers.connection.answers_multi_protocol(wildcard));

    let [asked, answered] = peers.negotiate_311(1);
    assert!(!peers.connection.answers_multi_protocol(answered));
    let negotiated = peers.connection.negotiated.as_ref().unwrap();
    assert_eq!((negotiated.request, negotiated.response), (Some(asked), answered));
    assert_eq!(negotiated.dialect, Some(Dialect::Smb311));
    assert!(negotiated.request_body.is_some());
    assert_eq!(negotiated.offered_algorithms, Some(vec![2, 1]));
    peers.log_on(Dialect::Smb311, Algorithm::Aes128Gmac, 2);
    assert_eq!(peers.flagged(), [Signature::Valid(Algorithm::Aes128Gmac); 3]);
    assert_eq!((peers.connection.garbage.len(), peers.strays()), (0, vec![]));
    // Nothing after it is mistaken for another answer.
    assert!((1..20).all(|index| !peers.connection.answers_multi_protocol(index)));
}

/// 3.2.5.2 has a client ignore the types of context that it does not know, and one that sends no SMB2_SIGNING_CAPABILITIES
/// does not know that.
#[rstest]
#[case(None, vec![0], Some(Algorithm::Aes128Cmac))]
#[case(None, vec![2], Some(Algorithm::Aes128Cmac))]
#[case(None, vec![0x7777], Some(Algorithm::Aes128Cmac))]
#[case(None, vec![], Some(Algorithm::Aes128Cmac))]
#[case(Some(vec![1]), vec![0], Some(Algorithm::HmacSha256))]
#[case(Some(vec![1]), vec![0x7777], None)]
fn an_algorithm_that_nobody_asked_for_is_not_signed_with(
    #[case] offered: Option<Vec<u16>>,
    #[case] selected: Vec<u16>,
    #[case] algorithm: Option<Algorithm>,
) {
    let mut peers = Peers::new();
    peers.negotiate_311_with(0, offered.clone(), Some(selected.clone()));
    let negotiated = peers.connection.negotiated.as_ref().unwrap();
    assert_eq!(negotiated.offered_algorithms, offered);
    assert_eq!(negotiated.selected_algorithms, [selected]);
    assert_eq!(negotiated.algorithm(), algorithm);
    if let Some(algorithm) = algorithm {
        peers.log_on(Dialect::Smb311, algorithm, 1);
        assert_eq!(peers.flagged(), [Signature::Valid(algorithm); 3]);
    }
}

#[test]
fn an_answer_with_2_0_2_settles_it() {
    let mut peers = Peers::asking(&[NT1, SMB_202]);
    let index = peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_0_2));
    let expected = Negotiated {
        request: None,
        response: index,
        revision: DialectRevision::SMB_2_0_2,
        dialect: Some(Dialect::Smb202),
        offered_dialects: vec![DialectRevision::SMB_2_0_2],
        client_mode: SecurityMode(0),
        server_mode: SecurityMode::SIGNING_ENABLED,
        offered_algorithms: None,
        selected_algorithms: vec![],
        request_body: None,
        response_body: answer(DialectRevision::SMB_2_0_2),
    };
    assert_eq!(peers.connection.negotiated, Some(expected));
    peers.log_on(Dialect::Smb202, Algorithm::HmacSha256, 1);
    assert_eq!(peers.flagged(), [Signature::Valid(Algorithm::HmacSha256); 3]);
    assert_eq!(peers.strays(), Vec::<usize>::new());
}

/// 3.3.5.3 knows two answers. Any other is what the server said, and not what was offered.
#[rstest]
#[case(&[SMB_ANY], DialectRevision::SMB_2_0_2, &[])]
#[case(&[NT1], DialectRevision::SMB_2_0_2, &[])]
#[case(&[], DialectRevision::SMB_2_1, &[])]
#[case(&ALL, DialectRevision::SMB_3_0, &[DialectRevision::SMB_2_0_2])]
#[case(&ALL, DialectRevision(0xABCD), &[DialectRevision::SMB_2_0_2])]
#[case(&[b"smb 2.002".as_slice()], DialectRevision::SMB_3_1_1, &[])]
fn what_was_not_offered_is_seen(
    #[case] dialects: &[&[u8]],
    #[case] revision: DialectRevision,
    #[case] offered: &[DialectRevision],
) {
    let mut peers = Peers::asking(dialects);
    let index = peers.send(&response(Command::NEGOTIATE, 0), &answer(revision));
    assert!(peers.connection.answers_multi_protocol(index));
    let negotiated = peers.connection.negotiated.as_ref().unwrap();
    assert_eq!((negotiated.revision, negotiated.offered_dialects.as_slice()), (revision, offered));
    assert_eq!(negotiated.dialect, revision.to_dialect());
}

#[rstest]
#[case::another_message_id(response(Command::NEGOTIATE, 1))]
#[case::no_message_id(response(Command::NEGOTIATE, u64::MAX))]
#[case::another_command(response(Command::SESSION_SETUP, 0))]
#[case::interim(Header { status: NtStatus::PENDING, ..response(Command::NEGOTIATE, 0).with_async_id(5) })]
fn what_does_not_answer_it_settles_nothing(#[case] header: Header) {
    let mut peers = Peers::asking(&ALL);
    let index = peers.send(&header, &answer(DialectRevision::SMB_2_0_2));
    assert_eq!((peers.strays(), peers.connection.negotiated.is_none()), (vec![index], true));
    assert_eq!(peers.multi_protocol().response, None);
    let index = peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_0_2));
    assert_eq!(peers.multi_protocol().response, Some(index), "the answer may still come");
    assert!(peers.connection.negotiated.is_some());
}

#[rstest]
#[case(NtStatus::NOT_SUPPORTED)]
#[case(NtStatus::PENDING)]
fn an_error_answers_it_and_settles_nothing(#[case] status: NtStatus) {
    let mut peers = Peers::asking(&ALL);
    let header = Header { status, ..response(Command::NEGOTIATE, 0) };
    let index = peers.send(&header, &answer(DialectRevision::SMB_2_0_2));
    assert!(peers.connection.answers_multi_protocol(index) && peers.connection.negotiated.is_none());
    let second = peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_0_2));
    assert_eq!((peers.strays(), peers.connection.negotiated.is_none()), (vec![second], true));
}

#[test]
fn an_answer_without_a_body_answers_it_and_settles_nothing() {
    let mut peers = Peers::asking(&ALL);
    let index = peers.send(&response(Command::NEGOTIATE, 0), &EchoResponse::default());
    assert!(peers.connection.answers_multi_protocol(index) && peers.connection.negotiated.is_none());
}

#[test]
fn a_second_answer_answers_nothing() {
    let mut peers = Peers::asking(&ALL);
    peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_0_2));
    let second = peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_1));
    assert_eq!(peers.strays(), [second]);
    assert_eq!(peers.connection.negotiated.as_ref().unwrap().dialect, Some(Dialect::Smb202));
}

#[test]
fn two_answers_in_one_message_are_one_and_a_stray() {
    let mut peers = Peers::asking(&ALL);
    let one = message(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_0_2)).unwrap();
    let two = message(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_1)).unwrap();
    peers.bytes(Way::ToClient, &compound([one, two]).unwrap());
    assert_eq!((peers.multi_protocol().response, peers.strays()), (Some(0), vec![1]));
    assert_eq!(peers.connection.negotiated.as_ref().unwrap().dialect, Some(Dialect::Smb202));
}

#[test]
fn message_id_0_belongs_to_the_first_that_took_it() {
    let mut peers = Peers::asking(&ALL);
    let again = NegotiateRequest { dialects: vec![DialectRevision::SMB_2_1], ..Default::default() };
    let again = peers.send(&request(Command::NEGOTIATE, 0), &again);
    let first = peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::WILDCARD));
    let second = peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::SMB_2_1));
    assert!(peers.connection.answers_multi_protocol(first));
    assert_eq!(peers.connection.messages[again].responses, [second]);
    assert_eq!(peers.connection.negotiated.as_ref().unwrap().request, Some(again));
}

/// What the client begins with, and what it is then.
#[rstest]
#[case::twice(vec![(Way::ToServer, smb1_negotiate(&ALL)), (Way::ToServer, smb1_negotiate(&[SMB_202]))], true, 1)]
#[case::after_smb2(
    vec![
        (Way::ToServer, message(&request(Command::ECHO, 0), &EchoRequest::default()).unwrap()),
        (Way::ToServer, smb1_negotiate(&ALL)),
    ], false, 1
)]
#[case::after_the_server(
    vec![
        (Way::ToClient, message(&response(Command::ECHO, 0), &EchoResponse::default()).unwrap()),
        (Way::ToServer, smb1_negotiate(&ALL)),
    ], false, 1
)]
#[case::after_garbage(vec![(Way::ToServer, b"?".to_vec()), (Way::ToServer, smb1_negotiate(&ALL))], false, 2)]
#[case::after_the_servers_garbage(
    vec![(Way::ToClient, b"?".to_vec()), (Way::ToServer, smb1_negotiate(&ALL))], false, 2
)]
#[case::after_something_encrypted(
    vec![(Way::ToServer, b"\xFDSMB".repeat(16)), (Way::ToServer, smb1_negotiate(&ALL))], false, 1
)]
#[case::of_the_server(vec![(Way::ToClient, smb1_negotiate(&ALL))], false, 1)]
#[case::answered_with_smb1(
    vec![
        (Way::ToServer, smb1_negotiate(&ALL)),
        (Way::ToClient, smb1::message(
            &smb1::Header { flags: smb1::Flags::REPLY, ..smb1::Header::request(smb1::Command::NEGOTIATE) },
            &smb1::NegotiateRefusal { dialect_index: 0xFFFF },
        ).unwrap()),
    ], true, 1
)]
#[case::another_command(
    vec![(Way::ToServer, smb1::message(
        &smb1::Header::request(smb1::Command::ECHO), &smb1::NegotiateRequest::new(&ALL)).unwrap())], false, 1
)]
#[case::a_response(
    vec![(Way::ToServer, smb1::message(
        &smb1::Header { flags: smb1::Flags::REPLY, ..smb1::Header::request(smb1::Command::NEGOTIATE) },
        &smb1::NegotiateRequest::new(&ALL)).unwrap())], false, 1
)]
fn only_the_first_message_begins_it(
    #[case] messages: Vec<(Way, Vec<u8>)>,
    #[case] begins: bool,
    #[case] garbage: usize,
) {
    let mut peers = Peers::new();
    for (way, bytes) in messages {
        peers.bytes(way, &bytes);
    }
    assert_eq!(
        (peers.connection.multi_protocol.is_some(), peers.connection.garbage.len()),
        (begins, garbage)
    );
    if begins {
        assert_eq!(peers.multi_protocol().dialects.len(), 3);
    }
}

#[test]
fn one_that_cannot_be_read_is_garbage() {
    let whole = smb1_negotiate(&ALL);
    for length in 0..whole.len() {
        let mut peers = Peers::new();
        peers.bytes(Way::ToServer, &whole[..length]);
        assert!(peers.connection.multi_protocol.is_none(), "{length} bytes");
        assert_eq!(peers.connection.garbage.len(), 1, "{length} bytes");
        // And nothing that comes then makes up for it.
        peers.bytes(Way::ToServer, &whole);
        assert_eq!((peers.connection.multi_protocol, peers.connection.garbage.len()), (None, 2));
    }
    let mut unterminated = smb1_negotiate(&[NT1]);
    *unterminated.last_mut().unwrap() = b'x';
    let mut peers = Peers::new();
    peers.bytes(Way::ToServer, &unterminated);
    let what = &peers.connection.garbage[0].what;
    assert_eq!((what.contains("SMB1") || what.contains("FF"), peers.connection.multi_protocol), (true, None));
}

#[derive(serde::Deserialize)]
struct Capture {
    session_key: String,
    frames: Vec<Frame>,
}

#[derive(serde::Deserialize)]
struct Frame {
    dir: String,
    signed: bool,
    hex: String,
}

/// A recorded connection.
fn capture(name: &str) -> Capture {
    let path = format!("{}/tests/vectors/captures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[rstest]
fn recorded_sessions_verify_behind_it(
    #[values("cap210", "cap300", "cap311cmac", "cap311gmac")] name: &str,
    #[values(1, 11, 100_000)] chunk: usize,
) {
    let capture = capture(name);
    let bytes: Vec<_> = capture.frames.iter().map(|frame| hex::decode(&frame.hex).unwrap()).collect();
    let first = capture.frames.iter().position(|frame| frame.signed).unwrap();
    let session = Header::parse(&bytes[first]).unwrap().session_id;
    let key = hex::decode(&capture.session_key).unwrap().try_into().unwrap();
    let mut peers = Peers { connection: Connection::new(BTreeMap::from([(session, key)])), ..Peers::new() };
    for part in nbss::wrap(&smb1_negotiate(&ALL)).unwrap().chunks(chunk) {
        peers.connection.push(Way::ToServer, 1, part);
    }
    peers.send(&response(Command::NEGOTIATE, 0), &answer(DialectRevision::WILDCARD));
    // The logon; the first signed message is its last response.
    for (frame, bytes) in capture.frames.iter().zip(&bytes).take(first + 3) {
        let way = if frame.dir == "C" { Way::ToServer } else { Way::ToClient };
        for part in nbss::wrap(bytes).unwrap().chunks(chunk) {
            peers.connection.push(way, 3, part);
        }
    }
    assert_eq!((peers.connection.garbage.len(), peers.strays()), (0, vec![]));
    let signatures = peers.flagged();
    assert_eq!(signatures.len(), 3);
    assert!(signatures.iter().all(|signature| signature.is_valid()), "{signatures:?}");
}

proptest! {
    #[test]
    fn no_damage_makes_the_follower_panic(
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        answers in vec((any::<bool>(), 0u64..3, any::<u16>(), any::<u32>(), vec(any::<u8>(), 0..90)), 0..4),
        cut in 0usize..20,
    ) {
        let mut bytes = smb1_negotiate(&ALL);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut);
        let mut peers = Peers::new();
        peers.bytes(Way::ToServer, &bytes);
        for (whole, message_id, revision, status, tail) in answers {
            let status = NtStatus(if whole { 0 } else { status });
            let header = Header { status, ..response(Command::NEGOTIATE, message_id) };
            let mut bytes = message(&header, &answer(DialectRevision(revision))).unwrap();
            if !whole {
                bytes.truncate(64);
            }
            bytes.extend(tail);
            peers.bytes(Way::ToClient, &bytes);
        }
        let connection = &peers.connection;
        let answered = (0..connection.messages.len()).filter(|index| connection.answers_multi_protocol(*index));
        prop_assert!(answered.count() <= 1);
        prop_assert!(connection.multi_protocol.is_some() || connection.negotiated.is_none());
    }
}
