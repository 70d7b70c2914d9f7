//! SESSION_SETUP ([MS-SMB2] 2.2.5, 2.2.6).

use super::{Body, Capabilities, Command, Header, SecurityMode, SessionFlags, SessionSetupFlags, WireError};
use crate::reader::{Field, Reader, fit};

/// SMB2 SESSION_SETUP Request ([MS-SMB2] 2.2.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionSetupRequest {
    /// Whether this binds an existing session (3.x).
    pub flags: SessionSetupFlags,
    /// The client's signing policy. One byte on the wire: writing a value above 255 is an error.
    pub security_mode: SecurityMode,
    /// Capabilities of the client; only DFS counts.
    pub capabilities: Capabilities,
    /// Reserved, 0.
    pub channel: u32,
    /// A session of an earlier connection that this one replaces, or 0.
    pub previous_session_id: u64,
    /// The security token: SPNEGO, or a bare mechanism token.
    pub security_buffer: Vec<u8>,
}

/// Where the Buffer of the request starts.
const REQUEST_BUFFER: u16 = 64 + 24;

impl Body for SessionSetupRequest {
    const COMMAND: Command = Command::SESSION_SETUP;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 25)?;
        let flags = reader.field("flags")?;
        let security_mode: u8 = reader.field("security_mode")?;
        let capabilities = reader.field("capabilities")?;
        let channel = reader.field("channel")?;
        let offset: u16 = reader.field("security_buffer_offset")?;
        let length: u16 = reader.field("security_buffer_length")?;
        let previous_session_id = reader.field("previous_session_id")?;
        let security_buffer = reader.buffer(offset, length, "security_buffer")?.to_vec();
        let security_mode = SecurityMode(u16::from(security_mode));
        Ok(Self { flags, security_mode, capabilities, channel, previous_session_id, security_buffer })
    }

    /// An empty security buffer becomes one zero byte in the message, with a length of 0: servers take a Buffer of
    /// StructureSize 25 to be there.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        25u16.put(out);
        self.flags.put(out);
        fit::<u8>(usize::from(self.security_mode.0), "security_mode")?.put(out);
        self.capabilities.put(out);
        self.channel.put(out);
        REQUEST_BUFFER.put(out);
        fit::<u16>(self.security_buffer.len(), "security_buffer_length")?.put(out);
        self.previous_session_id.put(out);
        crate::reader::put_or_filler(&self.security_buffer, 1, out);
        Ok(())
    }
}

/// SMB2 SESSION_SETUP Response ([MS-SMB2] 2.2.6), of a success and of STATUS_MORE_PROCESSING_REQUIRED.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionSetupResponse {
    /// Guest, anonymous, encrypted.
    pub session_flags: SessionFlags,
    /// The security token; may be empty.
    pub security_buffer: Vec<u8>,
}

impl Body for SessionSetupResponse {
    const COMMAND: Command = Command::SESSION_SETUP;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 9)?;
        let session_flags = reader.field("session_flags")?;
        let offset: u16 = reader.field("security_buffer_offset")?;
        let length: u16 = reader.field("security_buffer_length")?;
        let security_buffer = reader.buffer(offset, length, "security_buffer")?.to_vec();
        Ok(Self { session_flags, security_buffer })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        9u16.put(out);
        self.session_flags.put(out);
        fit::<u16>(Header::LEN + 8, "security_buffer_offset")?.put(out);
        fit::<u16>(self.security_buffer.len(), "security_buffer_length")?.put(out);
        out.extend_from_slice(&self.security_buffer);
        Ok(())
    }
}
