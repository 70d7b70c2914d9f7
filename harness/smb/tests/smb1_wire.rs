//! SMB1 messages: every captured frame through the parsers and back, forms that are in no capture, chains, lies.

#![cfg(test)]

use countersign_smb::smb1::*;
use countersign_smb::wire::{AccessMask, CreateDisposition, FileAttributes};
use model::NtStatus;
use rstest::rstest;
use std::fmt::Debug;

fn captured() -> Vec<(bool, Vec<u8>)> {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("vectors/captures/smb1ext.json")).unwrap();
    let frames = file["frames"].as_array().unwrap();
    frames.iter().map(|f| (f["dir"] == "C", hex::decode(f["hex"].as_str().unwrap()).unwrap())).collect()
}

fn body<B: Body>(index: usize) -> B {
    parse(&captured()[index].1).unwrap().1
}

/// Reads a message, and writes it again.
fn again<B: Body + PartialEq + Debug>(bytes: &[u8]) {
    let (header, body) = parse::<B>(bytes).unwrap_or_else(|error| panic!("{}: {error}", hex::encode(bytes)));
    assert!(B::COMMAND == header.command || B::COMMAND == Command::INVALID);
    assert_eq!(hex::encode(message(&header, &body).unwrap()), hex::encode(bytes));
}

/// Writes a body, and reads it again.
fn there_and_back<B: Body + PartialEq + Debug>(body: &B) -> Vec<u8> {
    let bytes = message(&Header::request(B::COMMAND), body).unwrap();
    assert_eq!(parse::<B>(&bytes).unwrap().1, *body);
    bytes
}

#[test]
fn every_captured_frame_is_written_as_it_was_read() {
    let frames = captured();
    assert_eq!(frames.len(), 20);
    for (from_client, bytes) in &frames {
        let header = Header::parse(bytes).unwrap();
        let mut written = Vec::new();
        header.write(&mut written);
        assert_eq!(written, bytes[..32]);
        assert_eq!(header.is_response(), !from_client);
        assert_eq!(blocks(bytes).unwrap().len(), 1);
        if bytes[32] != 42 {
            again::<Raw>(bytes); // A raw block has no WordCount that lies.
        }
        match (header.command, from_client) {
            (_, false) if header.status == NtStatus::OBJECT_NAME_NOT_FOUND => again::<ErrorResponse>(bytes),
            (Command::NEGOTIATE, true) => again::<NegotiateRequest>(bytes),
            (Command::NEGOTIATE, false) => again::<NegotiateResponse>(bytes),
            (Command::SESSION_SETUP_ANDX, true) => again::<SessionSetupRequest>(bytes),
            (Command::SESSION_SETUP_ANDX, false) => again::<SessionSetupResponse>(bytes),
            (Command::TREE_CONNECT_ANDX, true) => again::<TreeConnectRequest>(bytes),
            (Command::TREE_CONNECT_ANDX, false) => again::<TreeConnectResponse>(bytes),
            (Command::NT_CREATE_ANDX, true) => again::<NtCreateRequest>(bytes),
            (Command::NT_CREATE_ANDX, false) => again::<NtCreateResponse>(bytes),
            (Command::WRITE_ANDX, true) => again::<WriteRequest>(bytes),
            (Command::WRITE_ANDX, false) => again::<WriteResponse>(bytes),
            (Command::CLOSE, true) => again::<CloseRequest>(bytes),
            (Command::CLOSE, false) => again::<CloseResponse>(bytes),
            (Command::TREE_DISCONNECT, true) => again::<TreeDisconnectRequest>(bytes),
            (Command::TREE_DISCONNECT, false) => again::<TreeDisconnectResponse>(bytes),
            (Command::LOGOFF_ANDX, true) => again::<LogoffRequest>(bytes),
            (Command::LOGOFF_ANDX, false) => again::<LogoffResponse>(bytes),
            other => panic!("{other:?} has no body type"),
        }
    }
}

