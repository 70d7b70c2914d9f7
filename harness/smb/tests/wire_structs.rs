//! Structs with arbitrary values survive being written and read.

#![cfg(test)]

use countersign_smb::wire::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

fn survives<B: Body + PartialEq + std::fmt::Debug>(body: &B) {
    let written = message(&Header::request(B::COMMAND), body).unwrap();
    assert_eq!(&B::parse(&written).unwrap(), body);
    // As an element of a compound it is followed by padding.
    let padded = compound([written.clone(), written.clone()]).unwrap();
    for element in elements(&padded).unwrap() {
        assert_eq!(element.header.command, B::COMMAND);
        assert_eq!(&B::parse(element.bytes).unwrap(), body);
    }
    // Offsets count from the header wherever that is in the buffer.
    let mut behind = vec![0xEE; 13];
    Header::request(B::COMMAND).write(&mut behind);
    body.write(&mut behind).unwrap();
    assert_eq!(behind[13..], written);
}

fn file_id() -> impl Strategy<Value = FileId> {
    any::<(u64, u64)>().prop_map(|(persistent, volatile)| FileId { persistent, volatile })
}

fn negotiate_context() -> impl Strategy<Value = NegotiateContext> {
    (any::<u16>(), any::<u32>(), bytes(40)).prop_map(|(context_type, reserved, data)| NegotiateContext {
        context_type: ContextType(context_type),
        reserved,
        data,
    })
}

fn create_context() -> impl Strategy<Value = CreateContext> {
    (bytes(20), any::<u16>(), bytes(40)).prop_map(|(name, reserved, data)| CreateContext {
        name,
        reserved,
        data,
    })
}

/// Dialects with, or without, 3.1.1.
fn dialects(with_311: bool) -> impl Strategy<Value = Vec<DialectRevision>> {
    vec(any::<u16>().prop_filter("3.1.1", |number| *number != 0x0311), 0..8).prop_map(move |numbers| {
        numbers.into_iter().chain(with_311.then_some(0x0311)).map(DialectRevision).collect()
    })
}

