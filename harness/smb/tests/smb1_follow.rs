//! The SMB1 follower over the captured connection: from bytes and the session key to numbers and signatures.

#![cfg(test)]

use countersign_smb::nbss;
use countersign_smb::smb1::follow::{Activation, Connection, Garbage, Message, Signature, Way};
use countersign_smb::smb1::{Command, MacKey, NegotiateRequest, SecurityMode, message};
use model::Dialect;
use rstest::rstest;
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Capture {
    key: String,
    frames: Vec<Frame>,
}

#[derive(serde::Deserialize)]
struct Frame {
    dir: String,
    seq: Option<u32>,
    hex: String,
}

/// The UID the server gave.
const UID: u16 = 0x9BAB;

fn capture() -> Capture {
    serde_json::from_str(include_str!("vectors/captures/smb1ext.json")).unwrap()
}

fn keys(capture: &Capture) -> BTreeMap<u16, Vec<u8>> {
    BTreeMap::from([(UID, hex::decode(&capture.key).unwrap())])
}

fn follow(
    capture: &Capture,
    keys: BTreeMap<u16, Vec<u8>>,
    chunk: usize,
    change: impl Fn(usize, &mut Vec<u8>),
) -> Connection {
    let mut connection = Connection::new(keys);
    for (number, frame) in capture.frames.iter().enumerate() {
        let way = if frame.dir == "C" { Way::ToServer } else { Way::ToClient };
        let mut bytes = hex::decode(&frame.hex).unwrap();
        change(number, &mut bytes);
        for part in nbss::wrap(&bytes).unwrap().chunks(chunk) {
            connection.push(way, number as u64, part);
        }
    }
    connection
}

#[rstest]
fn every_frame_has_its_number_and_verifies_from_the_key_alone(#[values(1, 7, 100_000)] chunk: usize) {
    let capture = capture();
    let connection = follow(&capture, keys(&capture), chunk, |_, _| {});
    assert_eq!(connection.garbage, vec![]);
    assert_eq!(connection.messages.len(), 20);
    for (number, (message, frame)) in connection.messages.iter().zip(&capture.frames).enumerate() {
        assert_eq!((hex::encode(&message.bytes), message.frame), (frame.hex.clone(), number as u64));
        // The request that activates has the 0 nobody signs with; from its response on all is signed.
        assert_eq!(message.sequence, if number == 4 { Some(0) } else { frame.seq });
        let bsrspyl = number == 3;
        let unsigned = Signature::Unsigned { zero: !bsrspyl, bsrspyl };
        assert_eq!(message.signature, if number < 5 { unsigned } else { Signature::Valid });
        match message.way {
            Way::ToServer => assert_eq!(message.responses, [number + 1]),
            Way::ToClient => assert_eq!(message.request, Some(number - 1)),
        }
        assert_eq!(message.is_flagged(), number > 1);
    }
    let numbers: Vec<_> = connection.messages.iter().filter_map(|message| message.sequence).collect();
    assert_eq!(numbers, (0..16).collect::<Vec<_>>());
    let lengths = capture.frames.iter().step_by(2).map(|frame| frame.hex.len() as u64 / 2 + 4);
    let offsets: Vec<_> = connection.messages.iter().step_by(2).map(|message| message.offset).collect();
    let expected: Vec<_> = lengths.scan(0, |at, len| Some(std::mem::replace(at, *at + len))).collect();
    assert_eq!(offsets, expected);
}

