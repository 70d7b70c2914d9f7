//! What holds for any bytes: no parser and no follower panics, what is read is written and read again, what is signed
//! verifies and nothing else does.

#![cfg(test)]

use countersign_smb::nbss;
use countersign_smb::smb1::follow::{Connection, Way};
use countersign_smb::smb1::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static REAL: LazyLock<Vec<(bool, Vec<u8>)>> = LazyLock::new(|| {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("vectors/captures/smb1ext.json")).unwrap();
    let frames = file["frames"].as_array().unwrap();
    frames.iter().map(|f| (f["dir"] == "C", hex::decode(f["hex"].as_str().unwrap()).unwrap())).collect()
});

/// Runs every parser over every block; what one accepts has to survive being written.
fn parse_everything(bytes: &[u8]) {
    let Ok(chain) = Chain::new(bytes) else { return };
    let flags2 = Header::parse(bytes).unwrap().flags2;
    for block in chain.map_while(Result::ok) {
        macro_rules! each {
            ($($body:ident),+) => {$(
                if let Ok(body) = $body::parse(&block) {
                    let header = Header { flags2, ..Header::request($body::COMMAND) };
                    let written = message(&header, &body).unwrap();
                    let again = parse::<$body>(&written).unwrap().1;
                    // Alignment depends on where a block stands; where it stands at an even place all is the same.
                    if block.offset % 2 == 0 {
                        assert_eq!(again, body, "{}", hex::encode(bytes));
                    }
                }
            )+};
        }
        each! {
            NegotiateRequest, NegotiateResponse, NegotiateRefusal, SessionSetupRequest, SessionSetupResponse,
            LogoffRequest, LogoffResponse, TreeConnectRequest, TreeConnectResponse, TreeDisconnectRequest,
            TreeDisconnectResponse, NtCreateRequest, NtCreateResponse, ReadRequest, ReadResponse, WriteRequest,
            WriteResponse, CloseRequest, CloseResponse, EchoRequest, EchoResponse, Trans2Request, Trans2Response,
            NtTransactRequest, NtTransactResponse, ReadRawRequest, NtCancelRequest, ErrorResponse, Raw
        }
        if let Ok(body) = SessionSetupRequest::parse(&block) {
            for unicode in [false, true] {
                let _ = (body.names.strings(unicode), body.names.first(unicode));
            }
        }
    }
}

/// A message with a header that parses, and anything behind.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    (any::<[u8; 28]>(), 0u8..60, vec(any::<u8>(), 0..300))
        .prop_map(|(header, count, rest)| [b"\xFFSMB".as_slice(), &header, &[count], &rest].concat())
}

/// A captured message with some bytes changed and the end cut off.
fn damaged() -> impl Strategy<Value = (bool, Vec<u8>)> {
    (0..REAL.len(), vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), 0usize..8).prop_map(
        |(index, changes, cut)| {
            let (from_client, mut bytes) = REAL[index].clone();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(bytes.len() - cut);
            (from_client, bytes)
        },
    )
}

fn connection() -> Connection {
    let key = hex::decode("67526c447a6c77796d6c627a3178384a").unwrap();
    Connection::new(BTreeMap::from([(0x9BAB, key), (0, vec![])]))
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..200)) {
        parse_everything(&bytes);
    }

    #[test]
    fn no_body_makes_a_parser_panic(bytes in plausible()) {
        parse_everything(&bytes);
    }

    #[test]
    fn no_damage_makes_a_parser_panic((_, bytes) in damaged()) {
        parse_everything(&bytes);
    }

    #[test]
    fn headers_keep_their_bytes(rest in any::<[u8; 28]>()) {
        let bytes = [b"\xFFSMB".as_slice(), &rest].concat();
        let mut written = Vec::new();
        Header::parse(&bytes).unwrap().write(&mut written);
        prop_assert_eq!(written, bytes);
    }

    #[test]
    fn raw_blocks_keep_their_bytes(words in vec(any::<u16>(), 0..=255), bytes in vec(any::<u8>(), 0..500)) {
        let words = words.into_iter().flat_map(u16::to_le_bytes).collect();
        let raw = Raw { words, bytes };
        let whole = message(&Header::request(Command::TRANSACTION), &raw).unwrap();
        prop_assert_eq!(parse::<Raw>(&whole).unwrap().1, raw);
    }

    #[test]
    fn what_is_signed_verifies_and_nothing_else(
        key in vec(any::<u8>(), 0..40),
        response in vec(any::<u8>(), 0..60),
        mut message in vec(any::<u8>(), 32..300),
        sequence in any::<u32>(),
        bit in any::<prop::sample::Index>(),
        other in any::<u32>(),
    ) {
        let key = MacKey::new(&key, &response);
        key.sign(&mut message, sequence).unwrap();
        prop_assert!(message[10] & 4 != 0);
        prop_assert_eq!(key.verify(&message, sequence), Ok(()));
        prop_assert_eq!(key.verify(&message, other).is_ok(), other == sequence);
        prop_assert!(MacKey::new(&[0x5A; 17], &response).verify(&message, sequence).is_err());
        let bit = bit.index(message.len() * 8);
        message[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(key.verify(&message, sequence).is_err());
    }

    #[test]
    fn requests_and_responses_never_share_a_number(commands in vec(0u8..4, 1..60)) {
        let mut sequence = Sequence::new();
        let mut last = None;
        for (mid, command) in (0u16..).zip(commands) {
            let command = if command == 0 { Command::NT_CANCEL } else { Command::ECHO };
            let header = Header { mid, ..Header::request(command) };
            let number = sequence.request(&header);
            prop_assert!(last.is_none_or(|last| number > last));
            last = sequence.response(&header).or(Some(number));
            prop_assert_eq!(sequence.response(&header).is_some(), command != Command::NT_CANCEL);
        }
    }

    #[test]
    fn no_stream_makes_the_follower_panic(
        chunks in vec((any::<bool>(), vec(any::<u8>(), 0..80)), 0..12),
    ) {
        let mut connection = connection();
        for (frame, (from_client, bytes)) in (0..).zip(chunks) {
            connection.push(if from_client { Way::ToServer } else { Way::ToClient }, frame, &bytes);
        }
    }

    #[test]
    fn no_damage_makes_the_follower_panic_or_believe(
        changed in vec((0..REAL.len(), damaged()), 0..4),
        anything in plausible(),
        chunk in 1usize..400,
    ) {
        let mut messages: Vec<_> = REAL.clone();
        for (at, damage) in changed {
            messages.insert(at, damage);
        }
        messages.push((false, anything));
        let mut connection = connection();
        for (frame, (from_client, bytes)) in (0..).zip(&messages) {
            let way = if *from_client { Way::ToServer } else { Way::ToClient };
            nbss::wrap(bytes).unwrap().chunks(chunk).for_each(|part| connection.push(way, frame, part));
        }
        prop_assert!(connection.messages.len() <= messages.len());
        for message in connection.messages.iter().filter(|m| m.signature.is_valid()) {
            prop_assert!(REAL.iter().any(|(_, bytes)| *bytes == message.bytes));
        }
    }
}
