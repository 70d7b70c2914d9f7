//! The state follower over recorded connections: from bytes and the session key to who signed what.

#![cfg(test)]

use countersign_smb::follow::{Connection, Signature, Way};
use countersign_smb::nbss;
use model::{Algorithm, Dialect};
use rstest::rstest;
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Capture {
    session_key: String,
    frames: Vec<Frame>,
}

#[derive(serde::Deserialize)]
struct Frame {
    dir: String,
    signed: bool,
    compound: bool,
    hex: String,
}

fn capture(name: &str) -> Capture {
    let path = format!("{}/tests/vectors/captures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The transport messages of a capture: consecutive compound elements of one side travelled together.
fn messages(capture: &Capture) -> Vec<(Way, Vec<u8>, Vec<bool>)> {
    let mut all: Vec<(Way, Vec<u8>, Vec<bool>, bool)> = Vec::new();
    for frame in &capture.frames {
        let way = if frame.dir == "C" { Way::ToServer } else { Way::ToClient };
        let bytes = hex::decode(&frame.hex).unwrap();
        match all.last_mut() {
            Some((last, whole, signed, true)) if frame.compound && *last == way => {
                whole.extend(bytes);
                signed.push(frame.signed);
            }
            _ => all.push((way, bytes, vec![frame.signed], frame.compound)),
        }
    }
    all.into_iter().map(|(way, bytes, signed, _)| (way, bytes, signed)).collect()
}

fn session_id(capture: &Capture) -> u64 {
    let signed = capture.frames.iter().find(|frame| frame.signed).unwrap();
    u64::from_le_bytes(hex::decode(&signed.hex).unwrap()[40..48].try_into().unwrap())
}

fn follow(capture: &Capture, key: bool, chunk: usize, change: impl Fn(usize, &mut Vec<u8>)) -> Connection {
    let key: [u8; 16] =
        if key { hex::decode(&capture.session_key).unwrap().try_into().unwrap() } else { [0x5a; 16] };
    let mut connection = Connection::new(BTreeMap::from([(session_id(capture), key)]));
    let mut frame = 0;
    for (number, (way, mut bytes, _)) in messages(capture).into_iter().enumerate() {
        change(number, &mut bytes);
        for part in nbss::wrap(&bytes).unwrap().chunks(chunk) {
            frame += 1;
            connection.push(way, frame, part);
        }
    }
    connection
}

#[rstest]
#[case("cap210", Dialect::Smb21, Algorithm::HmacSha256, 26)]
#[case("cap300", Dialect::Smb30, Algorithm::Aes128Cmac, 26)]
#[case("cap311cmac", Dialect::Smb311, Algorithm::Aes128Cmac, 24)]
#[case("cap311gmac", Dialect::Smb311, Algorithm::Aes128Gmac, 24)]
fn every_signed_frame_verifies_from_the_session_key_alone(
    #[case] name: &str,
    #[case] dialect: Dialect,
    #[case] algorithm: Algorithm,
    #[case] signed: usize,
    #[values(1, 7, 100_000)] chunk: usize,
) {
    let capture = capture(name);
    let connection = follow(&capture, true, chunk, |_, _| {});
    assert_eq!(connection.negotiated.as_ref().unwrap().dialect, Some(dialect));
    assert_eq!(connection.negotiated.as_ref().unwrap().algorithm(), Some(algorithm));
    assert_eq!(connection.garbage, vec![]);
    assert_eq!(connection.messages.len(), capture.frames.len());
    for (message, frame) in connection.messages.iter().zip(&capture.frames) {
        assert_eq!(message.bytes, hex::decode(&frame.hex).unwrap());
        match message.signature {
            Signature::Valid(with) => assert!(frame.signed && with == algorithm),
            Signature::Unsigned { .. } => assert!(!frame.signed),
            other => panic!("{} in frame {}: {other:?}", message.command(), message.frame),
        }
    }
    assert_eq!(connection.messages.iter().filter(|m| m.signature.is_valid()).count(), signed);
}

#[rstest]
fn a_changed_byte_is_seen_in_its_message(
    #[values("cap210", "cap300", "cap311cmac", "cap311gmac")] name: &str,
) {
    let capture = capture(name);
    let whole = messages(&capture);
    for (number, (_, bytes, signed)) in whole.iter().enumerate().filter(|(_, (_, _, signed))| signed[0]) {
        // The last byte of the message belongs to its last element.
        let element = signed.len() - 1;
        let connection = follow(&capture, true, 100_000, |n, bytes| {
            if n == number {
                *bytes.last_mut().unwrap() ^= 0x40;
            }
        });
        let frame = number as u64 + 1;
        let changed: Vec<_> = connection
            .messages
            .iter()
            .filter(|m| matches!(m.signature, Signature::Invalid { .. } | Signature::NoKey))
            .map(|m| (m.frame, m.element as usize))
            .collect();
        assert_eq!(changed, vec![(frame, element)], "{name}: message {number} of {} bytes", bytes.len());
    }
}

#[rstest]
fn nothing_verifies_with_another_session_key(
    #[values("cap210", "cap300", "cap311cmac", "cap311gmac")] name: &str,
) {
    let connection = follow(&capture(name), false, 100_000, |_, _| {});
    assert!(connection.messages.iter().all(|message| !message.signature.is_valid()));
    assert!(connection.messages.iter().any(|m| matches!(m.signature, Signature::Invalid { .. })));
}

#[rstest]
fn a_changed_negotiation_changes_every_key_of_3_1_1(
    #[values("cap311cmac", "cap311gmac")] name: &str,
    #[values(0, 1)] message: usize,
) {
    let connection = follow(&capture(name), true, 100_000, |n, bytes| {
        if n == message {
            // A byte of the salt, which nothing but the preauthentication hash covers.
            let salt = bytes.windows(6).position(|w| w == [1, 0, 32, 0, 1, 0]).unwrap() + 8;
            bytes[salt] ^= 1;
        }
    });
    assert!(connection.negotiated.is_some());
    assert!(connection.messages.iter().all(|message| !message.signature.is_valid()));
}

#[test]
fn what_is_no_smb2_is_garbage_at_its_frame_and_never_a_panic() {
    let mut connection = Connection::new(BTreeMap::new());
    connection.push(Way::ToClient, 3, &[0, 0, 0, 5, 1, 2, 3]);
    connection.push(Way::ToClient, 4, &[4, 5]);
    assert_eq!(connection.garbage.len(), 1);
    assert_eq!(connection.garbage[0].frame, 3);
    connection.push(Way::ToClient, 5, &[0, 0xff, 0xff, 0xff]);
    assert_eq!(connection.unfinished(Way::ToClient), Some((0, Some(0xff_ffff))));
    connection.push(Way::ToServer, 6, b"GET / HTTP/1.1\r\n");
    assert_eq!(connection.garbage.len(), 2);
    connection.push(Way::ToServer, 7, b"more");
    assert_eq!(connection.garbage.len(), 2);
}

#[test]
fn a_compound_inherits_the_session() {
    let capture = capture("cap311gmac");
    let connection = follow(&capture, true, 100_000, |_, _| {});
    let related: Vec<_> = connection.messages.iter().filter(|message| message.element > 0).collect();
    assert_eq!(related.len(), 4);
    for message in related {
        assert_eq!(message.session_id, session_id(&capture));
    }
}
