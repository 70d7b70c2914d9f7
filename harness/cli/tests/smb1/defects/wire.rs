//! Answers that are none.

use crate::server::Outgoing;
use model::NtStatus;
use smb::smb1::{Command, EchoResponse, Flags, Header, message, parse};

/// Changes the header of the answers to ECHO.
fn answers(out: &Outgoing<'_>, bytes: &mut [u8], change: impl FnOnce(&mut Header)) {
    if out.command != Command::ECHO {
        return;
    }
    let mut header = Header::parse(bytes).unwrap();
    change(&mut header);
    let mut changed = Vec::new();
    header.write(&mut changed);
    bytes[..Header::LEN].copy_from_slice(&changed);
}

/// The answer to ECHO, and something more.
fn and(out: &Outgoing<'_>, bytes: Vec<u8>, more: Vec<u8>) -> Vec<Vec<u8>> {
    if out.command == Command::ECHO { vec![more, bytes] } else { vec![bytes] }
}

/// Whether it says that the file is gone.
fn is_missing(out: &Outgoing<'_>) -> bool {
    out.status == NtStatus::OBJECT_NAME_NOT_FOUND
}

defects! {
    answer_of_another_command: Never, "smb1/well-formed", TREE_DISCONNECT => |_, c| {
        c.says = |out, bytes| answers(out, bytes, |header| header.command = Command::TREE_DISCONNECT);
    };
    answer_to_another_message: Never, "smb1/well-formed", ECHO => |_, c| {
        c.says = |out, bytes| answers(out, bytes, |header| header.mid ^= 0x4000);
    };
    answer_to_another_process: Required, "smb1/well-formed", ECHO => |_, c| {
        c.says = |out, bytes| answers(out, bytes, |header| header.pid ^= 0x0001_0000);
    };
    answer_that_says_it_is_a_request: Never, "smb1/well-formed", ECHO => |_, c| {
        c.says = |out, bytes| answers(out, bytes, |header| header.flags = header.flags.without(Flags::REPLY));
    };
    answer_to_nobody: Required, "smb1/well-formed", CLOSE => |_, c| {
        c.sends = |out, bytes| {
            let header = Header { command: Command::CLOSE, mid: 0x7777, ..Header::parse(&bytes).unwrap() };
            and(out, bytes, message(&header, &smb::smb1::ErrorResponse::default()).unwrap())
        };
    };
    answer_twice: Never, "smb1/well-formed", ECHO => |_, c| {
        c.sends = |out, bytes| { let again = bytes.clone(); and(out, bytes, again) };
    };
    error_of_another_session: Never, "smb1/well-formed", NT_CREATE_ANDX => |_, c| {
        c.says = |out, bytes| if is_missing(out) { bytes[28] ^= 1 };
    };
    error_of_another_share: Required, "smb1/well-formed", NT_CREATE_ANDX => |_, c| {
        c.says = |out, bytes| if is_missing(out) { bytes[24] ^= 1 };
    };
    answer_of_a_header_alone: Required, "smb1/well-formed", TREE_DISCONNECT => |_, c| {
        c.says = |out, bytes| if out.command == Command::TREE_DISCONNECT { bytes.truncate(Header::LEN) };
    };
    answer_that_lies_about_its_words: Never, "smb1/well-formed", WRITE_ANDX => |_, c| {
        c.says = |out, bytes| if out.command == Command::WRITE_ANDX { bytes[Header::LEN] = 0xFE };
    };
    answer_that_lies_about_its_bytes: Required, "smb1/well-formed", TREE_DISCONNECT => |_, c| {
        c.says = |out, bytes| if out.command == Command::TREE_DISCONNECT { bytes[33..35].fill(0xFF) };
    };
    echo_of_a_header_alone: Required, "smb1/echo-data" + "smb1/well-formed", ECHO => |_, c| {
        c.says = |out, bytes| if out.command == Command::ECHO { bytes.truncate(Header::LEN) };
    };
    echo_of_something_else: Required, "smb1/echo-data", ECHO => |_, c| {
        c.says = |out, bytes| if out.command == Command::ECHO { *bytes.last_mut().unwrap() ^= 1 };
    };
    echo_of_less: Never, "smb1/echo-data", ECHO => |_, c| {
        c.says = |out, bytes| {
            if out.command == Command::ECHO {
                let (header, mut body) = parse::<EchoResponse>(bytes).unwrap();
                body.data.pop();
                *bytes = message(&header, &body).unwrap();
            }
        };
    };
    echoes_of_one_number: Signing, "smb1/echo-data", ECHO => |_, c| {
        c.says = |out, bytes| if out.command == Command::ECHO { bytes[33] = 1 };
    };
    echoes_counted_from_0: Signing, "smb1/echo-data", ECHO => |_, c| {
        c.says = |out, bytes| if out.command == Command::ECHO { bytes[33] -= 1 };
    };
    answer_with_the_words_of_an_error: Required, "smb1/well-formed", WRITE_ANDX => |_, c| {
        c.says = |out, bytes| {
            if out.command == Command::WRITE_ANDX {
                *bytes = message(&Header::parse(bytes).unwrap(), &smb::smb1::ErrorResponse::default()).unwrap();
            }
        };
    };
    answer_in_a_chain_to_itself: Never, "smb1/well-formed", TREE_CONNECT_ANDX => |_, c| {
        c.says = |out, bytes| {
            if out.command == Command::TREE_CONNECT_ANDX {
                (bytes[33], bytes[35], bytes[36]) = (Command::TREE_CONNECT_ANDX.0, 32, 0);
            }
        };
    };
    cancellation_answered_as_well: Signing, "smb1/well-formed", NT_CANCEL => |_, c| {
        c.sends = |out, bytes| {
            if out.status != NtStatus::CANCELLED {
                return vec![bytes];
            }
            let header = Header { command: Command::NT_CANCEL, ..Header::parse(&bytes).unwrap() };
            let mut more = message(&header, &smb::smb1::ErrorResponse::default()).unwrap();
            out.keys[0].sign(&mut more, out.number.unwrap()).unwrap();
            vec![bytes, more]
        };
    };
    not_smb_at_all: Never, "smb1/well-formed", INVALID => |_, c| {
        c.sends = |out, bytes| and(out, bytes, b"HTTP/1.1 200 OK\r\n\r\n".to_vec());
    };
    an_smb2_message: Required, "smb1/well-formed", INVALID => |_, c| {
        c.sends = |out, bytes| and(out, bytes, [&b"\xfeSMB"[..], &[0x40, 0], &[0; 90]].concat());
    };
    header_alone: Never, "smb1/well-formed", INVALID => |_, c| {
        c.sends = |out, bytes| { let short = bytes[..20].to_vec(); and(out, bytes, short) };
    };
}