/// `VECTORS.md` B2, which has its numbers from a search, not from a follower.
#[test]
fn the_numbers_of_the_published_table() {
    const TABLE: [(Way, Command, u32, &str); 15] = [
        (Way::ToClient, Command::SESSION_SETUP_ANDX, 1, "8916a644344e1068"),
        (Way::ToServer, Command::TREE_CONNECT_ANDX, 2, "dc8d110d39415efb"),
        (Way::ToClient, Command::TREE_CONNECT_ANDX, 3, "e1cb30dd3262fe90"),
        (Way::ToServer, Command::NT_CREATE_ANDX, 4, "e63341b7c3031a83"),
        (Way::ToClient, Command::NT_CREATE_ANDX, 5, "87814f6fd2383324"),
        (Way::ToServer, Command::WRITE_ANDX, 6, "36bc3e719fb108f7"),
        (Way::ToClient, Command::WRITE_ANDX, 7, "d7c47431b5a85375"),
        (Way::ToServer, Command::CLOSE, 8, "477bde6cdc369d7b"),
        (Way::ToClient, Command::CLOSE, 9, "ac90db18f1fc7fb9"),
        (Way::ToServer, Command::NT_CREATE_ANDX, 10, "6155a4f29c6c7800"),
        (Way::ToClient, Command::NT_CREATE_ANDX, 11, "ad5ab4d3f3c5c95f"),
        (Way::ToServer, Command::TREE_DISCONNECT, 12, "36434993093c97f9"),
        (Way::ToClient, Command::TREE_DISCONNECT, 13, "ce494956d3b2e0bb"),
        (Way::ToServer, Command::LOGOFF_ANDX, 14, "1b14e4cb7d613008"),
        (Way::ToClient, Command::LOGOFF_ANDX, 15, "0e0d89fd15f79b62"),
    ];
    let capture = capture();
    let connection = follow(&capture, keys(&capture), 100_000, |_, _| {});
    let row = |m: &Message| (m.way, m.command(), m.sequence, hex::encode(m.header.signature));
    let seen: Vec<_> = connection.messages.iter().filter(|m| m.signature.is_valid()).map(row).collect();
    assert_eq!(seen, TABLE.map(|(way, command, number, hex)| (way, command, Some(number), hex.to_owned())));
}

#[test]
fn what_was_negotiated_and_who_logged_on() {
    let capture = capture();
    let connection = follow(&capture, keys(&capture), 100_000, |_, _| {});
    let negotiated = connection.negotiated.as_ref().unwrap();
    assert_eq!((negotiated.request, negotiated.response, negotiated.dialect), (0, 1, Some(Dialect::Nt1)));
    assert!(negotiated.security_mode.contains(SecurityMode::SECURITY_SIGNATURES_REQUIRED));
    assert_eq!((negotiated.extended_security, negotiated.challenge), (true, None));
    assert_eq!(negotiated.request_body.dialects, [NegotiateRequest::NT_LM_0_12]);
    assert_eq!(connection.activated, Some(Activation { request: 4, response: 5, uid: UID }));
    let session = &connection.sessions[&UID];
    assert_eq!((session.uid, session.request, session.established), (UID, 4, 5));
    assert!(session.signs && session.extended_security && !session.is_guest() && !session.anonymous_logon);
    assert_eq!((session.logged_off, connection.sessions.len()), (Some(19), 1));
    assert_eq!((connection.smb2, connection.raw_replies.len()), (None, 0));
    assert_eq!(connection.unfinished(Way::ToClient), None);
}

#[test]
fn a_changed_byte_is_seen_in_its_message_and_in_no_other() {
    let capture = capture();
    for (number, frame) in capture.frames.iter().enumerate().filter(|(_, frame)| frame.seq.is_some()) {
        let connection = follow(&capture, keys(&capture), 100_000, |n, bytes| {
            if n == number {
                *bytes.last_mut().unwrap() ^= 0x40;
            }
        });
        for (n, message) in connection.messages.iter().enumerate().skip(5) {
            if n == number {
                let Signature::Invalid { expected, got, other_sequence } = message.signature else {
                    panic!("{n}: {:?}", message.signature)
                };
                assert_eq!((hex::encode(got), other_sequence), (frame.hex[28..44].to_owned(), None));
                let key = MacKey::new(&hex::decode(&capture.key).unwrap(), &[]);
                assert_eq!(key.signature(&message.bytes, frame.seq.unwrap()), Ok(expected));
            } else if n > 5 || number > 5 {
                assert_eq!(message.signature, Signature::Valid, "{n} where {number} was changed");
            }
        }
    }
}

