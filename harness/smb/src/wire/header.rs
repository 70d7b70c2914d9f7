//! The SMB2 header ([MS-SMB2] 2.2.1) and what a message is at all.

use super::{Command, Flags, WireError};
use crate::reader::{Field, Reader, slice};
use model::NtStatus;

/// The SMB2 header, 64 bytes ([MS-SMB2] 2.2.1.1 for the ASYNC form, 2.2.1.2 for the SYNC form).
///
/// Both forms are one struct: `process_id` and `tree_id` are the halves of the AsyncId where [`Flags::ASYNC`] is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Credits that the request consumes; 0 at SMB 2.0.2.
    pub credit_charge: u16,
    /// Responses: the status. Requests: ChannelSequence (low 16 bits) and Reserved (high 16 bits) at 3.x, else 0.
    pub status: NtStatus,
    /// The command.
    pub command: Command,
    /// CreditRequest of a request, CreditResponse of a response.
    pub credits: u16,
    /// The flags.
    pub flags: Flags,
    /// Bytes from this header to the next one of a compound, a multiple of 8; 0 in the last.
    pub next_command: u32,
    /// The number of the request, and of its response; all ones in an unsolicited break.
    pub message_id: u64,
    /// SYNC: Reserved (in practice a process id). ASYNC: the low half of the AsyncId.
    pub process_id: u32,
    /// SYNC: the TreeId. ASYNC: the high half of the AsyncId.
    pub tree_id: u32,
    /// The session; 0 where there is none yet.
    pub session_id: u64,
    /// The signature; zeros where the message is not signed.
    pub signature: [u8; 16],
}

impl Header {
    /// The length of a header in bytes, and its StructureSize.
    pub const LEN: usize = 64;

    /// The ProtocolId.
    pub const PROTOCOL_ID: [u8; 4] = *b"\xFESMB";

    /// Where NextCommand stands in the header, 4 bytes.
    pub const NEXT_COMMAND: std::ops::Range<usize> = 20..24;

    /// Where Signature stands in the header, 16 bytes.
    pub const SIGNATURE: std::ops::Range<usize> = 48..64;

    /// The header of a plain request: one credit asked for, everything else 0.
    #[must_use]
    pub const fn request(command: Command) -> Self {
        Self {
            credit_charge: 0,
            status: NtStatus::SUCCESS,
            command,
            credits: 1,
            flags: Flags(0),
            next_command: 0,
            message_id: 0,
            process_id: 0,
            tree_id: 0,
            session_id: 0,
            signature: [0; 16],
        }
    }

    /// Reads the first 64 bytes of a message; what follows is not looked at.
    ///
    /// # Errors
    /// [`WireError::Truncated`] below 64 bytes, [`WireError::ProtocolId`] where the message does not start with FE 'S'
    /// 'M' 'B', [`WireError::StructureSize`] where StructureSize is not 64.
    pub fn parse(message: &[u8]) -> Result<Self, WireError> {
        Self::check(message)?;
        let mut reader = Reader::new(message);
        reader.take(6, "header")?;
        Ok(Self {
            credit_charge: reader.field("credit_charge")?,
            status: NtStatus(reader.field("status")?),
            command: reader.field("command")?,
            credits: reader.field("credits")?,
            flags: reader.field("flags")?,
            next_command: reader.field("next_command")?,
            message_id: reader.field("message_id")?,
            process_id: reader.field("process_id")?,
            tree_id: reader.field("tree_id")?,
            session_id: reader.field("session_id")?,
            signature: reader.field("signature")?,
        })
    }

    /// Reads the header of a message whose ProtocolId, StructureSize or NextCommand is broken, as if they were not; `None`
    /// where it is too short.
    #[must_use]
    pub fn salvage(message: &[u8]) -> Option<Self> {
        let mut bytes = *message.first_chunk::<{ Self::LEN }>()?;
        bytes[..4].copy_from_slice(&Self::PROTOCOL_ID);
        bytes[4..6].copy_from_slice(&64_u16.to_le_bytes());
        bytes[Self::NEXT_COMMAND].fill(0);
        Self::parse(&bytes).ok()
    }

