//! Every captured and published frame through the parsers, and back.

#![cfg(test)]

mod wire_vectors;

use countersign_smb::wire::*;
use model::{Dialect, NtStatus};
use std::collections::BTreeMap;
use wire_vectors::{bytes_of, published, text_of};

/// A captured message, or one element of a captured compound with its padding.
#[derive(Debug, Clone)]
struct Frame {
    capture: String,
    from_client: bool,
    command: String,
    status: NtStatus,
    flags: Flags,
    message_id: u64,
    compound: bool,
    bytes: Vec<u8>,
}

/// Every frame of the four captures, in order.
fn captured() -> Vec<Frame> {
    let mut all = Vec::new();
    for (capture, frames) in wire_vectors::captured() {
        all.extend(frames.iter().map(|frame| Frame {
            capture: capture.clone(),
            from_client: frame["dir"] == "C",
            command: text_of(&frame["cmd"]),
            status: NtStatus(u32::from_str_radix(&text_of(&frame["status"]), 16).unwrap()),
            flags: Flags(frame["flags"].as_u64().unwrap().try_into().unwrap()),
            message_id: frame["mid"].as_u64().unwrap(),
            compound: frame["compound"] == true,
            bytes: bytes_of(&frame["hex"]),
        }));
    }
    all
}

/// How writing a body again relates to the bytes it was read from.
#[derive(Debug, PartialEq, Eq)]
enum Again {
    /// The same bytes.
    Identical,
    /// The same bytes, the original with up to 7 zeros behind.
    Padded,
    /// A body that reads back equal from other bytes.
    Equal,
}

fn again<B: Body + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Again {
    let header = Header::parse(bytes).unwrap();
    let body = B::parse(bytes).unwrap_or_else(|error| panic!("{}: {error}", hex::encode(bytes)));
    assert!(B::COMMAND == header.command || B::COMMAND.name().is_none());
    let mut written = message(&header, &body).unwrap();
    assert_eq!(B::parse(&written).unwrap(), body);
    if written == bytes {
        return Again::Identical;
    }
    written.resize(written.len().next_multiple_of(8), 0);
    if written == bytes { Again::Padded } else { Again::Equal }
}

/// The body a frame has, written again; none where there is no type for it.
fn any_again(frame: &Frame) -> Option<Again> {
    let bytes = &frame.bytes;
    let command = Header::parse(bytes).unwrap().command;
    let failed = !matches!(frame.status, NtStatus::SUCCESS | NtStatus::MORE_PROCESSING_REQUIRED);
    Some(match (command, frame.from_client) {
        (_, false) if failed => again::<ErrorResponse>(bytes),
        (Command::NEGOTIATE, true) => again::<NegotiateRequest>(bytes),
        (Command::NEGOTIATE, false) => again::<NegotiateResponse>(bytes),
        (Command::SESSION_SETUP, true) => again::<SessionSetupRequest>(bytes),
        (Command::SESSION_SETUP, false) => again::<SessionSetupResponse>(bytes),
        (Command::LOGOFF, true) => again::<LogoffRequest>(bytes),
        (Command::LOGOFF, false) => again::<LogoffResponse>(bytes),
        (Command::TREE_CONNECT, true) => again::<TreeConnectRequest>(bytes),
        (Command::TREE_CONNECT, false) => again::<TreeConnectResponse>(bytes),
        (Command::TREE_DISCONNECT, true) => again::<TreeDisconnectRequest>(bytes),
        (Command::TREE_DISCONNECT, false) => again::<TreeDisconnectResponse>(bytes),
        (Command::CREATE, true) => again::<CreateRequest>(bytes),
        (Command::CREATE, false) => again::<CreateResponse>(bytes),
        (Command::CLOSE, true) => again::<CloseRequest>(bytes),
        (Command::CLOSE, false) => again::<CloseResponse>(bytes),
        (Command::WRITE, true) => again::<WriteRequest>(bytes),
        (Command::WRITE, false) => again::<WriteResponse>(bytes),
        (Command::ECHO, true) => again::<EchoRequest>(bytes),
        (Command::ECHO, false) => again::<EchoResponse>(bytes),
        (Command::IOCTL, true) => again::<IoctlRequest>(bytes),
        (Command::IOCTL, false) => again::<IoctlResponse>(bytes),
        (Command::QUERY_DIRECTORY, true) => again::<QueryDirectoryRequest>(bytes),
        (Command::CHANGE_NOTIFY, true) => again::<ChangeNotifyRequest>(bytes),
        (Command::CANCEL, true) => again::<CancelRequest>(bytes),
        _ => return None,
    })
}