#[test]
fn headers_say_what_the_capture_says() {
    let header = Header::parse(&captured()[3].1).unwrap();
    assert_eq!(header.command.to_string(), "SESSION_SETUP_ANDX");
    assert_eq!(header.status, NtStatus::MORE_PROCESSING_REQUIRED);
    assert_eq!(header.flags, Flags::REPLY | Flags::CASE_INSENSITIVE);
    assert_eq!(header.flags2.to_string(), "LONG_NAMES|EAS|SECURITY_SIGNATURE|EXTENDED_SECURITY|NT_STATUS");
    assert_eq!((header.signature, header.pid, header.uid), (BSRSPYL, 0x363E, 0x9BAB));
    assert_eq!((header.tid, header.mid, header.is_unicode()), (0xFFFF, 0, false));
    assert_eq!(Command(0x99).to_string(), "0x99");
    assert_eq!(Flags2(0x0104).to_string(), "SECURITY_SIGNATURE|0x100");
}

#[test]
fn negotiate() {
    assert_eq!(body::<NegotiateRequest>(0), NegotiateRequest::new(&[NegotiateRequest::NT_LM_0_12]));
    let response: NegotiateResponse = body(1);
    assert_eq!(
        response.security_mode.to_string(),
        "USER_SECURITY|ENCRYPT_PASSWORDS|SECURITY_SIGNATURES_ENABLED|SECURITY_SIGNATURES_REQUIRED"
    );
    assert!(response.capabilities.contains(Capabilities::EXTENDED_SECURITY | Capabilities::NT_SMBS));
    assert_eq!((response.dialect_index, response.max_mpx_count, response.is_extended()), (0, 50, true));
    assert_eq!(response.challenge(), None);
    let NegotiateSecurity::Extended { server_guid, security_blob, .. } = &response.security else { panic!() };
    assert_eq!((&server_guid[..6], security_blob.len()), (b"vecsrv".as_slice(), 0x4A));

    let multi = NegotiateRequest::new(&[
        NegotiateRequest::NT_LM_0_12,
        NegotiateRequest::SMB_2_002,
        NegotiateRequest::SMB_2_WILDCARD,
    ]);
    let bytes = there_and_back(&multi);
    assert_eq!(&bytes[35..], b"\x02NT LM 0.12\0\x02SMB 2.002\0\x02SMB 2.???\0");
    there_and_back(&NegotiateRefusal { dialect_index: 0xFFFF });

    for unicode in [false, true] {
        let security = NegotiateSecurity::plain([1, 2, 3, 4, 5, 6, 7, 8], unicode, "WG", "SERVER");
        let capabilities = response.capabilities.without(Capabilities::EXTENDED_SECURITY);
        let plain = NegotiateResponse { security, capabilities, ..response.clone() };
        there_and_back(&plain);
        assert_eq!(plain.challenge(), Some([1, 2, 3, 4, 5, 6, 7, 8]));
        let NegotiateSecurity::Plain { names, .. } = plain.security else { panic!() };
        assert_eq!(names.strings(unicode), ["WG", "SERVER"]);
    }
}

#[test]
fn sessions() {
    let request: SessionSetupRequest = body(2);
    assert_eq!((request.max_buffer_size, request.max_mpx_count, request.vc_number), (61440, 2, 1));
    assert!(
        matches!(&request.credentials, SetupCredentials::Extended { security_blob } if security_blob.len() == 66)
    );
    assert_eq!(request.names.strings(false), ["Unix", "Samba"]);
    let response: SessionSetupResponse = body(5);
    assert_eq!((response.action, response.security_blob.as_ref().map(Vec::len)), (Action(0), Some(9)));
    assert_eq!(response.names.strings(false), ["Windows 6.1", "Samba 4.17.12-Debian", "WG"]);

    for (unicode, nt) in [(false, 24), (true, 24), (true, 25)] {
        let credentials =
            SetupCredentials::Plain { oem_password: vec![1; 24], unicode_password: vec![2; nt] };
        let plain = SessionSetupRequest::new(credentials).with_names(unicode, &["User", "WG", "OS", "LM"]);
        assert_eq!(plain.names.padded, unicode && nt % 2 == 0, "61 + 24 is odd");
        let flags2 = if unicode { Flags2::UNICODE } else { Flags2(0) };
        let header = Header { flags2, ..Header::request(Command::SESSION_SETUP_ANDX) };
        let bytes = message(&header, &plain).unwrap();
        assert_eq!(bytes[32], 13);
        let read: SessionSetupRequest = parse(&bytes).unwrap().1;
        assert_eq!(read, plain);
        assert_eq!(read.names.strings(unicode), ["User", "WG", "OS", "LM"]);
    }
    let guest =
        SessionSetupResponse { action: Action::GUEST, ..Default::default() }.with_names(false, &["OS"]);
    assert_eq!(there_and_back(&guest)[32], 3);
}

