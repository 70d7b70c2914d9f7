//! The other commands of SMB2: asynchronous answers, breaks, and bodies of their own.

use crate::faulty::{fails, flagged};
use crate::support::exchange::Exchange;
use model::NtStatus;
use smb::follow::Way;
use smb::wire::Command;

/// The first message of the server with this command and this status.
fn answered(x: &Exchange, command: Command, status: NtStatus) -> usize {
    let is = |i: &usize| x.messages[*i].way == Way::ToClient && x.header(*i).command == command;
    (0..x.messages.len()).filter(is).find(|i| x.header(*i).status == status).unwrap()
}

/// The notification of a break, which comes before any answer of the command.
fn notification(x: &Exchange) -> usize {
    x.first_response(Command::OPLOCK_BREAK)
}

defects! {
    break_signed: Commands30, "signing/break-unsigned" => |x| {
        let at = notification(x);
        x.sign(at);
        at
    };
    break_signed_as_of_the_session: Commands30, "signing/break-unsigned" => |x| {
        let (at, session) = (notification(x), x.keys[0].session_id);
        x.spoil(at, |bytes| bytes[40..48].copy_from_slice(&session.to_le_bytes()));
        x.sign(at);
        at
    };
    break_flagged: Commands30, "signing/break-unsigned" => |x| {
        let at = notification(x);
        flagged(x, at)
    };
    break_with_a_signature_and_no_flag: Commands30, "signing/zero-when-unsigned" => |x| {
        let at = notification(x);
        x.spoil(at, |bytes| bytes[48..64].fill(7))
    };

    break_with_the_body_of_an_acknowledgment: Commands30, "wire/well-formed" => |x| {
        let at = notification(x);
        x.spoil(at, |bytes| bytes[64] = 36)
    };
    acknowledgment_answered_as_of_an_oplock: Commands30, "wire/well-formed" => |x| {
        let at = x.response(Command::OPLOCK_BREAK);
        x.change(at, |bytes| bytes[64] = 24)
    };
    lock_with_the_body_of_an_error: Commands202, "wire/well-formed" => |x| {
        let at = x.response(Command::LOCK);
        fails(x, at, NtStatus::SUCCESS)
    };
    set_info_with_the_body_of_an_error: Commands202, "wire/well-formed" => |x| {
        let at = x.response(Command::SET_INFO);
        fails(x, at, NtStatus::SUCCESS)
    };
    cancel_that_is_answered: Commands202, "wire/well-formed" => |x| {
        let cancelled = answered(x, Command::CHANGE_NOTIFY, NtStatus::CANCELLED);
        let mut bytes = x.messages[cancelled].bytes.clone();
        bytes[12..14].copy_from_slice(&Command::CANCEL.0.to_le_bytes());
        let at = x.insert(cancelled + 1, bytes);
        x.sign(at);
        at
    };

    overflow_unsigned: Commands202, "signing/response-signed" + "policy/outcome" => |x| {
        let at = answered(x, Command::QUERY_INFO, NtStatus::BUFFER_OVERFLOW);
        x.unsign(at)
    };
    change_unsigned: Commands202, "signing/response-signed" + "policy/outcome" => |x| {
        let at = answered(x, Command::CHANGE_NOTIFY, NtStatus::SUCCESS);
        x.unsign(at)
    };
    cancellation_unsigned: Commands202, "signing/response-signed" + "policy/outcome" => |x| {
        let at = answered(x, Command::CHANGE_NOTIFY, NtStatus::CANCELLED);
        x.unsign(at)
    };
    unlock_unsigned: Commands202, "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::LOCK);
        x.unsign(at)
    };
    acknowledgment_answered_unsigned: Commands30, "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::OPLOCK_BREAK);
        x.unsign(at)
    };
    wait_announced_with_a_signature: Commands202, "signing/interim-zero" => |x| {
        let at = answered(x, Command::CHANGE_NOTIFY, NtStatus::PENDING);
        x.spoil(at, |bytes| bytes[48..64].fill(1))
    };

    lock_refused: Commands202, "step/status" => |x| {
        let at = x.first_response(Command::LOCK);
        fails(x, at, NtStatus::FILE_LOCK_CONFLICT)
    };
    nothing_overflows: Commands202, "step/status" => |x| {
        let at = answered(x, Command::QUERY_INFO, NtStatus::BUFFER_OVERFLOW);
        x.change(at, |bytes| bytes[8..12].fill(0))
    };
    cancelled_request_fails_otherwise: Commands202, "step/status" => |x| {
        let at = answered(x, Command::CHANGE_NOTIFY, NtStatus::CANCELLED);
        x.change(at, |bytes| bytes[8..12].copy_from_slice(&NtStatus::INVALID_PARAMETER.0.to_le_bytes()))
    };
    break_acknowledged_in_vain: Commands30, "step/status" => |x| {
        let at = x.response(Command::OPLOCK_BREAK);
        fails(x, at, NtStatus::UNSUCCESSFUL)
    };
}