fn frames(capture: &str, command: &str, from_client: bool) -> Vec<Frame> {
    let mut frames = captured();
    frames.retain(|f| f.capture == capture && f.command == command && f.from_client == from_client);
    assert!(!frames.is_empty(), "{capture} has no {command}");
    frames
}

#[test]
fn headers_say_what_the_capture_says_and_keep_their_bytes() {
    for frame in captured() {
        let header = Header::parse(&frame.bytes).unwrap();
        assert_eq!(header.command.name(), Some(frame.command.as_str()));
        assert_eq!(header.flags, frame.flags);
        assert_eq!(header.message_id, frame.message_id);
        assert_eq!(header.is_response(), !frame.from_client);
        if header.is_response() {
            assert_eq!(header.status, frame.status);
        }
        let mut written = Vec::new();
        header.write(&mut written);
        assert_eq!(written, frame.bytes[..64]);
        assert_eq!(Protocol::of(&frame.bytes), Protocol::Smb2);
    }
}

#[test]
fn every_captured_body_reads_and_writes_back() {
    let mut seen = BTreeMap::new();
    for frame in captured() {
        let key = (frame.command.clone(), frame.from_client, frame.status);
        match any_again(&frame) {
            None => panic!("no body type: {frame:?}"),
            // Samba fills the empty ErrorData of an interim response with 0x21 instead of 0.
            Some(Again::Equal) => {
                assert_eq!((frame.status, frame.bytes[72]), (NtStatus::PENDING, 0x21), "{frame:?}");
            }
            // Elements of a compound; Samba pads the last one too.
            Some(Again::Padded) => assert!(frame.compound, "{frame:?}"),
            Some(Again::Identical) => *seen.entry(key).or_insert(0) += 1,
        }
    }
    for (command, from_client) in [
        ("NEGOTIATE", true),
        ("NEGOTIATE", false),
        ("SESSION_SETUP", true),
        ("SESSION_SETUP", false),
        ("TREE_CONNECT", true),
        ("TREE_CONNECT", false),
        ("CREATE", true),
        ("CREATE", false),
        ("CLOSE", true),
        ("CLOSE", false),
        ("WRITE", false),
        ("ECHO", true),
        ("ECHO", false),
        ("IOCTL", true),
        ("IOCTL", false),
        ("LOGOFF", true),
        ("LOGOFF", false),
        ("TREE_DISCONNECT", true),
        ("CANCEL", true),
        ("CHANGE_NOTIFY", true),
        ("QUERY_DIRECTORY", true),
    ] {
        assert!(
            seen.keys().any(|(name, client, _)| (name.as_str(), *client) == (command, from_client)),
            "no identical {command}"
        );
    }
}

#[test]
fn compounds_split_and_join_to_the_same_bytes() {
    let frames = captured();
    let mut compounds = 0;
    for run in frames.chunk_by(|a, b| a.compound && b.compound && a.from_client == b.from_client) {
        let parts: Vec<_> = run.iter().map(|frame| frame.bytes.clone()).collect();
        let whole = parts.concat();
        let elements = elements(&whole).unwrap();
        assert_eq!(elements.iter().map(|e| e.bytes.to_vec()).collect::<Vec<_>>(), parts);
        let mut offset = 0;
        for (index, element) in elements.iter().enumerate() {
            assert_eq!((element.index as usize, element.offset), (index, offset));
            assert_eq!(element.header, Header::parse(element.bytes).unwrap());
            offset += element.bytes.len();
        }
        assert_eq!(compound(parts).unwrap(), whole);
        compounds += usize::from(run.len() > 1);
    }
    assert_eq!(compounds, 8, "one compound request and one compound response in each capture");
}