#[test]
fn trees_and_files() {
    let tree: TreeConnectRequest = body(6);
    assert_eq!((tree.path(false), tree.service(false)), (r"\\127.0.0.1\share".into(), "?????".into()));
    let tree: TreeConnectResponse = body(7);
    assert_eq!((tree.optional_support, tree.rights), (Some(OptionalSupport::SUPPORT_SEARCH_BITS), None));
    assert_eq!(tree.service(), "A:");
    for unicode in [false, true] {
        let built = TreeConnectRequest::new(unicode, r"\\s\share", "?????");
        assert_eq!((built.path(unicode), built.service(unicode)), (r"\\s\share".into(), "?????".into()));
        assert!(!built.path.padded, "43 and the password of one byte are even");
        there_and_back(&built);
    }
    let rights = Some((AccessMask(0x001F_01FF), AccessMask(0)));
    let long = TreeConnectResponse { optional_support: Some(OptionalSupport(1)), rights, ..tree.clone() };
    assert_eq!(there_and_back(&long)[32], 7);
    assert_eq!(there_and_back(&TreeConnectResponse { optional_support: None, ..tree })[32], 2);

    let create: NtCreateRequest = body(8);
    assert_eq!((create.name.strings(false), create.name_length), (vec![r"\b.txt".to_owned()], 6));
    assert_eq!(create.create_disposition, CreateDisposition::OVERWRITE_IF);
    assert_eq!(create.flags.to_string(), "REQUEST_OPLOCK|REQUEST_OPBATCH|REQUEST_EXTENDED_RESPONSE");
    let named = NtCreateRequest::default().with_name(true, "a.txt").unwrap();
    assert_eq!((named.name_length, named.name.padded, named.name.bytes.len()), (10, true, 13));
    let created: NtCreateResponse = body(9);
    assert_eq!((created.fid, created.create_disposition), (0xE6C7, 2));
    assert_eq!(created.ext_file_attributes, FileAttributes(0x20));
    let extended = created.extended.clone().unwrap();
    assert_eq!((extended.word_count, extended.maximal_access_rights), (42, AccessMask(0x001F_01FF)));
    there_and_back(&NtCreateResponse { extended: None, ..created });
}

#[test]
fn a_file_id_where_byte_count_should_be_is_no_length() {
    let mut created: NtCreateResponse = body(9);
    created.extended.as_mut().unwrap().file_id = u64::MAX;
    let bytes = there_and_back(&created);
    assert_eq!(bytes[117..119], [0xFF, 0xFF]);
    assert_eq!(Block::first(&bytes).unwrap().words.len(), 100);
    // 42 words that are all there is are 42 words.
    let honest = [&bytes[..117], &[0, 0]].concat();
    assert_eq!(Block::first(&honest).unwrap().words.len(), 84);
    assert!(matches!(parse::<NtCreateResponse>(&honest), Err(WireError::Truncated { .. })));
}

