//! The SMB header ([MS-CIFS] 2.2.3.1).

use super::{Command, Flags, Flags2, WireError};
use crate::reader::{Field, Reader, slice};
use model::NtStatus;

/// The SMB header, 32 bytes ([MS-CIFS] 2.2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The command; of a chain, the first.
    pub command: Command,
    /// The status of a response, an NTSTATUS where [`Flags2::NT_STATUS`] is set. 0 in a request.
    pub status: NtStatus,
    /// The first flags.
    pub flags: Flags,
    /// The other flags.
    pub flags2: Flags2,
    /// The process id: PIDHigh and PIDLow.
    pub pid: u32,
    /// SecuritySignature.
    pub signature: [u8; 8],
    /// Reserved, 0.
    pub reserved: u16,
    /// The tree connect; 0xFFFF for none.
    pub tid: u16,
    /// The session; 0 for none.
    pub uid: u16,
    /// The number of the request among those of its process; 0xFFFF in an oplock break.
    pub mid: u16,
}

impl Header {
    /// The length of a header in bytes.
    pub const LEN: usize = 32;

    /// The Protocol field.
    pub const PROTOCOL: [u8; 4] = *b"\xFFSMB";

    /// Where Flags2 stands in the header, 2 bytes.
    pub const FLAGS2: std::ops::Range<usize> = 10..12;

    /// Where SecuritySignature stands in the header, 8 bytes.
    pub const SIGNATURE: std::ops::Range<usize> = 14..22;

    /// The header of a plain request: long names, NTSTATUS codes, no tree connect, no session, everything else 0.
    #[must_use]
    pub const fn request(command: Command) -> Self {
        Self {
            command,
            status: NtStatus::SUCCESS,
            flags: Flags::CASE_INSENSITIVE.with(Flags::CANONICALIZED_PATHS),
            flags2: Flags2::LONG_NAMES.with(Flags2::NT_STATUS),
            pid: 0,
            signature: [0; 8],
            reserved: 0,
            tid: 0xFFFF,
            uid: 0,
            mid: 0,
        }
    }

    /// Reads the first 32 bytes of a message; what follows is not looked at.
    ///
    /// # Errors
    /// [`WireError::ProtocolId`] where the message does not start with FF 'S' 'M' 'B', [`WireError::Truncated`] below 32
    /// bytes.
    pub fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message);
        let protocol: [u8; 4] = reader.field("protocol")?;
        if protocol != Self::PROTOCOL {
            return Err(WireError::ProtocolId(protocol));
        }
        slice(message, 0, Self::LEN, "header")?;
        let command = reader.field("command")?;
        let status = NtStatus(reader.field("status")?);
        let flags = reader.field("flags")?;
        let flags2 = reader.field("flags2")?;
        let pid_high: u16 = reader.field("pid_high")?;
        let signature = reader.field("security_signature")?;
        let reserved = reader.field("reserved")?;
        let tid = reader.field("tid")?;
        let pid_low: u16 = reader.field("pid_low")?;
        let pid = u32::from(pid_high) << 16 | u32::from(pid_low);
        let (uid, mid) = (reader.field("uid")?, reader.field("mid")?);
        Ok(Self { command, status, flags, flags2, pid, signature, reserved, tid, uid, mid })
    }

    /// Appends the 32 bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        Self::PROTOCOL.put(out);
        self.command.put(out);
        self.status.0.put(out);
        self.flags.put(out);
        self.flags2.put(out);
        let [low0, low1, high0, high1] = self.pid.to_le_bytes();
        [high0, high1].put(out);
        self.signature.put(out);
        self.reserved.put(out);
        self.tid.put(out);
        [low0, low1].put(out);
        self.uid.put(out);
        self.mid.put(out);
    }

    /// Whether [`Flags::REPLY`] is set: everything of a server but an oplock break.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags.contains(Flags::REPLY)
    }

    /// Whether strings are UTF-16LE.
    #[must_use]
    pub const fn is_unicode(&self) -> bool {
        self.flags2.contains(Flags2::UNICODE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let bytes: Vec<u8> = Header::PROTOCOL.into_iter().chain(4..32).collect();
        let header = Header::parse(&bytes).unwrap();
        assert_eq!(header.pid, 0x0D0C_1B1A);
        assert_eq!(header.signature, [14, 15, 16, 17, 18, 19, 20, 21]);
        let mut written = Vec::new();
        header.write(&mut written);
        assert_eq!(written, bytes);
    }

    #[test]
    fn what_is_no_header_says_why() {
        assert_eq!(
            Header::parse(b"\xFFSMB").unwrap_err(),
            WireError::Truncated { field: "header", offset: 0, needed: 32, available: 4 }
        );
        assert_eq!(Header::parse(b"\xFESMB@").unwrap_err(), WireError::ProtocolId(*b"\xFESMB"));
        assert!(Header::parse(b"\xFFS").is_err());
    }
}