proptest! {
    #[test]
    fn negotiate_request(
        (mode, reserved, capabilities, guid) in any::<(u16, u16, u32, [u8; 16])>(),
        client_start_time: u64,
        reserved2: u16,
        (old, new) in (dialects(false), dialects(true)),
        contexts in vec(negotiate_context(), 0..6),
    ) {
        let common = NegotiateRequest {
            security_mode: SecurityMode(mode),
            reserved,
            capabilities: Capabilities(capabilities),
            client_guid: guid,
            ..NegotiateRequest::default()
        };
        survives(&NegotiateRequest { dialects: old, client_start_time, ..common.clone() });
        survives(&NegotiateRequest { dialects: new, reserved2, negotiate_contexts: contexts, ..common });
    }

    #[test]
    fn negotiate_response(
        (mode, guid, capabilities) in any::<(u16, [u8; 16], u32)>(),
        (transact, read, write) in any::<(u32, u32, u32)>(),
        (system_time, server_start_time) in any::<(u64, u64)>(),
        (reserved, reserved2) in any::<(u16, u32)>(),
        revision in any::<u16>().prop_filter("3.1.1", |number| *number != 0x0311),
        security_buffer in bytes(100),
        contexts in vec(negotiate_context(), 0..6),
    ) {
        let common = NegotiateResponse {
            security_mode: SecurityMode(mode),
            server_guid: guid,
            capabilities: Capabilities(capabilities),
            max_transact_size: transact,
            max_read_size: read,
            max_write_size: write,
            system_time,
            server_start_time,
            security_buffer,
            ..NegotiateResponse::default()
        };
        let dialect_revision = DialectRevision(revision);
        survives(&NegotiateResponse { dialect_revision, reserved, reserved2, ..common.clone() });
        let dialect_revision = DialectRevision::SMB_3_1_1;
        survives(&NegotiateResponse { dialect_revision, negotiate_contexts: contexts, ..common });
    }

    #[test]
    fn session_setup(
        (flags, mode, capabilities, channel, previous_session_id) in any::<(u8, u8, u32, u32, u64)>(),
        session_flags: u16,
        security_buffer in bytes(100),
    ) {
        survives(&SessionSetupRequest {
            flags: SessionSetupFlags(flags),
            security_mode: SecurityMode(mode.into()),
            capabilities: Capabilities(capabilities),
            channel,
            previous_session_id,
            security_buffer: security_buffer.clone(),
        });
        survives(&SessionSetupResponse { session_flags: SessionFlags(session_flags), security_buffer });
    }

    #[test]
    fn tree_connect(
        flags: u16,
        path in bytes(60),
        (tree_connect_context_offset, tree_connect_context_count, reserved) in any::<(u32, u16, [u8; 10])>(),
        contexts in vec(any::<u8>(), 0..5),
        (share_type, share_reserved, share_flags, capabilities, access) in any::<(u8, u8, u32, u32, u32)>(),
    ) {
        let flags = TreeConnectFlags(flags).without(TreeConnectFlags::EXTENSION_PRESENT);
        survives(&TreeConnectRequest { flags, path: path.clone(), extension: None });
        // The contexts reach to the end of the message: a multiple of 8 keeps padding from being added.
        let mut tree_connect_contexts = contexts;
        tree_connect_contexts.resize((88 + path.len() + 5).next_multiple_of(8) - 88 - path.len(), 7);
        survives(&TreeConnectRequest {
            flags: flags | TreeConnectFlags::EXTENSION_PRESENT,
            path,
            extension: Some(TreeConnectExtension {
                tree_connect_context_offset,
                tree_connect_context_count,
                reserved,
                tree_connect_contexts,
            }),
        });
        survives(&TreeConnectResponse {
            share_type: ShareType(share_type),
            reserved: share_reserved,
            share_flags: ShareFlags(share_flags),
            capabilities: ShareCapabilities(capabilities),
            maximal_access: AccessMask(access),
        });
    }

    #[test]
    fn create(
        (security_flags, oplock, impersonation, smb_create_flags, reserved) in any::<(u8, u8, u32, u64, u64)>(),
        (access, attributes, share, disposition, options) in any::<(u32, u32, u32, u32, u32)>(),
        name in bytes(60),
        create_contexts in vec(create_context(), 0..5),
        (flags, reserved2, times, sizes) in any::<(u8, u32, [u64; 4], [u64; 2])>(),
        file_id in file_id(),
    ) {
        survives(&CreateRequest {
            security_flags,
            requested_oplock_level: OplockLevel(oplock),
            impersonation_level: ImpersonationLevel(impersonation),
            smb_create_flags,
            reserved,
            desired_access: AccessMask(access),
            file_attributes: FileAttributes(attributes),
            share_access: ShareAccess(share),
            create_disposition: CreateDisposition(disposition),
            create_options: CreateOptions(options),
            name,
            create_contexts: create_contexts.clone(),
        });
        let [creation_time, last_access_time, last_write_time, change_time] = times;
        survives(&CreateResponse {
            oplock_level: OplockLevel(oplock),
            flags,
            create_action: CreateAction(disposition),
            creation_time,
            last_access_time,
            last_write_time,
            change_time,
            allocation_size: sizes[0],
            endof_file: sizes[1],
            file_attributes: FileAttributes(attributes),
            reserved2,
            file_id,
            create_contexts,
        });
    }

    #[test]
    fn close_and_flush(
        (flags, reserved, attributes, reserved1) in any::<(u16, u32, u32, u16)>(),
        (times, sizes) in any::<([u64; 4], [u64; 2])>(),
        file_id in file_id(),
    ) {
        let flags = CloseFlags(flags);
        survives(&CloseRequest { flags, reserved, file_id });
        let [creation_time, last_access_time, last_write_time, change_time] = times;
        survives(&CloseResponse {
            flags,
            reserved,
            creation_time,
            last_access_time,
            last_write_time,
            change_time,
            allocation_size: sizes[0],
            endof_file: sizes[1],
            file_attributes: FileAttributes(attributes),
        });
        survives(&FlushRequest { reserved1, reserved2: reserved, file_id });
        survives(&FlushResponse { reserved: reserved1 });
    }

    #[test]
    fn read_and_write(
        (padding, small_flags, length, offset) in any::<(u8, u8, u32, u64)>(),
        (channel, remaining_bytes, flags, minimum_count) in any::<(u32, u32, u32, u32)>(),
        file_id in file_id(),
        (data, info) in (bytes(100), bytes(30)),
        (info_offset, info_length, reserved) in any::<(u16, u16, u16)>(),
    ) {
        survives(&ReadRequest {
            padding,
            flags: small_flags,
            length,
            offset,
            file_id,
            minimum_count,
            channel,
            remaining_bytes,
            read_channel_info: info.clone(),
        });
        survives(&ReadResponse { reserved: padding, data_remaining: remaining_bytes, flags, data: data.clone() });
        survives(&WriteRequest { offset, file_id, channel, remaining_bytes, flags, data, write_channel_info: info });
        survives(&WriteResponse {
            reserved,
            count: length,
            remaining: remaining_bytes,
            write_channel_info_offset: info_offset,
            write_channel_info_length: info_length,
        });
    }

    #[test]
    fn ioctl(
        (reserved, ctl_code, max_input_response, output_offset) in any::<(u16, u32, u32, u32)>(),
        (output_count, max_output_response, flags, reserved2) in any::<(u32, u32, u32, u32)>(),
        file_id in file_id(),
        (input, output) in (bytes(50), bytes(50)),
    ) {
        let ctl_code = CtlCode(ctl_code);
        survives(&IoctlRequest {
            reserved,
            ctl_code,
            file_id,
            max_input_response,
            output_offset,
            output_count,
            max_output_response,
            flags,
            reserved2,
            input: input.clone(),
        });
        survives(&IoctlResponse { reserved, ctl_code, file_id, flags, reserved2, input, output });
    }

    #[test]
    fn queries(
        (class, small_flags, file_index, length) in any::<(u8, u8, u32, u32)>(),
        (info_type, reserved, additional_information, flags) in any::<(u8, u16, u32, u32)>(),
        file_id in file_id(),
        buffer in bytes(60),
    ) {
        survives(&QueryDirectoryRequest {
            file_information_class: FileInformationClass(class),
            flags: QueryDirectoryFlags(small_flags),
            file_index,
            file_id,
            output_buffer_length: length,
            file_name: buffer.clone(),
        });
        survives(&QueryInfoRequest {
            info_type: InfoType(info_type),
            file_info_class: class,
            output_buffer_length: length,
            reserved,
            additional_information,
            flags,
            file_id,
            input_buffer: buffer.clone(),
        });
        survives(&QueryDirectoryResponse { output_buffer: buffer.clone() });
        survives(&QueryInfoResponse { output_buffer: buffer });
    }

    #[test]
    fn the_small_ones(reserved: u16, (error_context_count, small) in any::<(u8, u8)>(), error_data in bytes(40)) {
        survives(&LogoffRequest { reserved });
        survives(&LogoffResponse { reserved });
        survives(&TreeDisconnectRequest { reserved });
        survives(&TreeDisconnectResponse { reserved });
        survives(&EchoRequest { reserved });
        survives(&EchoResponse { reserved });
        survives(&CancelRequest { reserved });
        survives(&ErrorResponse { error_context_count, reserved: small, error_data });
    }

    #[test]
    fn payloads(
        numbers in vec(any::<u16>(), 0..9),
        (salt, guid) in (bytes(40), any::<[u8; 16]>()),
        (small, flags) in any::<(u16, u32)>(),
    ) {
        fn back<T: ContextData + PartialEq + std::fmt::Debug>(data: &T) {
            let context = NegotiateContext::of(data).unwrap();
            assert_eq!(context.decode::<T>().unwrap().as_ref(), Ok(data));
        }
        back(&PreauthIntegrity { hash_algorithms: numbers.clone(), salt: salt.clone() });
        back(&EncryptionCapabilities { ciphers: numbers.clone() });
        back(&CompressionCapabilities { padding: small, flags, compression_algorithms: numbers.clone() });
        back(&NetName { net_name: salt });
        back(&TransportCapabilities { flags });
        back(&RdmaTransformCapabilities { reserved1: small, reserved2: flags, rdma_transform_ids: numbers.clone() });
        back(&SigningCapabilities { algorithms: numbers.clone() });
        let (capabilities, security_mode) = (Capabilities(flags), SecurityMode(small));
        let dialects = numbers.into_iter().map(DialectRevision).collect();
        let request = ValidateNegotiateInfoRequest { capabilities, guid, security_mode, dialects };
        prop_assert_eq!(ValidateNegotiateInfoRequest::parse(&request.encode().unwrap()), Ok(request));
        let dialect = DialectRevision(small);
        let response = ValidateNegotiateInfoResponse { capabilities, guid, security_mode, dialect };
        prop_assert_eq!(ValidateNegotiateInfoResponse::parse(&response.encode()), Ok(response));
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let header = Header::request(Command::SESSION_SETUP);
    let body = SessionSetupRequest { security_mode: SecurityMode(0x100), ..SessionSetupRequest::default() };
    assert_eq!(
        message(&header, &body).unwrap_err(),
        WireError::TooLarge { field: "security_mode", value: 256, max: 255 }
    );
    let body = SessionSetupRequest { security_buffer: vec![0; 65536], ..SessionSetupRequest::default() };
    assert_eq!(
        message(&header, &body).unwrap_err(),
        WireError::TooLarge { field: "security_buffer_length", value: 65536, max: 65535 }
    );
}

#[test]
fn lying_lengths_and_offsets_are_errors() {
    let header = Header::request(Command::WRITE);
    let body = WriteRequest { data: b"abc".to_vec(), ..WriteRequest::default() };
    let whole = message(&header, &body).unwrap();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        WriteRequest::parse(&bytes)
    };
    assert_eq!(
        with(68, &u32::MAX.to_le_bytes()).unwrap_err(),
        WireError::Truncated { field: "data", offset: 112, needed: 0xFFFF_FFFF, available: 3 }
    );
    assert_eq!(
        with(66, &111u16.to_le_bytes()).unwrap_err(),
        WireError::Overlap { field: "data", value: 111, minimum: 112 }
    );
    assert_eq!(
        with(66, &0xFFFFu16.to_le_bytes()).unwrap_err(),
        WireError::Truncated { field: "data", offset: 0xFFFF, needed: 3, available: 0 }
    );
    assert_eq!(
        with(64, &48u16.to_le_bytes()).unwrap_err(),
        WireError::StructureSize { offset: 64, expected: 49, found: 48 }
    );
    // Of an empty buffer the offset does not matter.
    let mut empty = message(&header, &WriteRequest::default()).unwrap();
    empty[66] = 1;
    assert_eq!(WriteRequest::parse(&empty).unwrap(), WriteRequest::default());
}