#[test]
fn data() {
    let write: WriteRequest = body(10);
    assert_eq!((write.data.as_slice(), write.pad.len(), write.fid), (b"hello".as_slice(), 0, 0xE6C7));
    assert_eq!(write.write_mode, WriteMode::MSG_START);
    assert_eq!(body::<WriteResponse>(11).count, 5);
    assert_eq!(body::<CloseRequest>(12).fid, 0xE6C7);
    there_and_back(&WriteRequest { offset_high: None, pad: vec![7], ..write });
    there_and_back(&ReadRequest { fid: 1, max_count: 4096, offset_high: Some(1), ..Default::default() });
    assert_eq!(there_and_back(&ReadRequest { fid: 1, ..Default::default() })[32], 10);
    let read = ReadResponse { pad: vec![0], data: b"hello".to_vec(), ..Default::default() };
    let bytes = there_and_back(&read);
    assert_eq!(&bytes[59..], b"\0hello");
    assert_eq!(bytes[45..47], [60, 0], "DataOffset");
    there_and_back(&ReadResponse { data: Vec::new(), ..read });
    there_and_back(&EchoRequest { echo_count: 3, data: b"abc".to_vec() });
    there_and_back(&EchoResponse { sequence_number: 1, data: b"abc".to_vec() });
    there_and_back(&NtCancelRequest {});
    assert_eq!(there_and_back(&ErrorResponse::default()).len(), 35, "the shortest message");
}

#[test]
fn transactions() {
    let query = Trans2Request::query_fs_information(FsInformationLevel::QUERY_FS_SIZE_INFO, 512);
    let bytes = there_and_back(&query);
    assert_eq!(query.subcommand(), Some(Trans2Subcommand::QUERY_FS_INFORMATION));
    assert_eq!((bytes[32], &bytes[68..]), (15, [3, 1, 0, 0].get(..).unwrap()), "at a multiple of 4");
    let referral = Trans2Request::get_dfs_referral(4, r"\s\share", 4096).unwrap();
    assert_eq!(referral.subcommand(), Some(Trans2Subcommand::GET_DFS_REFERRAL));
    assert_eq!(&referral.parameters[..6], &[4, 0, b'\\', 0, b's', 0]);
    assert_eq!(usize::from(referral.total_parameter_count), referral.parameters.len());
    there_and_back(&referral);
    there_and_back(&Trans2Response {
        total_parameter_count: 2,
        total_data_count: 24,
        setup: vec![1, 2],
        parameters: vec![1, 2],
        data: vec![3; 24],
        ..Default::default()
    });
    assert!(Trans2Request::get_dfs_referral(4, &"x".repeat(40_000), 0).is_err());
}

#[test]
fn nt_transactions() {
    let filter = CompletionFilter::FILE_NAME | CompletionFilter::LAST_WRITE;
    let notify = NtTransactRequest::notify_change(0xE6C7, filter, true, 4096);
    let bytes = there_and_back(&notify);
    assert_eq!(notify.function, NtTransactFunction::NOTIFY_CHANGE);
    // [MS-CIFS] 2.2.7.4.1, and the padding in front of no parameters.
    let expected = "17 00 0000 00000000 00000000 00100000 00000000 00000000 54000000 00000000 54000000 04 0400 \
                    11000000 c7e6 01 00 0300 000000";
    assert_eq!(hex::encode(&bytes[32..]), expected.replace(' ', ""));
    let plain = NtTransactRequest::notify_change(1, CompletionFilter(u32::MAX), false, u32::MAX);
    assert_eq!((plain.setup.as_slice(), plain.max_parameter_count), (&[0xFFFF, 0xFFFF, 1, 0][..], u32::MAX));
    there_and_back(&plain);
    assert_eq!(filter.to_string(), "FILE_NAME|LAST_WRITE");
    assert_eq!(NtTransactFunction(9).to_string(), "0x0009");

    let ioctl = NtTransactRequest {
        max_setup_count: 1,
        total_parameter_count: 3,
        total_data_count: 70_000,
        max_data_count: 70_000,
        function: NtTransactFunction::IOCTL,
        setup: vec![1, 2, 3, 4],
        parameters: vec![1, 2, 3],
        data: vec![9; 5],
        ..Default::default()
    };
    let bytes = there_and_back(&ioctl);
    assert_eq!((&bytes[84..87], &bytes[88..]), (&[1, 2, 3][..], &[9; 5][..]), "each at a multiple of 4");
    let response = NtTransactResponse {
        total_parameter_count: 3,
        total_data_count: 70_000,
        parameter_displacement: 1,
        data_displacement: 65_536,
        setup: vec![7],
        parameters: vec![1, 2, 3],
        data: vec![3; 24],
        ..Default::default()
    };
    assert_eq!(there_and_back(&response)[32], 19);
    assert_eq!(there_and_back(&NtTransactResponse::default())[32], 18);
    let interim = there_and_back(&ErrorResponse::default());
    assert!(parse::<NtTransactResponse>(&interim).is_err(), "the interim response has no words");
    let long = NtTransactRequest { setup: vec![0; 256], ..Default::default() };
    assert!(message(&Header::request(Command::NT_TRANSACT), &long).is_err());
}