    /// Appends the 64 bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        Self::PROTOCOL_ID.put(out);
        64u16.put(out);
        self.credit_charge.put(out);
        self.status.0.put(out);
        self.command.put(out);
        self.credits.put(out);
        self.flags.put(out);
        self.next_command.put(out);
        self.message_id.put(out);
        self.process_id.put(out);
        self.tree_id.put(out);
        self.session_id.put(out);
        self.signature.put(out);
    }

    /// The AsyncId, where [`Flags::ASYNC`] is set.
    #[must_use]
    pub fn async_id(&self) -> Option<u64> {
        self.flags
            .contains(Flags::ASYNC)
            .then_some(u64::from(self.tree_id) << 32 | u64::from(self.process_id))
    }

    /// This header in the ASYNC form: [`Flags::ASYNC`] set, and the AsyncId in place of process id and tree id.
    #[must_use]
    pub const fn with_async_id(mut self, async_id: u64) -> Self {
        self.flags = self.flags.with(Flags::ASYNC);
        self.process_id = (async_id & 0xFFFF_FFFF) as u32;
        self.tree_id = (async_id >> 32) as u32;
        self
    }

    /// Whether [`Flags::SERVER_TO_REDIR`] is set.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags.contains(Flags::SERVER_TO_REDIR)
    }

    /// The ChannelSequence of a 3.x request: the low half of `status`.
    #[must_use]
    pub const fn channel_sequence(&self) -> u16 {
        (self.status.0 & 0xFFFF) as u16
    }

    /// Whether a message has a header at all: 64 bytes, ProtocolId, StructureSize.
    pub(crate) fn check(message: &[u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(message);
        let protocol: [u8; 4] = reader.field("protocol_id")?;
        if protocol != Self::PROTOCOL_ID {
            return Err(WireError::ProtocolId(protocol));
        }
        let found: u16 = reader.field("structure_size")?;
        if found != 64 {
            return Err(WireError::StructureSize { offset: 4, expected: 64, found });
        }
        slice(message, 0, Self::LEN, "header")?;
        Ok(())
    }
}

impl<'a> Reader<'a> {
    /// A cursor behind the header and the StructureSize of a body, both checked.
    pub(super) fn body(message: &'a [u8], structure_size: u16) -> Result<Self, WireError> {
        Header::check(message)?;
        let mut reader = Self::new(message);
        reader.take(Header::LEN, "header")?;
        let found: u16 = reader.field("structure_size")?;
        if found != structure_size {
            return Err(WireError::StructureSize { offset: Header::LEN, expected: structure_size, found });
        }
        Ok(reader)
    }
}

/// What a message is, by its first four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// FE 'S' 'M' 'B': an SMB2 or SMB3 message ([MS-SMB2] 2.2.1).
    Smb2,
    /// FF 'S' 'M' 'B': an SMB1 message ([MS-CIFS] 2.2.3.1).
    Smb1,
    /// FD 'S' 'M' 'B': an encrypted message ([MS-SMB2] 2.2.41).
    Transform,
    /// FC 'S' 'M' 'B': a compressed message ([MS-SMB2] 2.2.42).
    Compressed,
    /// Anything else.
    Unknown([u8; 4]),
    /// Fewer than four bytes; this many.
    TooShort(usize),
}

impl Protocol {
    /// Classifies a message.
    #[must_use]
    pub fn of(message: &[u8]) -> Self {
        match message.first_chunk() {
            None => Self::TooShort(message.len()),
            Some(b"\xFESMB") => Self::Smb2,
            Some(b"\xFFSMB") => Self::Smb1,
            Some(b"\xFDSMB") => Self::Transform,
            Some(b"\xFCSMB") => Self::Compressed,
            Some(other) => Self::Unknown(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_header_says_why() {
        let mut bytes = Vec::new();
        Header::request(Command::ECHO).write(&mut bytes);
        assert_eq!(Header::parse(&bytes).unwrap(), Header::request(Command::ECHO));
        assert_eq!(
            Header::parse(&bytes[..63]).unwrap_err(),
            WireError::Truncated { field: "header", offset: 0, needed: 64, available: 63 }
        );
        bytes[4] = 65;
        assert_eq!(
            Header::parse(&bytes).unwrap_err(),
            WireError::StructureSize { offset: 4, expected: 64, found: 65 }
        );
        bytes[0] = 0xFF;
        assert_eq!(Header::parse(&bytes).unwrap_err(), WireError::ProtocolId(*b"\xFFSMB"));
    }

    #[test]
    fn the_async_id_is_both_halves() {
        let header = Header::request(Command::CANCEL);
        assert_eq!(header.async_id(), None);
        assert_eq!(header.with_async_id(0x0102_0304_0506_0708).async_id(), Some(0x0102_0304_0506_0708));
    }

    #[test]
    fn protocols_by_their_first_bytes() {
        assert_eq!(Protocol::of(b"\xFESMB@"), Protocol::Smb2);
        assert_eq!(Protocol::of(b"\xFFSMB"), Protocol::Smb1);
        assert_eq!(Protocol::of(b"\xFDSMB"), Protocol::Transform);
        assert_eq!(Protocol::of(b"\xFCSMB"), Protocol::Compressed);
        assert_eq!(Protocol::of(b"GET /"), Protocol::Unknown(*b"GET "));
        assert_eq!(Protocol::of(b"\xFES"), Protocol::TooShort(2));
    }
}
