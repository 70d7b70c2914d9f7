//! LOCK, SET_INFO, CHANGE_NOTIFY, OPLOCK_BREAK and leases: structs that survive, and bytes that lie.

#![cfg(test)]

use countersign_smb::signing::SigningKey;
use countersign_smb::wire::*;
use model::Algorithm;
use proptest::collection::vec;
use proptest::prelude::*;

/// The message of a body, as it would go out.
fn whole(body: &impl Body) -> Vec<u8> {
    fn command<B: Body>(_: &B) -> Command {
        B::COMMAND
    }
    message(&Header::request(command(body)), body).unwrap()
}

fn survives<B: Body + PartialEq + std::fmt::Debug>(body: &B) {
    let written = whole(body);
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

/// No proper prefix of a message is its body: every byte is needed.
fn needs_every_byte<B: Body + std::fmt::Debug>(body: &B) {
    let written = whole(body);
    for length in 0..written.len() {
        let error = B::parse(&written[..length]).unwrap_err();
        assert!(matches!(error, WireError::Truncated { .. }), "{length} of {body:?}: {error}");
    }
}

/// A body with some bytes of its message replaced.
fn with<B: Body>(body: &B, at: usize, value: &[u8]) -> Result<B, WireError> {
    let mut bytes = whole(body);
    bytes[at..at + value.len()].copy_from_slice(value);
    B::parse(&bytes)
}

fn file_id() -> impl Strategy<Value = FileId> {
    any::<(u64, u64)>().prop_map(|(persistent, volatile)| FileId { persistent, volatile })
}

fn lock_element() -> impl Strategy<Value = LockElement> {
    any::<(u64, u64, u32, u32)>().prop_map(|(offset, length, flags, reserved)| LockElement {
        offset,
        length,
        flags: LockFlags(flags),
        reserved,
    })
}

fn lease() -> impl Strategy<Value = LeaseContext> {
    (any::<([u8; 16], u32, u32, u64)>(), any::<Option<([u8; 16], u16, u16)>>()).prop_map(
        |((lease_key, state, flags, lease_duration), v2)| {
            let (lease_state, lease_flags) = (LeaseState(state), LeaseFlags(flags));
            match v2 {
                None => LeaseContext::V1(Lease { lease_key, lease_state, lease_flags, lease_duration }),
                Some((parent_lease_key, epoch, reserved)) => LeaseContext::V2(LeaseV2 {
                    lease_key,
                    lease_state,
                    flags: lease_flags,
                    lease_duration,
                    parent_lease_key,
                    epoch,
                    reserved,
                }),
            }
        },
    )
}

proptest! {
    #[test]
    fn lock(
        (lock_sequence, reserved) in any::<(u32, u16)>(),
        file_id in file_id(),
        locks in vec(lock_element(), 0..9),
    ) {
        let request = LockRequest { lock_sequence, file_id, locks };
        survives(&request);
        needs_every_byte(&request);
        prop_assert_eq!(
            LockRequest::sequence(request.sequence_number(), request.sequence_index()),
            lock_sequence
        );
        survives(&LockResponse { reserved });
        needs_every_byte(&LockResponse { reserved });
    }

    #[test]
    fn set_info(
        (info_type, file_info_class, reserved, additional_information) in any::<(u8, u8, u16, u32)>(),
        file_id in file_id(),
        buffer in vec(any::<u8>(), 0..60),
    ) {
        let info_type = InfoType(info_type);
        let empty = buffer.is_empty();
        let request =
            SetInfoRequest { info_type, file_info_class, reserved, additional_information, file_id, buffer };
        survives(&request);
        if !empty {
            needs_every_byte(&request);
        }
        survives(&SetInfoResponse);
        needs_every_byte(&SetInfoResponse);
    }

    #[test]
    fn file_information(
        (times, attributes, reserved) in any::<([u64; 4], u32, u32)>(),
        (delete_pending, end_of_file) in any::<(u8, u64)>(),
        file_id in file_id(),
    ) {
        let [creation_time, last_access_time, last_write_time, change_time] = times;
        let file_attributes = FileAttributes(attributes);
        let basic = FileBasicInformation {
            creation_time,
            last_access_time,
            last_write_time,
            change_time,
            file_attributes,
            reserved,
        };
        let request = basic.request(file_id);
        prop_assert_eq!((request.info_type, request.file_info_class), (InfoType::FILE, 4));
        prop_assert_eq!(FileBasicInformation::parse(&request.buffer), Ok(basic));
        let disposition = FileDispositionInformation { delete_pending };
        prop_assert_eq!(disposition.request(file_id), SetInfoRequest::file(file_id, 13, [delete_pending]));
        let end = FileEndOfFileInformation { end_of_file };
        let request = SetInfoRequest::file(file_id, 20, end_of_file.to_le_bytes());
        prop_assert_eq!(end.request(file_id), request);
    }

    #[test]
    fn change_notify(
        (flags, output_buffer_length, filter, reserved) in any::<(u16, u32, u32, u32)>(),
        file_id in file_id(),
        output_buffer in vec(any::<u8>(), 0..60),
    ) {
        let request = ChangeNotifyRequest {
            flags: ChangeNotifyFlags(flags),
            output_buffer_length,
            file_id,
            completion_filter: CompletionFilter(filter),
            reserved,
        };
        survives(&request);
        needs_every_byte(&request);
        let response = ChangeNotifyResponse { output_buffer };
        survives(&response);
        needs_every_byte(&response);
    }

    #[test]
    fn breaks_of_oplocks(
        (level, reserved, reserved2) in any::<(u8, u8, u32)>(),
        file_id in file_id(),
    ) {
        let oplock_level = OplockLevel(level);
        let body = OplockBreakNotification { oplock_level, reserved, reserved2, file_id };
        survives(&body);
        needs_every_byte(&body);
        survives(&BreakNotification::Oplock(body));
        let body = OplockBreakAcknowledgment { oplock_level, reserved, reserved2, file_id };
        survives(&body);
        survives(&BreakAcknowledgment::Oplock(body));
        let body = OplockBreakResponse { oplock_level, reserved, reserved2, file_id };
        survives(&body);
        survives(&BreakResponse::Oplock(body));
    }

    #[test]
    fn breaks_of_leases(
        (new_epoch, flags, lease_key, reserved) in any::<(u16, u32, [u8; 16], u16)>(),
        (current, new, break_reason, access, share) in any::<(u32, u32, u32, u32, u32)>(),
        lease_duration: u64,
    ) {
        let lease_state = LeaseState(new);
        let body = LeaseBreakNotification {
            new_epoch,
            flags: LeaseBreakFlags(flags),
            lease_key,
            current_lease_state: LeaseState(current),
            new_lease_state: lease_state,
            break_reason,
            access_mask_hint: AccessMask(access),
            share_mask_hint: ShareAccess(share),
        };
        survives(&body);
        survives(&BreakNotification::Lease(body.clone()));
        needs_every_byte(&BreakNotification::Lease(body));
        let body = LeaseBreakAcknowledgment { reserved, flags, lease_key, lease_state, lease_duration };
        survives(&body);
        survives(&BreakAcknowledgment::Lease(body.clone()));
        needs_every_byte(&BreakAcknowledgment::Lease(body));
        let body = LeaseBreakResponse { reserved, flags, lease_key, lease_state, lease_duration };
        survives(&body);
        survives(&BreakResponse::Lease(body));
    }

    #[test]
    fn leases(lease in lease(), more in vec(any::<u8>(), 0..30)) {
        let other = CreateContext::new(*b"MxAc", Vec::new());
        let body = CreateRequest {
            requested_oplock_level: OplockLevel::LEASE,
            create_contexts: vec![other.clone(), lease.context(), other],
            ..CreateRequest::default()
        };
        survives(&body);
        let read = CreateRequest::parse(&whole(&body)).unwrap();
        prop_assert_eq!(LeaseContext::find(&read.create_contexts), Some(Ok(lease.clone())));
        prop_assert_eq!(LeaseContext::find(&read.create_contexts[2..]), None);
        // A length that is neither version's is no version 1; what is behind a version 2 is ignored.
        let data = [lease.encode(), more].concat();
        match LeaseContext::parse(&data) {
            Ok(LeaseContext::V1(_)) => prop_assert_eq!(data.len(), 32),
            Ok(LeaseContext::V2(_)) => prop_assert!(data.len() >= 52),
            Err(error) => {
                let truncated = matches!(error, WireError::Truncated { .. });
                prop_assert!(truncated && data.len() < 52);
            }
        }
        for length in 0..32 {
            prop_assert!(LeaseContext::parse(&data[..length]).is_err());
        }
    }

    #[test]
    fn asynchronous_cancels(async_id: u64, (message_id, session_id) in any::<(u64, u64)>()) {
        let header = Header { message_id, session_id, ..Header::request(Command::CANCEL) };
        let header = header.with_async_id(async_id);
        let written = message(&header, &CancelRequest::default()).unwrap();
        prop_assert_eq!(&written[16..20], &[2, 0, 0, 0]);
        prop_assert_eq!(&written[24..32], &message_id.to_le_bytes());
        prop_assert_eq!(&written[32..40], &async_id.to_le_bytes());
        prop_assert_eq!(&written[40..48], &session_id.to_le_bytes());
        let read = Header::parse(&written).unwrap();
        prop_assert_eq!(read.async_id(), Some(async_id));
        prop_assert_eq!(read, header);
    }

    #[test]
    fn each_element_is_signed_with_its_padding(
        bodies in vec(vec(any::<u8>(), 0..40), 1..6),
        algorithm in prop::sample::select(vec![Algorithm::HmacSha256, Algorithm::Aes128Cmac, Algorithm::Aes128Gmac]),
    ) {
        let key = SigningKey::new(algorithm, [7; 16]).unwrap();
        let messages: Vec<_> = bodies
            .iter()
            .zip(0u64..)
            .map(|(body, message_id)| {
                let flags = if message_id == 0 { Flags(0) } else { Flags::RELATED };
                let mut bytes = Vec::new();
                Header { message_id, flags, ..Header::request(Command::ECHO) }.write(&mut bytes);
                bytes.extend_from_slice(body);
                bytes
            })
            .collect();
        let mut signed = Vec::new();
        let whole = compound_signed(messages.clone(), |index, bytes| {
            key.sign(bytes).unwrap();
            signed.push((index, bytes.to_vec()));
        })
        .unwrap();
        let parts = elements(&whole).unwrap();
        prop_assert_eq!(parts.len(), messages.len());
        for (element, (index, bytes)) in parts.iter().zip(&signed) {
            prop_assert_eq!((element.index as usize, element.bytes), (*index, bytes.as_slice()));
            prop_assert!(key.verify(element.bytes).is_ok());
            prop_assert_eq!(element.header.flags.contains(Flags::RELATED), *index > 0);
        }
        // Signing apart, it is the compound. The last one is not padded.
        let plain = compound(messages.clone()).unwrap();
        prop_assert_eq!(compound_signed(messages.clone(), |_, _| ()).unwrap(), plain.clone());
        prop_assert_eq!(whole.len(), plain.len());
        prop_assert_eq!(parts[parts.len() - 1].bytes.len(), messages[messages.len() - 1].len());
    }
}

#[test]
fn a_compound_that_cannot_be_joined_is_not_signed() {
    let mut signed = 0;
    let echo = whole(&EchoRequest::default());
    assert!(compound_signed([echo, vec![0; 63]], |_, _| signed += 1).is_err());
    assert_eq!(compound_signed([], |_, _| signed += 1), Ok(Vec::new()));
    assert_eq!(signed, 0);
}

#[test]
fn a_lock_is_laid_out_as_specified() {
    let flags = LockFlags::EXCLUSIVE_LOCK | LockFlags::FAIL_IMMEDIATELY;
    let body = LockRequest {
        lock_sequence: LockRequest::sequence(0xF2, 3),
        file_id: FileId { persistent: 1, volatile: 2 },
        locks: vec![LockElement::new(0x10, 0x20, flags), LockElement::new(0x30, 1, LockFlags::UNLOCK)],
    };
    assert_eq!((body.sequence_number(), body.sequence_index()), (2, 3));
    let expected = [
        "3000 0200 32000000 0100000000000000 0200000000000000",
        "1000000000000000 2000000000000000 12000000 00000000",
        "3000000000000000 0100000000000000 04000000 00000000",
    ];
    assert_eq!(whole(&body)[64..], hex::decode(expected.concat().replace(' ', "")).unwrap());
    assert_eq!(flags.to_string(), "EXCLUSIVE_LOCK|FAIL_IMMEDIATELY");
}

#[test]
fn a_lying_lock_count_is_an_error() {
    let body = LockRequest { locks: vec![LockElement::default(); 2], ..LockRequest::default() };
    assert_eq!(
        with(&body, 66, &u16::MAX.to_le_bytes()).unwrap_err(),
        WireError::Truncated { field: "locks", offset: 88, needed: 65535 * 24, available: 48 }
    );
    assert_eq!(
        with(&body, 66, &[3, 0]).unwrap_err(),
        WireError::Truncated { field: "locks", offset: 88, needed: 72, available: 48 }
    );
    assert_eq!(with(&body, 66, &[1, 0]).unwrap().locks.len(), 1);
    assert_eq!(with(&body, 66, &[0, 0]).unwrap(), LockRequest::default());
    let body = LockRequest { locks: vec![LockElement::default(); 65536], ..LockRequest::default() };
    assert_eq!(
        message(&Header::request(Command::LOCK), &body).unwrap_err(),
        WireError::TooLarge { field: "lock_count", value: 65536, max: 65535 }
    );
}

#[test]
fn a_lying_set_info_is_an_error() {
    let body = SetInfoRequest::file(FileId::default(), 20, [0; 8]);
    assert_eq!(
        with(&body, 68, &u32::MAX.to_le_bytes()).unwrap_err(),
        WireError::Truncated { field: "buffer", offset: 96, needed: 0xFFFF_FFFF, available: 8 }
    );
    assert_eq!(
        with(&body, 72, &95u16.to_le_bytes()).unwrap_err(),
        WireError::Overlap { field: "buffer", value: 95, minimum: 96 }
    );
    assert_eq!(
        with(&body, 72, &u16::MAX.to_le_bytes()).unwrap_err(),
        WireError::Truncated { field: "buffer", offset: 65535, needed: 8, available: 0 }
    );
    // Of an empty buffer the offset does not matter; it is written as one byte of filling.
    let empty = SetInfoRequest::default();
    assert_eq!(with(&empty, 72, &[1, 0]).unwrap(), empty);
    assert_eq!(whole(&empty).len(), 64 + 33);
    // The response is its StructureSize, and one of another size is none.
    assert_eq!(whole(&SetInfoResponse)[64..], [2, 0]);
    assert_eq!(
        with(&SetInfoResponse, 64, &[4, 0]).unwrap_err(),
        WireError::StructureSize { offset: 64, expected: 2, found: 4 }
    );
}

#[test]
fn basic_information_changes_nothing_by_default() {
    let request = FileBasicInformation::default().request(FileId::RELATED);
    assert_eq!(request.buffer, [0; 40]);
    assert_eq!((request.additional_information, request.file_id), (0, FileId::RELATED));
}

#[test]
fn a_lying_change_notify_is_an_error() {
    let body = ChangeNotifyResponse { output_buffer: vec![7; 12] };
    assert_eq!(
        with(&body, 68, &13u32.to_le_bytes()).unwrap_err(),
        WireError::Truncated { field: "output_buffer", offset: 72, needed: 13, available: 12 }
    );
    assert_eq!(
        with(&body, 66, &71u16.to_le_bytes()).unwrap_err(),
        WireError::Overlap { field: "output_buffer", value: 71, minimum: 72 }
    );
    assert_eq!(with(&body, 68, &[0; 4]).unwrap(), ChangeNotifyResponse::default());
    let filter = CompletionFilter::FILE_NAME | CompletionFilter::STREAM_WRITE | CompletionFilter(0x1000);
    assert_eq!(filter.to_string(), "FILE_NAME|STREAM_WRITE|0x1000");
}

#[test]
fn breaks_are_told_apart_by_their_size() {
    let oplock = whole(&OplockBreakNotification::default());
    let lease = whole(&LeaseBreakNotification::default());
    let answer = whole(&LeaseBreakAcknowledgment::default());
    assert_eq!((oplock.len(), lease.len(), answer.len()), (64 + 24, 64 + 44, 64 + 36));
    assert!(matches!(BreakNotification::parse(&oplock), Ok(BreakNotification::Oplock(_))));
    assert!(matches!(BreakNotification::parse(&lease), Ok(BreakNotification::Lease(_))));
    assert!(matches!(BreakAcknowledgment::parse(&oplock), Ok(BreakAcknowledgment::Oplock(_))));
    assert!(matches!(BreakAcknowledgment::parse(&answer), Ok(BreakAcknowledgment::Lease(_))));
    assert!(matches!(BreakResponse::parse(&oplock), Ok(BreakResponse::Oplock(_))));
    assert!(matches!(BreakResponse::parse(&answer), Ok(BreakResponse::Lease(_))));
    // A notification is no answer, and an answer is no notification.
    let neither = |found| WireError::StructureSize { offset: 64, expected: 24, found };
    assert_eq!(BreakNotification::parse(&answer), Err(neither(36)));
    assert_eq!(BreakAcknowledgment::parse(&lease), Err(neither(44)));
    assert_eq!(BreakResponse::parse(&lease), Err(neither(44)));
    // An oplock break that claims to be a lease break is too short for one.
    let body = BreakNotification::Oplock(OplockBreakNotification::default());
    assert_eq!(
        with(&body, 64, &[44, 0]).unwrap_err(),
        WireError::Truncated { field: "current_lease_state", offset: 88, needed: 4, available: 0 }
    );
}

#[test]
fn a_lease_of_neither_length_is_an_error() {
    assert_eq!((Lease::LEN, LeaseV2::LEN), (32, 52));
    for length in (0..52).filter(|length| *length != 32) {
        assert!(matches!(
            LeaseContext::parse(&vec![0; length]),
            Err(WireError::Truncated { available, .. }) if available < 16
        ));
    }
    let state = LeaseState::READ_CACHING | LeaseState::HANDLE_CACHING;
    let lease = LeaseContext::V1(Lease { lease_key: [9; 16], lease_state: state, ..Lease::default() });
    assert_eq!((lease.lease_key(), lease.lease_state()), ([9; 16], state));
    assert_eq!(lease.context().name, b"RqLs");
}