#[test]
fn error_contexts() {
    let mut error_data = Vec::new();
    for data in [b"abcde".as_slice(), b"xyz"] {
        error_data.resize(error_data.len().next_multiple_of(8), 0);
        error_data.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        error_data.extend_from_slice(&0x7264_5253u32.to_le_bytes());
        error_data.extend_from_slice(data);
    }
    let response = ErrorResponse { error_context_count: 2, reserved: 0, error_data };
    let contexts = response.contexts().unwrap();
    assert_eq!(
        contexts.iter().map(|c| c.error_context_data.as_slice()).collect::<Vec<_>>(),
        [b"abcde".as_slice(), b"xyz"]
    );
    assert!(contexts.iter().all(|context| context.error_id == 0x7264_5253));
    assert!(ErrorResponse { error_context_count: 3, ..response }.contexts().is_err());
}

#[test]
fn a_create_context_ends_where_the_next_one_starts() {
    let context = CreateContext::new(*b"MxAc", [7; 8]);
    let body =
        CreateResponse { create_contexts: vec![context.clone(), context], ..CreateResponse::default() };
    let whole = message(&Header::request(Command::CREATE), &body).unwrap();
    let with = |at: usize, value: u32| {
        let mut bytes = whole.clone();
        bytes[152 + at..152 + at + 4].copy_from_slice(&value.to_le_bytes());
        CreateResponse::parse(&bytes).map(|body| body.create_contexts.len())
    };
    assert_eq!(with(0, 32), Ok(2));
    assert_eq!(with(0, 0), Ok(1));
    let error =
        |field, offset, needed, available| Err(WireError::Truncated { field, offset, needed, available });
    assert_eq!(with(12, 9), error("create_context.data", 24, 9, 8));
    assert_eq!(with(0, 65), error("create_context.next", 0, 65, 64));
    assert_eq!(with(32, 32), error("create_context.next", 32, 16, 0));
    assert_eq!(with(0, 8), Err(WireError::Overlap { field: "create_context.next", value: 8, minimum: 16 }));
}