#[test]
fn no_flipped_bit_leaves_its_message_valid() {
    let capture = capture();
    for (number, frame) in capture.frames.iter().enumerate().filter(|(_, frame)| frame.seq.is_some()) {
        for bit in 0..frame.hex.len() * 4 {
            let connection = follow(&capture, keys(&capture), 100_000, |n, bytes| {
                if n == number {
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            });
            let mut of = connection.messages.iter().filter(|message| message.frame == number as u64);
            assert!(of.all(|message| !message.signature.is_valid()), "bit {bit} of {number}");
        }
    }
}

#[test]
fn nothing_verifies_with_another_key_and_without_one_nothing_is_said() {
    let capture = capture();
    let wrong = follow(&capture, BTreeMap::from([(UID, vec![0x5A; 16])]), 100_000, |_, _| {});
    assert!(
        wrong.messages[5..]
            .iter()
            .all(|message| { matches!(message.signature, Signature::Invalid { other_sequence: None, .. }) })
    );
    let none = follow(&capture, BTreeMap::new(), 100_000, |_, _| {});
    assert!(none.messages[5..].iter().all(|message| message.signature == Signature::NoKey));
    let numbers: Vec<_> = none.messages[4..].iter().map(|message| message.sequence.unwrap()).collect();
    assert_eq!(numbers, (0..16).collect::<Vec<_>>());
}

#[test]
fn a_server_that_offers_nothing_activates_nothing_unless_it_signs() {
    let capture = capture();
    // SecurityMode of the NEGOTIATE response; the setup response is signed all the same.
    let unoffered = |n: usize, bytes: &mut Vec<u8>| {
        if n == 1 {
            bytes[35] &= !0x0C;
        }
    };
    let connection = follow(&capture, keys(&capture), 100_000, unoffered);
    assert!(connection.messages[5..].iter().all(|message| message.signature.is_valid()));
    let connection = follow(&capture, BTreeMap::new(), 100_000, unoffered);
    assert_eq!(connection.activated, None);
    let unsigned = Signature::Unsigned { zero: false, bsrspyl: false };
    assert!(connection.messages[5..].iter().all(|m| m.signature == unsigned && m.sequence.is_none()));
}

#[test]
fn what_is_no_smb1_is_garbage_at_its_frame() {
    let mut connection = Connection::new(BTreeMap::new());
    connection.push(Way::ToClient, 3, &[0, 0, 0, 5, 1, 2, 3]);
    connection.push(Way::ToClient, 4, &[4, 5]);
    let what = "the protocol id is [01, 02, 03, 04], not that of SMB1".to_owned();
    assert_eq!(connection.garbage, [Garbage { way: Way::ToClient, frame: 3, what }]);
    connection.push(Way::ToClient, 5, &[0, 0xff, 0xff, 0xff]);
    assert_eq!(connection.unfinished(Way::ToClient), Some((0, Some(0xff_ffff))));
    connection.push(Way::ToServer, 6, b"GET / HTTP/1.1\r\n");
    connection.push(Way::ToServer, 7, b"more");
    assert_eq!(connection.garbage.len(), 2);
    let mut connection = Connection::new(BTreeMap::new());
    (0..200).for_each(|frame| connection.push(Way::ToServer, frame, &[0, 0, 0, 1, 7]));
    assert_eq!(connection.garbage.len(), 100, "there is an end to listing");
}

#[test]
fn a_negotiation_that_goes_on_to_smb2_is_told() {
    let mut connection = Connection::new(BTreeMap::new());
    let dialects = NegotiateRequest::new(&[NegotiateRequest::NT_LM_0_12, NegotiateRequest::SMB_2_WILDCARD]);
    let header = countersign_smb::smb1::Header::request(Command::NEGOTIATE);
    let request = nbss::wrap(&message(&header, &dialects).unwrap()).unwrap();
    connection.push(Way::ToServer, 1, &request);
    let answer = nbss::wrap(&[b"\xFESMB".as_slice(), &[0; 60]].concat()).unwrap();
    connection.push(Way::ToClient, 2, &answer);
    connection.push(Way::ToServer, 3, &answer);
    assert_eq!((connection.smb2, connection.messages.len(), connection.garbage.len()), (Some(2), 1, 0));
}
