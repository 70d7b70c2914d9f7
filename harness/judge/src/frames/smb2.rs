//! A message of SMB2 or SMB3 in fields ([MS-SMB2] 2.2.1, 2.2.3 to 2.2.9, 2.2.13, 2.2.31).

use super::bytes::Fields;
use super::{heading, hex};
use model::{Frame, NtStatus};
use smb::follow::{Message, Signature, Way};
use smb::wire::{
    Capabilities, Command, ContextType, CtlCode, DialectRevision, Flags, SecurityMode, SessionFlags,
    SessionSetupFlags,
};

/// Where the body begins.
const BODY: usize = 64;
/// How many contexts of a NEGOTIATE are shown.
const CONTEXTS: u16 = 8;

/// A message of a connection.
pub(super) fn frame(connection: u32, message: &Message) -> Frame {
    let mut fields = Fields::of(&message.bytes);
    header(&mut fields, message);
    match message.way {
        Way::ToServer => request(&mut fields, message.command()),
        Way::ToClient => response(&mut fields, message),
    }
    Frame {
        connection,
        frame: message.frame,
        element: message.element,
        direction: heading(message.way),
        summary: summary(message),
        fields: fields.into_all(),
        length: u32::try_from(message.bytes.len()).unwrap_or(u32::MAX),
        hex: hex(&message.bytes),
    }
}

fn summary(message: &Message) -> String {
    let signature = match message.signature {
        Signature::Unsigned { zero: true } => "not signed".to_owned(),
        Signature::Unsigned { zero: false } => "not signed, with a Signature that is not zero".to_owned(),
        Signature::Valid(algorithm) => format!("signed, valid ({algorithm})"),
        Signature::Invalid { .. } => "signed, the signature does not verify".to_owned(),
        Signature::NoKey => "flagged as signed, no key".to_owned(),
    };
    match message.way {
        Way::ToServer => format!("{} request, {signature}", message.command()),
        Way::ToClient => {
            format!("{} response, {}, {signature}", message.command(), message.header.status)
        }
    }
}

fn header(fields: &mut Fields<'_>, message: &Message) {
    match message.way {
        Way::ToServer => fields.hexadecimal("ChannelSequence", 8, 2),
        Way::ToClient => fields.put("Status", 8, 4, fields.u32(8).map(|status| shown(NtStatus(status)))),
    }
    fields.put("Command", 12, 2, fields.u16(12).map(Command));
    fields.put("Flags", 16, 4, fields.u32(16).map(Flags));
    if message.element > 0 || fields.u32(20).is_some_and(|next| next > 0) {
        fields.decimal("NextCommand", 20, 4);
    }
    fields.decimal("MessageId", 24, 8);
    if message.header.async_id().is_some() {
        fields.hexadecimal("AsyncId", 32, 8);
    } else {
        fields.hexadecimal("TreeId", 36, 4);
    }
    fields.hexadecimal("SessionId", 40, 8);
    fields.raw("Signature", 48, 16);
    fields.decimal("StructureSize", BODY, 2);
}

fn shown(status: NtStatus) -> String {
    format!("{status} (0x{:08X})", status.0)
}

fn request(fields: &mut Fields<'_>, command: Command) {
    match command {
        Command::NEGOTIATE => {
            fields.put("SecurityMode", 68, 2, fields.u16(68).map(SecurityMode));
            fields.put("Capabilities", 72, 4, fields.u32(72).map(Capabilities));
            fields.raw("ClientGuid", 76, 16);
            let count = fields.u16(66).unwrap_or_default().min(CONTEXTS);
            let dialects: Vec<String> = (0..usize::from(count))
                .filter_map(|index| fields.u16(100 + 2 * index))
                .map(|dialect| DialectRevision(dialect).to_string())
                .collect();
            fields.put("Dialects", 100, 2 * usize::from(count), Some(dialects.join(" ")));
            if dialects.contains(&DialectRevision::SMB_3_1_1.to_string()) {
                contexts(fields, 92, 96);
            }
        }
        Command::SESSION_SETUP => {
            fields.put("Flags", 66, 1, fields.u8(66).map(SessionSetupFlags));
            fields.put("SecurityMode", 67, 1, fields.u8(67).map(|mode| SecurityMode(mode.into())));
            buffer(fields, "SecurityBuffer", 76);
        }
        Command::TREE_CONNECT => text(fields, "Path", 68),
        Command::CREATE => text(fields, "Name", 108),
        Command::IOCTL => fields.put("CtlCode", 68, 4, fields.u32(68).map(CtlCode)),
        _ => {}
    }
}

fn response(fields: &mut Fields<'_>, message: &Message) {
    let carried = [NtStatus::SUCCESS, NtStatus::MORE_PROCESSING_REQUIRED].contains(&message.header.status);
    match message.command() {
        _ if !carried => fields.decimal("ByteCount", BODY + 4, 4),
        Command::NEGOTIATE => {
            fields.put("SecurityMode", 66, 2, fields.u16(66).map(SecurityMode));
            fields.put("DialectRevision", 68, 2, fields.u16(68).map(DialectRevision));
            fields.raw("ServerGuid", 72, 16);
            fields.put("Capabilities", 88, 4, fields.u32(88).map(Capabilities));
            if fields.u16(68) == Some(DialectRevision::SMB_3_1_1.0) {
                contexts(fields, 124, 70);
            }
        }
        Command::SESSION_SETUP => {
            fields.put("SessionFlags", 66, 2, fields.u16(66).map(SessionFlags));
            buffer(fields, "SecurityBuffer", 68);
        }
        Command::TREE_CONNECT => {
            fields.hexadecimal("ShareFlags", 68, 4);
            fields.hexadecimal("MaximalAccess", 76, 4);
        }
        Command::IOCTL => fields.put("CtlCode", 68, 4, fields.u32(68).map(CtlCode)),
        _ => {}
    }
}

/// The list of contexts whose offset and count stand at these places.
fn contexts(fields: &mut Fields<'_>, offset: usize, count: usize) {
    let (Some(offset), Some(count)) = (fields.u32(offset), fields.u16(count)) else { return };
    let Ok(mut at) = usize::try_from(offset) else { return };
    for _ in 0..count.min(CONTEXTS) {
        let (Some(kind), Some(length)) = (fields.u16(at), fields.u16(at + 2)) else { return };
        fields.raw(&ContextType(kind).to_string(), at + 8, usize::from(length));
        at = (at + 8 + usize::from(length)).next_multiple_of(8);
    }
}

/// The buffer whose offset and length stand at a place.
fn buffer(fields: &mut Fields<'_>, name: &str, at: usize) {
    if let (Some(offset), Some(length)) = (fields.u16(at), fields.u16(at + 2)) {
        fields.raw(name, offset.into(), length.into());
    }
}

fn text(fields: &mut Fields<'_>, name: &str, at: usize) {
    if let (Some(offset), Some(length)) = (fields.u16(at), fields.u16(at + 2)) {
        fields.text(name, offset.into(), length.into());
    }
}
