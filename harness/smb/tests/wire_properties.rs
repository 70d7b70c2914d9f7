//! What holds for any bytes and any structs: no parser panics, and what is written reads back.

#![cfg(test)]

mod wire_vectors;

use countersign_smb::wire::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::LazyLock;
use wire_vectors::{bytes_of, captured, published};

/// The bytes of all real messages.
static REAL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let captured = captured().into_iter().flat_map(|(_, frames)| frames).map(|frame| bytes_of(&frame["hex"]));
    captured.chain(published().into_iter().map(|(_, bytes)| bytes)).collect()
});

/// Runs every parser; what one accepts has to survive being written.
fn parse_everything(bytes: &[u8]) {
    macro_rules! each {
        ($($body:ident),+) => {$(
            if let Ok(body) = $body::parse(bytes) {
                let written = message(&Header::request($body::COMMAND), &body).unwrap();
                assert_eq!($body::parse(&written).as_ref(), Ok(&body), "{}", hex::encode(bytes));
            }
        )+};
    }
    each! {
        NegotiateRequest, NegotiateResponse, SessionSetupRequest, SessionSetupResponse, LogoffRequest, LogoffResponse,
        TreeConnectRequest, TreeConnectResponse, TreeDisconnectRequest, TreeDisconnectResponse, CreateRequest,
        CreateResponse, CloseRequest, CloseResponse, FlushRequest, FlushResponse, ReadRequest, ReadResponse,
        WriteRequest, WriteResponse, EchoRequest, EchoResponse, IoctlRequest, IoctlResponse, QueryInfoRequest,
        QueryInfoResponse, QueryDirectoryRequest, QueryDirectoryResponse, CancelRequest, ErrorResponse, LockRequest,
        LockResponse, SetInfoRequest, SetInfoResponse, ChangeNotifyRequest, ChangeNotifyResponse, BreakNotification,
        BreakAcknowledgment, BreakResponse
    }
    let _ = Protocol::of(bytes);
    if let Ok((body, _)) = NegotiateResponse::parse_lenient(bytes) {
        contexts(&body.negotiate_contexts);
    }
    if let Ok(body) = NegotiateRequest::parse(bytes) {
        contexts(&body.negotiate_contexts);
    }
    if let Ok(body) = ErrorResponse::parse(bytes) {
        let _ = body.contexts();
    }
    if let Ok(body) = CreateRequest::parse(bytes) {
        let _ = LeaseContext::find(&body.create_contexts);
    }
    let _ = utf16_text(bytes);
    if let Ok(parts) = elements(bytes) {
        assert_eq!(parts.iter().map(|element| element.bytes).collect::<Vec<_>>().concat(), bytes);
    }
    payloads(bytes);
}

fn contexts(list: &[NegotiateContext]) {
    for context in list {
        payloads(&context.data);
    }
}

/// The parsers of what is inside bodies.
fn payloads(data: &[u8]) {
    macro_rules! each {
        ($($payload:ident),+) => {$(
            if let Ok(payload) = $payload::parse(data) {
                assert_eq!($payload::parse(&payload.encode().unwrap()), Ok(payload));
            }
        )+};
    }
    each! {
        PreauthIntegrity, EncryptionCapabilities, CompressionCapabilities, NetName, TransportCapabilities,
        RdmaTransformCapabilities, SigningCapabilities, ValidateNegotiateInfoRequest
    }
    if let Ok(payload) = ValidateNegotiateInfoResponse::parse(data) {
        assert_eq!(payload.encode(), data[..24]);
    }
    macro_rules! fixed {
        ($($payload:ident),+) => {$(
            match $payload::parse(data) {
                Ok(payload) => assert_eq!(payload.encode(), data[..$payload::LEN]),
                Err(_) => assert!(data.len() < $payload::LEN),
            }
        )+};
    }
    fixed! { Lease, LeaseV2, FileBasicInformation, FileDispositionInformation, FileEndOfFileInformation }
    if let Ok(lease) = LeaseContext::parse(data) {
        assert_eq!(LeaseContext::parse(&lease.encode()), Ok(lease));
    }
}

/// A valid header with arbitrary content.
fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 64).prop_map(|mut bytes| {
        bytes[..6].copy_from_slice(b"\xFESMB\x40\0");
        bytes
    })
}

/// A real message with a few bytes changed, then cut off somewhere, or not.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0), Just(0xFF)]), 0..6);
    (0..REAL.len(), edits, prop::option::of(any::<prop::sample::Index>())).prop_map(|(which, edits, cut)| {
        let mut bytes = REAL[which].clone();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

/// A header in front of a body whose StructureSize some parser accepts.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let sizes = [2u16, 4, 9, 16, 17, 24, 25, 32, 33, 36, 41, 44, 48, 49, 57, 60, 65, 89];
    let small = prop_oneof![3 => Just(0u8), 2 => 0..0x90u8, 1 => any::<u8>()];
    (header_bytes(), prop::sample::select(sizes.to_vec()), vec(small, 0..200)).prop_map(
        |(mut bytes, size, rest)| {
            bytes.extend_from_slice(&size.to_le_bytes());
            bytes.extend_from_slice(&rest);
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn headers_keep_every_byte(bytes in header_bytes()) {
        let mut written = Vec::new();
        let header = Header::parse(&bytes).unwrap();
        header.write(&mut written);
        prop_assert_eq!(&written, &bytes);
        let mut changed = header.clone();
        if let Some(id) = header.async_id() {
            changed = changed.with_async_id(id);
        }
        prop_assert_eq!(changed, header);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        parse_everything(&bytes);
    }

    #[test]
    fn plausible_bytes_never_panic(bytes in plausible()) {
        parse_everything(&bytes);
    }

    #[test]
    fn mutated_frames_never_panic(bytes in mutated()) {
        parse_everything(&bytes);
    }

    #[test]
    fn compounds_come_apart_again(
        messages in vec((header_bytes(), vec(any::<u8>(), 0..40)).prop_map(|(h, b)| [h, b].concat()), 1..6)
    ) {
        let whole = compound(messages.clone()).unwrap();
        let parts = elements(&whole).unwrap();
        prop_assert_eq!(parts.len(), messages.len());
        for (part, message) in parts.iter().zip(&messages) {
            prop_assert_eq!(&part.bytes[..20], &message[..20]);
            prop_assert_eq!(&part.bytes[24..message.len()], &message[24..]);
            prop_assert!(part.bytes[message.len()..].iter().all(|byte| *byte == 0));
            prop_assert!(part.bytes.len() < message.len() + 8);
        }
        prop_assert_eq!(parts[parts.len() - 1].header.next_command, 0);
    }
}

#[test]
fn every_truncation_of_every_frame() {
    for message in REAL.iter() {
        for length in 0..message.len() {
            parse_everything(&message[..length]);
        }
    }
}

#[test]
fn every_byte_of_every_kind_of_frame_set_to_extremes() {
    // One capture is enough here: the four have the same kinds of frames.
    for message in REAL.iter().take(40) {
        for at in 0..message.len().min(220) {
            for value in [0x00, 0x01, 0x7F, 0x80, 0xFF] {
                let mut bytes = message.clone();
                bytes[at] = value;
                parse_everything(&bytes);
            }
        }
    }
}