#[test]
fn negotiate_of_311() {
    let request = NegotiateRequest::parse(&frames("cap311gmac", "NEGOTIATE", true)[0].bytes).unwrap();
    assert_eq!(request.security_mode, SecurityMode::SIGNING_REQUIRED);
    assert_eq!(request.capabilities.to_string(), "DFS|LARGE_MTU|ENCRYPTION");
    assert_eq!(request.dialects, [DialectRevision::SMB_3_1_1]);
    assert_eq!(hex::encode(request.client_guid), "bfc05a3dabf14ab0aef14deeff5e88ed");
    let types: Vec<_> = request.negotiate_contexts.iter().map(|c| c.context_type.0).collect();
    assert_eq!(types, [1, 2, 5, 8]);
    let contexts = &request.negotiate_contexts;
    let preauth: PreauthIntegrity = NegotiateContext::find(contexts).unwrap().unwrap();
    assert_eq!((preauth.hash_algorithms.as_slice(), preauth.salt.len()), ([1u16].as_slice(), 32));
    let ciphers: EncryptionCapabilities = NegotiateContext::find(contexts).unwrap().unwrap();
    assert_eq!(ciphers.ciphers, [2, 1, 4, 3]);
    let name: NetName = NegotiateContext::find(contexts).unwrap().unwrap();
    assert_eq!(utf16_text(&name.net_name), "127.0.0.1");
    let signing: SigningCapabilities = NegotiateContext::find(contexts).unwrap().unwrap();
    assert_eq!(signing.algorithms, [2]);
    assert_eq!(NegotiateContext::of(&signing).unwrap(), contexts[3]);
    assert!(NegotiateContext::find::<CompressionCapabilities>(contexts).is_none());

    let response = NegotiateResponse::parse(&frames("cap311gmac", "NEGOTIATE", false)[0].bytes).unwrap();
    assert_eq!(response.security_mode.to_string(), "SIGNING_ENABLED|SIGNING_REQUIRED");
    assert_eq!(response.dialect_revision.to_dialect(), Some(Dialect::Smb311));
    assert_eq!(&response.server_guid, b"vecsrv\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(response.capabilities, Capabilities::DFS | Capabilities::LEASING | Capabilities::LARGE_MTU);
    assert_eq!(
        (response.max_transact_size, response.max_read_size, response.max_write_size),
        (1 << 23, 1 << 23, 1 << 23)
    );
    assert_eq!(response.security_buffer.len(), 0x4A);
    assert_eq!(response.negotiate_contexts.len(), 3);
    let signing: SigningCapabilities = response.negotiate_contexts[2].decode().unwrap().unwrap();
    assert_eq!(signing.algorithms, [2]);
}

#[test]
fn negotiate_below_311_has_no_contexts() {
    let request = NegotiateRequest::parse(&frames("cap210", "NEGOTIATE", true)[0].bytes).unwrap();
    assert_eq!(
        (request.dialects.as_slice(), request.negotiate_contexts.len()),
        ([DialectRevision::SMB_2_1].as_slice(), 0)
    );
    assert_eq!(request.client_start_time, 0);
    let response = NegotiateResponse::parse(&frames("cap300", "NEGOTIATE", false)[0].bytes).unwrap();
    assert_eq!(response.dialect_revision.to_dialect(), Some(Dialect::Smb30));
    assert_eq!((response.reserved, response.reserved2, response.negotiate_contexts.len()), (0, 0, 0));
}

#[test]
fn a_broken_context_list_leaves_the_security_buffer() {
    let mut bytes = frames("cap311gmac", "NEGOTIATE", false)[0].bytes.clone();
    bytes.truncate(bytes.len() - 1);
    let error = NegotiateResponse::parse(&bytes).unwrap_err();
    let (response, same) = NegotiateResponse::parse_lenient(&bytes).unwrap();
    assert_eq!(same, Some(error.clone()));
    assert_eq!(
        error,
        WireError::Truncated { field: "negotiate_context_data", offset: 0x118, needed: 4, available: 3 }
    );
    assert_eq!((response.security_buffer.len(), response.negotiate_contexts.len()), (0x4A, 2));
}

#[test]
fn a_session_from_setup_to_logoff() {
    let setups = frames("cap210", "SESSION_SETUP", true);
    let first = SessionSetupRequest::parse(&setups[0].bytes).unwrap();
    assert_eq!(first.security_mode, SecurityMode::SIGNING_REQUIRED);
    assert_eq!((first.flags, first.capabilities.0, first.previous_session_id), (SessionSetupFlags(0), 1, 0));
    assert_eq!(&first.security_buffer[..8], b"NTLMSSP\0");
    let answers = frames("cap210", "SESSION_SETUP", false);
    let challenge = SessionSetupResponse::parse(&answers[0].bytes).unwrap();
    assert_eq!((challenge.session_flags, challenge.security_buffer.len()), (SessionFlags(0), 0x80));
    let done = SessionSetupResponse::parse(&answers[1].bytes).unwrap();
    assert_eq!(done, SessionSetupResponse::default());

    let tree = TreeConnectRequest::parse(&frames("cap210", "TREE_CONNECT", true)[0].bytes).unwrap();
    assert_eq!((utf16_text(&tree.path).as_str(), &tree.extension), (r"\\127.0.0.1\share", &None));
    let tree = TreeConnectResponse::parse(&frames("cap210", "TREE_CONNECT", false)[0].bytes).unwrap();
    assert_eq!((tree.share_type, tree.maximal_access), (ShareType::DISK, AccessMask(0x001F_01FF)));
}

#[test]
fn files() {
    let creates = frames("cap311gmac", "CREATE", true);
    let root = CreateRequest::parse(&creates[0].bytes).unwrap();
    assert_eq!((root.name.len(), root.create_options), (0, CreateOptions::DIRECTORY_FILE));
    let file = CreateRequest::parse(&creates[1].bytes).unwrap();
    assert_eq!(utf16_text(&file.name), "a.txt");
    assert_eq!(file.desired_access, AccessMask::GENERIC_WRITE);
    assert_eq!(file.create_disposition, CreateDisposition::OVERWRITE_IF);
    assert_eq!(file.create_options, CreateOptions::NON_DIRECTORY_FILE);
    assert_eq!(file.impersonation_level, ImpersonationLevel::IMPERSONATION);
    let created = CreateResponse::parse(&frames("cap311gmac", "CREATE", false)[1].bytes).unwrap();
    assert_eq!(created.create_action, CreateAction::CREATED);
    assert_eq!(created.file_id, FileId { persistent: 0x60E3_2712, volatile: 0x0445_B69A });
    let write = WriteRequest::parse(&frames("cap311gmac", "WRITE", true)[0].bytes).unwrap();
    assert_eq!((write.data.as_slice(), write.file_id, write.offset), (b"abc".as_slice(), FileId::RELATED, 0));
    let written = WriteResponse::parse(&frames("cap311gmac", "WRITE", false)[0].bytes).unwrap();
    assert_eq!(written.count, 3);
    let query =
        QueryDirectoryRequest::parse(&frames("cap311gmac", "QUERY_DIRECTORY", true)[0].bytes).unwrap();
    assert_eq!(query.file_information_class, FileInformationClass::NAMES);
    assert_eq!((utf16_text(&query.file_name).as_str(), query.output_buffer_length), ("nope.*", 65536));
    let none = ErrorResponse::parse(&frames("cap311gmac", "QUERY_DIRECTORY", false)[0].bytes).unwrap();
    assert_eq!(none, ErrorResponse::default());
}

#[test]
fn validate_negotiate() {
    let request = IoctlRequest::parse(&frames("cap210", "IOCTL", true)[0].bytes).unwrap();
    assert_eq!(request.ctl_code, CtlCode::FSCTL_VALIDATE_NEGOTIATE_INFO);
    assert_eq!((request.flags, request.file_id), (IoctlRequest::IS_FSCTL, FileId::RELATED));
    let sent = ValidateNegotiateInfoRequest::parse(&request.input).unwrap();
    let negotiate = NegotiateRequest::parse(&frames("cap210", "NEGOTIATE", true)[0].bytes).unwrap();
    assert_eq!((sent.guid, sent.security_mode), (negotiate.client_guid, negotiate.security_mode));
    assert_eq!(sent.dialects, negotiate.dialects);
    assert_eq!(sent.encode().unwrap(), request.input);
    assert!(ValidateNegotiateInfoRequest::parse(&request.input[..25]).is_err());

    let response = IoctlResponse::parse(&frames("cap210", "IOCTL", false)[0].bytes).unwrap();
    let got = ValidateNegotiateInfoResponse::parse(&response.output).unwrap();
    let negotiated = NegotiateResponse::parse(&frames("cap210", "NEGOTIATE", false)[0].bytes).unwrap();
    assert_eq!((got.guid, got.dialect), (negotiated.server_guid, negotiated.dialect_revision));
    assert_eq!((got.capabilities, got.security_mode), (negotiated.capabilities, negotiated.security_mode));
    assert_eq!(got.encode(), response.output);
}

#[test]
fn change_notify() {
    let request = ChangeNotifyRequest::parse(&frames("cap210", "CHANGE_NOTIFY", true)[0].bytes).unwrap();
    assert_eq!(
        (request.flags, request.completion_filter),
        (ChangeNotifyFlags(0), CompletionFilter::FILE_NAME)
    );
    assert_eq!((request.output_buffer_length, request.reserved), (65536, 0));
}

#[test]
fn asynchronous_headers_carry_an_async_id() {
    for frame in frames("cap210", "CHANGE_NOTIFY", false).iter().chain(&frames("cap210", "CANCEL", true)) {
        assert_eq!(Header::parse(&frame.bytes).unwrap().async_id(), Some(frame.message_id));
    }
}

#[test]
fn what_microsoft_and_other_libraries_published() {
    let mut counted = BTreeMap::new();
    for (what, bytes) in published() {
        if what.contains("encrypted") && Protocol::of(&bytes) == Protocol::Transform {
            assert_eq!(Header::parse(&bytes).unwrap_err(), WireError::ProtocolId(*b"\xFDSMB"));
            continue;
        }
        let header = Header::parse(&bytes).unwrap();
        let frame = Frame {
            capture: what.clone(),
            from_client: !header.is_response(),
            command: header.command.to_string(),
            status: header.status,
            flags: header.flags,
            message_id: header.message_id,
            compound: false,
            bytes,
        };
        match any_again(&frame) {
            Some(Again::Identical) => *counted.entry("identical").or_insert(0) += 1,
            Some(Again::Padded) => *counted.entry("padded").or_insert(0) += 1,
            // Windows: the filler of an empty ErrorData, or the offset of an empty WriteChannelInfo, is not 0.
            Some(Again::Equal) => *counted.entry("equal").or_insert(0) += 1,
            other => panic!("{what}: {other:?}"),
        }
    }
    assert_eq!(counted, BTreeMap::from([("equal", 5), ("identical", 17), ("padded", 1)]));
}

#[test]
fn the_published_channel() {
    let messages = published();
    let request = NegotiateRequest::parse(&messages[0].1).unwrap();
    assert_eq!(request.dialects.iter().map(|d| d.0).collect::<Vec<_>>(), [0x202, 0x210, 0x300, 0x302, 0x311]);
    assert_eq!(request.security_mode, SecurityMode(0));
    let ciphers: EncryptionCapabilities =
        NegotiateContext::find(&request.negotiate_contexts).unwrap().unwrap();
    assert_eq!(ciphers.ciphers, [2, 1]);
    let response = NegotiateResponse::parse(&messages[1].1).unwrap();
    assert_eq!((response.security_buffer.len(), response.negotiate_contexts.len()), (0x140, 2));
    let binding = messages.iter().find(|(what, _)| what.contains("request 1 (BINDING")).unwrap();
    let setup = SessionSetupRequest::parse(&binding.1).unwrap();
    assert_eq!((setup.flags, setup.security_buffer.len()), (SessionSetupFlags::BINDING, 0x4A));
    assert_eq!(Header::parse(&binding.1).unwrap().session_id, 0x1000_0000_0019);
}