#[test]
fn read_raw() {
    let read = ReadRawRequest { fid: 0xE6C7, offset: 0x0102_0304, max_count: 65_535, ..Default::default() };
    let bytes = there_and_back(&read);
    let expected = "08 c7e6 04030201 ffff 0000 00000000 0000 0000";
    assert_eq!(hex::encode(&bytes[32..]), expected.replace(' ', ""));
    assert_eq!(there_and_back(&ReadRawRequest { offset_high: Some(1), ..read })[32], 10);
    let nine = Raw { words: vec![0; 18], bytes: vec![] };
    let nine = message(&Header::request(Command::READ_RAW), &nine).unwrap();
    let error = WireError::WordCount { offset: 32, expected: &[8, 10], found: 9 };
    assert_eq!(parse::<ReadRawRequest>(&nine).unwrap_err(), error);
}

/// Every field and every buffer of these ends with the message.
#[test]
fn no_part_of_a_transaction_or_a_raw_read_is_one() {
    fn each<B: Body + Debug>(body: &B) {
        let bytes = message(&Header::request(B::COMMAND), body).unwrap();
        for length in 0..bytes.len() {
            assert!(parse::<B>(&bytes[..length]).is_err(), "{length} of {}", hex::encode(&bytes));
        }
        for words in 0..bytes[32] {
            // Fewer words, with a ByteCount behind them that is there.
            let mut fewer = bytes[..33 + 2 * usize::from(words)].to_vec();
            fewer[32] = words;
            fewer.extend([0; 2]);
            assert!(parse::<B>(&fewer).is_err(), "{words} words");
        }
    }
    each(&NtTransactRequest::notify_change(1, CompletionFilter::SIZE, false, 9));
    let (parameters, data) = (vec![1; 5], vec![2; 5]);
    each(&NtTransactRequest { parameters: parameters.clone(), data: data.clone(), ..Default::default() });
    each(&NtTransactResponse { parameters, data, setup: vec![1], ..Default::default() });
    each(&ReadRawRequest::default());
    let long = ReadRawRequest { offset_high: Some(1), ..Default::default() };
    let bytes = message(&Header::request(Command::READ_RAW), &long).unwrap();
    assert!((0..bytes.len()).all(|length| parse::<ReadRawRequest>(&bytes[..length]).is_err()));
}

fn missing(field: &'static str, offset: usize, needed: usize, available: usize) -> WireError {
    WireError::Truncated { field, offset, needed, available }
}

#[rstest]
#[case::parameters_behind_the_end(52, 5, missing("parameters", 76, 5, 4))]
#[case::parameters_of_4_gb(52, u32::MAX, missing("parameters", 76, 0xFFFF_FFFF, 4))]
#[case::parameters_in_the_words(56, 72, WireError::Overlap { field: "parameters", value: 72, minimum: 73 })]
#[case::parameters_beyond_all(56, u32::MAX, missing("parameters", 0xFFFF_FFFF, 4, 0))]
#[case::data_that_are_none(60, 1, missing("data", 80, 1, 0))]
#[case::setup_behind_the_words(68, 1, missing("setup", 71, 2, 0))]
fn a_transaction_that_lies_has_its_error(#[case] at: usize, #[case] value: u32, #[case] expected: WireError) {
    let request = NtTransactRequest { parameters: vec![1; 4], ..Default::default() };
    let mut bytes = there_and_back(&request);
    match at {
        68 => bytes[at] = 1,
        _ => bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()),
    }
    assert_eq!(parse::<NtTransactRequest>(&bytes).unwrap_err(), expected);
}

