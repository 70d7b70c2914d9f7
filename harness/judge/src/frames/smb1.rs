//! A message of SMB1 in fields ([MS-CIFS] 2.2.3).

use super::bytes::Fields;
use super::{heading, hex};
use model::{Frame, NtStatus};
use smb::follow::Way;
use smb::smb1::follow::{Message, Signature};
use smb::smb1::{Command, Flags, Flags2};

/// A message of a connection.
pub(super) fn frame(connection: u32, message: &Message) -> Frame {
    let mut fields = Fields::of(&message.bytes);
    fields.put("Command", 4, 1, fields.u8(4).map(|command| format!("SMB_COM_{}", Command(command))));
    if message.way == Way::ToClient {
        let status = fields.u32(5).map(NtStatus);
        fields.put("Status", 5, 4, status.map(|status| format!("{status} (0x{:08X})", status.0)));
    }
    fields.put("Flags", 9, 1, fields.u8(9).map(Flags));
    fields.put("Flags2", 10, 2, fields.u16(10).map(Flags2));
    fields.raw("SecuritySignature", 14, 8);
    fields.hexadecimal("TID", 24, 2);
    fields.hexadecimal("UID", 28, 2);
    fields.decimal("MID", 30, 2);
    fields.decimal("WordCount", 32, 1);
    let words = 2 * usize::from(fields.u8(32).unwrap_or_default());
    fields.raw("Words", 33, words);
    fields.decimal("ByteCount", 33 + words, 2);
    // What stands behind it in a logon can be attacked offline.
    let is_logon = message.way == Way::ToServer && message.command() == Command::SESSION_SETUP_ANDX;
    let shown = if is_logon { (35 + words).min(message.bytes.len()) } else { message.bytes.len() };
    Frame {
        connection,
        frame: message.frame,
        element: 0,
        direction: heading(message.way),
        summary: summary(message),
        fields: fields.into_all(),
        length: u32::try_from(message.bytes.len()).unwrap_or(u32::MAX),
        hex: hex(&message.bytes[..shown]),
    }
}

fn summary(message: &Message) -> String {
    let signature = match message.signature {
        Signature::Unsigned { zero: true, .. } => "not signed",
        Signature::Unsigned { bsrspyl: true, .. } => "not signed (BSRSPYL)",
        Signature::Unsigned { .. } => "not signed, with a signature that is not zero",
        Signature::Valid => "signed, valid",
        Signature::Invalid { .. } => "signed, the signature does not verify",
        Signature::NoKey => "signed, no key",
        Signature::NoSequence => "signed, answers nothing",
    };
    match message.way {
        Way::ToServer => format!("SMB_COM_{} request, {signature}", message.command()),
        Way::ToClient => {
            format!("SMB_COM_{} response, {}, {signature}", message.command(), message.header.status)
        }
    }
}
