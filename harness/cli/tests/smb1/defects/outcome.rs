//! Sessions that come out otherwise than predicted, and steps that do.

use crate::server::{Identity, Outgoing, Policy};
use model::{GuestMapping, NtStatus};
use smb::smb1::{Command, ErrorResponse, Header, ReadResponse, message, parse};

/// Turns an answer into an error, before it is signed, with the identifiers of its request ([MS-CIFS] 3.3.4.1.2).
fn fail(out: &Outgoing<'_>, bytes: &mut Vec<u8>, status: NtStatus) {
    let (uid, tid) = (out.request.uid, out.request.tid);
    let header = Header { status, uid, tid, ..Header::parse(bytes).unwrap() };
    *bytes = message(&header, &ErrorResponse::default()).unwrap();
}

/// Changes what a READ_ANDX brought.
fn reads(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) {
    let (header, mut body) = parse::<ReadResponse>(bytes).unwrap();
    change(&mut body.data);
    *bytes = message(&header, &body).unwrap();
}

const fn read(out: &Outgoing<'_>) -> bool {
    out.command.0 == Command::READ_ANDX.0
}

/// A server without guests lets everybody in as such.
fn welcomes(policy: &mut Policy) {
    policy.guest = GuestMapping::BadUser;
}

defects! {
    signs_although_it_is_disabled: Free, "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.activates = |_, identity, _| identity == Identity::User;
    };
    signs_for_who_did_not_ask: FreeServer, "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.activates = |_, identity, _| identity == Identity::User;
    };
    user_becomes_guest: Never, "policy/outcome", SESSION_SETUP_ANDX => |_, c| c.admits = |_| Identity::Guest;
    stranger_becomes_guest: Stranger, "policy/outcome", SESSION_SETUP_ANDX => |p, _| welcomes(p);
    guest_is_refused: Guest, "policy/outcome", SESSION_SETUP_ANDX => |p, _| p.guest = GuestMapping::Never;
    right_password_refused: Required, "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.refuses_setup = |header| (header.uid != 0).then_some(NtStatus::LOGON_FAILURE);
    };
    share_is_not_there: Enabled, "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.says = |out, bytes| if out.command == Command::TREE_CONNECT_ANDX { fail(out, bytes, NtStatus::BAD_NETWORK_NAME) };
    };
    mount_is_denied: Never, "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.says = |out, bytes| if out.command == Command::TREE_CONNECT_ANDX { fail(out, bytes, NtStatus::ACCESS_DENIED) };
    };

    write_refused: Required, "step/status", WRITE_ANDX => |_, c| {
        c.says = |out, bytes| if out.command == Command::WRITE_ANDX { fail(out, bytes, NtStatus::ACCESS_DENIED) };
    };
    query_refused: Never, "step/status", TRANSACTION2 => |_, c| {
        c.says = |out, bytes| if out.command == Command::TRANSACTION2 { fail(out, bytes, NtStatus::NOT_SUPPORTED) };
    };
    chain_ends_early: Signing, "step/status", NT_CREATE_ANDX => |_, c| {
        c.says = |out, bytes| {
            if smb::smb1::blocks(bytes).unwrap().len() > 1 && out.command == Command::NT_CREATE_ANDX {
                fail(out, bytes, NtStatus::SHARING_VIOLATION);
            }
        };
    };
    second_session_refused: Signing, "step/status", SESSION_SETUP_ANDX => |_, c| {
        c.says = |out, bytes| {
            if out.keys.len() > 1 && out.establishes {
                fail(out, bytes, NtStatus::REQUEST_NOT_ACCEPTED);
            }
        };
    };
    cancelled_with_success: Signing, "step/status", NT_TRANSACT => |_, c| {
        c.says = |out, bytes| if out.status == NtStatus::CANCELLED { fail(out, bytes, NtStatus::UNSUCCESSFUL) };
    };

    reads_another_byte: Required, "step/read-back", READ_ANDX => |_, c| {
        c.says = |out, bytes| if read(out) { reads(bytes, |data| data[3] ^= 0x20) };
    };
    reads_too_little: Never, "step/read-back", READ_ANDX => |_, c| {
        c.says = |out, bytes| if read(out) { reads(bytes, |data| data.truncate(5)) };
    };
    reads_nothing: Enabled, "step/read-back", READ_ANDX => |_, c| {
        c.says = |out, bytes| if read(out) { reads(bytes, Vec::clear) };
    };
}