#[test]
fn chains() {
    let header = Header::request(Command::SESSION_SETUP_ANDX);
    let setup = SessionSetupRequest::new(SetupCredentials::Extended { security_blob: vec![9; 6] });
    let tree = TreeConnectRequest::new(false, "x", "?????");
    let mut builder = ChainBuilder::new(&header);
    builder.push(&setup).unwrap().push(&tree).unwrap();
    builder.push(&TreeDisconnectRequest {}).unwrap();
    let refused = builder.push(&CloseRequest::default()).unwrap_err();
    assert_eq!(refused, WireError::NotAndX(Command::TREE_DISCONNECT));
    let bytes = builder.finish();
    let chain = blocks(&bytes).unwrap();
    let commands: Vec<_> = chain.iter().map(|block| block.command).collect();
    assert_eq!(commands, [Command::SESSION_SETUP_ANDX, Command::TREE_CONNECT_ANDX, Command::TREE_DISCONNECT]);
    assert!(chain.iter().all(|block| block.offset % 4 == 0));
    let read = TreeConnectRequest::parse(&chain[1]).unwrap();
    assert_eq!(read.path, tree.path);
    assert_eq!(read.andx.command, Command::TREE_DISCONNECT);
    let write = WriteRequest { data: b"abc".to_vec(), pad: vec![0], ..Default::default() };
    let mut builder = ChainBuilder::new(&Header::request(Command::LOGOFF_ANDX));
    builder.push(&LogoffRequest::default()).unwrap().push(&write).unwrap();
    let bytes = builder.finish();
    let read = WriteRequest::parse(&blocks(&bytes).unwrap()[1]).unwrap();
    assert_eq!(read, write, "DataOffset counts from the header");
}

#[test]
fn a_chain_that_lies_is_an_error() {
    let with = |command: Command, offset: u16| {
        let andx = AndX { command, reserved: 0, offset };
        message(&Header::request(Command::LOGOFF_ANDX), &LogoffRequest { andx }).unwrap()
    };
    assert_eq!(blocks(&with(Command::NO_ANDX_COMMAND, 0xDEDE)).unwrap().len(), 1);
    for backwards in [0, 32, 38] {
        assert_eq!(
            blocks(&with(Command::CLOSE, backwards)).unwrap_err(),
            WireError::Overlap { field: "andx_offset", value: usize::from(backwards), minimum: 39 }
        );
    }
    for beyond in [39, 40, 0xFFFF] {
        let error = blocks(&with(Command::CLOSE, beyond)).unwrap_err();
        assert!(matches!(error, WireError::Truncated { field: "word_count", .. }), "{error}");
    }
    let logoff = LogoffRequest::default();
    let mut builder = ChainBuilder::new(&Header::request(Command::LOGOFF_ANDX));
    for _ in 0..=MAX_BLOCKS {
        builder.push(&logoff).unwrap();
    }
    assert_eq!(blocks(&builder.finish()).unwrap_err(), WireError::TooMany { field: "andx", max: MAX_BLOCKS });
}

#[rstest]
#[case(10, 32, WireError::WordCount { offset: 32, expected: &[12, 14], found: 13 })]
#[case(10, 61, WireError::Truncated { field: "bytes", offset: 63, needed: 6, available: 5 })]
#[case(10, 53, WireError::Truncated { field: "data", offset: 63, needed: 6, available: 5 })]
#[case(10, 55, WireError::Overlap { field: "data", value: 62, minimum: 63 })]
#[case(0, 35, WireError::BufferFormat { offset: 35, expected: 2, found: 3 })]
#[case(2, 47, WireError::Truncated { field: "security_blob", offset: 59, needed: 322, available: 77 })]
fn a_lie_has_its_error(#[case] frame: usize, #[case] at: usize, #[case] expected: WireError) {
    let mut bytes = captured()[frame].1.clone();
    match at {
        32 => {
            bytes.splice(32..33, [13]);
        }
        55 => bytes[at] -= 1,
        47 => bytes[at + 1] += 1,
        _ => bytes[at] += 1,
    }
    let got = match frame {
        0 => parse::<NegotiateRequest>(&bytes).unwrap_err(),
        2 => parse::<SessionSetupRequest>(&bytes).unwrap_err(),
        _ => parse::<WriteRequest>(&bytes).unwrap_err(),
    };
    assert_eq!(got, expected);
}
