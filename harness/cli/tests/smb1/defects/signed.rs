//! Answers once signing is active, and before.

use crate::server::{Outgoing, Seal};
use model::NtStatus;
use smb::smb1::{BSRSPYL, Command, Header, MacKey};

/// What a seal would be, one number or more off.
fn off(seal: Seal, by: i32) -> Seal {
    match seal {
        Seal::Signed(key, number) => Seal::Signed(key, number.wrapping_add_signed(by)),
        seal => seal,
    }
}

/// Whether it answers an ECHO, the plainest request there is.
fn echo(out: &Outgoing<'_>) -> bool {
    out.command == Command::ECHO
}

/// Whether it belongs to a second session.
fn second(out: &Outgoing<'_>) -> bool {
    out.keys.len() > 1
}

defects! {
    response_unsigned: Required, "smb1/response-signed" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| if echo(out) { Seal::Unsigned([0; 8]) } else { seal };
    };
    response_flagged_and_unsigned: Required, "smb1/response-signed" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| if echo(out) { Seal::Inactive([0; 8]) } else { seal };
    };
    response_unsigned_where_only_the_server_requires: Obeys, "smb1/response-signed" + "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.seals = |out, seal| if out.command == Command::TREE_CONNECT_ANDX { Seal::Unsigned([0; 8]) } else { seal };
    };
    transaction_unsigned: Enabled, "smb1/response-signed" + "policy/outcome", TRANSACTION2 => |_, c| {
        c.seals = |out, seal| if out.command == Command::TRANSACTION2 { Seal::Unsigned([0; 8]) } else { seal };
    };
    error_unsigned: Required, "smb1/response-signed" + "policy/outcome", NT_CREATE_ANDX => |_, c| {
        c.seals = |out, seal| if out.status.is_error() { Seal::Unsigned([0; 8]) } else { seal };
    };
    logoff_unsigned: Required, "smb1/response-signed" + "policy/outcome", LOGOFF_ANDX => |_, c| {
        c.seals = |out, seal| if out.command == Command::LOGOFF_ANDX { Seal::Unsigned([0; 8]) } else { seal };
    };
    cancelled_unsigned: Signing, "smb1/response-signed" + "policy/outcome", NT_TRANSACT => |_, c| {
        c.seals = |out, seal| if out.status == NtStatus::CANCELLED { Seal::Unsigned([0; 8]) } else { seal };
    };
    refusal_of_who_never_signs_unsigned: Legacy, "smb1/response-signed", TREE_CONNECT_ANDX => |_, c| {
        c.seals = |out, seal| if out.status == NtStatus::ACCESS_DENIED { Seal::Unsigned([0; 8]) } else { seal };
    };
    filler_for_a_signature: Required, "smb1/response-signed" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| if echo(out) { Seal::Inactive(BSRSPYL) } else { seal };
    };
    response_with_a_key_of_zeros: Required, "smb1/response-signed" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| match out.number {
            Some(number) if echo(out) => Seal::Signed(MacKey::new(&[0; 16], &[]), number),
            _ => seal,
        };
    };
    response_without_the_challenge_response_in_its_key: RequiredPlain, "smb1/response-signed" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| match out.number {
            Some(number) if echo(out) => Seal::Signed(MacKey::new(&out.session_keys[0], &[]), number),
            _ => seal,
        };
    };
    response_with_a_flipped_signature_bit: Required, "smb1/response-signed" + "policy/outcome", WRITE_ANDX => |_, c| {
        c.sends = |out, mut bytes| {
            bytes[Header::SIGNATURE.end - 1] ^= u8::from(out.command == Command::WRITE_ANDX) << 7;
            vec![bytes]
        };
    };
    response_with_a_flipped_body_bit: Required, "smb1/response-signed" + "policy/outcome", READ_ANDX => |_, c| {
        c.sends = |out, mut bytes| {
            *bytes.last_mut().unwrap() ^= u8::from(out.command == Command::READ_ANDX);
            vec![bytes]
        };
    };
    response_with_the_signature_of_its_request: Required, "smb1/response-signed" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| if echo(out) { Seal::Inactive(out.request.signature) } else { seal };
    };
    chain_signed_for_its_first_answer_only: Signing, "smb1/response-signed" + "policy/outcome", NT_CREATE_ANDX => |_, c| {
        c.sends = |out, mut bytes| {
            let blocks = smb::smb1::blocks(&bytes).unwrap();
            if let ([_, second, ..], Some(number)) = (blocks.as_slice(), out.number) {
                let end = second.offset;
                let signature = out.keys[0].signature(&bytes[..end], number).unwrap();
                bytes[Header::SIGNATURE].copy_from_slice(&signature);
            }
            vec![bytes]
        };
    };

    response_as_its_request: Required, "smb1/sequence-number" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| off(seal, -i32::from(echo(out)));
    };
    response_as_the_next_request: Required, "smb1/sequence-number" + "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.seals = |out, seal| off(seal, i32::from(out.command == Command::TREE_CONNECT_ANDX));
    };
    error_without_a_number_of_its_own: Required, "smb1/sequence-number" + "policy/outcome", NT_CREATE_ANDX => |_, c| {
        c.seals = |out, seal| off(seal, if out.status.is_error() { -2 } else { 0 });
    };
    cancelled_with_the_number_of_its_cancellation: Signing, "smb1/sequence-number" + "policy/outcome", NT_TRANSACT => |_, c| {
        c.seals = |out, seal| off(seal, if out.status == NtStatus::CANCELLED { 2 } else { 0 });
    };
    cancellation_counted_like_a_request: Signing, "smb1/sequence-number" + "policy/outcome", CLOSE => |_, c| {
        c.cancel_takes = 2;
    };
    second_session_counts_anew: Signing, "smb1/sequence-number" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| match seal {
            Seal::Signed(key, number) if second(out) && out.establishes => Seal::Signed(key, number - 4),
            seal => seal,
        };
    };

    signed_without_the_flag: Required, "smb1/signed-flag", ECHO => |_, c| {
        c.seals = |out, seal| match seal {
            Seal::Signed(key, number) if echo(out) => Seal::Unflagged(key, number),
            seal => seal,
        };
    };

    echoes_numbered_on: Signing, "smb1/echo-sequence" + "smb1/sequence-number" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| off(seal, i32::try_from(out.nth).unwrap());
    };
    echoes_numbered_like_requests: Signing, "smb1/echo-sequence" + "smb1/sequence-number" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| off(seal, 2 * i32::from(out.nth == 1));
    };
    last_echo_unsigned: Signing, "smb1/response-signed" + "policy/outcome", ECHO => |_, c| {
        c.seals = |out, seal| if out.nth == 2 { Seal::Unsigned([0; 8]) } else { seal };
    };

    second_session_signs_with_its_own_key: Signing, "smb1/first-session-key" + "smb1/response-signed" + "policy/outcome", SESSION_SETUP_ANDX => |_, c| {
        c.seals = |out, seal| match out.number {
            Some(number) if second(out) => Seal::Signed(out.keys[1].clone(), number),
            _ => seal,
        };
    };
    second_session_goes_on_with_its_own_key: Signing, "smb1/first-session-key" + "smb1/response-signed" + "policy/outcome", TREE_CONNECT_ANDX => |_, c| {
        c.seals = |out, seal| match out.number {
            Some(number) if second(out) && !out.establishes => Seal::Signed(out.keys[1].clone(), number),
            _ => seal,
        };
    };

    signature_while_nobody_signs: Never, "smb1/inactive-zero", ECHO => |_, c| {
        c.seals = |out, seal| if echo(out) { Seal::Inactive([0x5A; 8]) } else { seal };
    };
    signature_in_negotiate: Required, "smb1/inactive-zero", NEGOTIATE => |_, c| {
        c.seals = |out, seal| if out.command == Command::NEGOTIATE { Seal::Inactive([1, 0, 0, 0, 0, 0, 0, 0]) } else { seal };
    };
    filler_outside_of_a_logon: Free, "smb1/inactive-zero", TREE_CONNECT_ANDX => |_, c| {
        c.seals = |out, seal| if out.command == Command::TREE_CONNECT_ANDX { Seal::Inactive(BSRSPYL) } else { seal };
    };
}
