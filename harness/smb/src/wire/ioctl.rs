//! IOCTL ([MS-SMB2] 2.2.31, 2.2.32) and the payload of FSCTL_VALIDATE_NEGOTIATE_INFO.

use super::{Body, Capabilities, Command, CtlCode, DialectRevision, FileId, Header, SecurityMode, WireError};
use crate::reader::{Field, Reader, align8, fit, pad_to};

/// SMB2 IOCTL Request ([MS-SMB2] 2.2.31).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IoctlRequest {
    /// Reserved, 0.
    pub reserved: u16,
    /// The control code.
    pub ctl_code: CtlCode,
    /// What to apply it to; [`FileId::RELATED`] for codes without an open.
    pub file_id: FileId,
    /// How many bytes of input the response may carry.
    pub max_input_response: u32,
    /// OutputOffset: as sent, not followed ("SHOULD be 0"; Windows sends InputOffset).
    pub output_offset: u32,
    /// OutputCount: as sent, not followed ("MUST be 0").
    pub output_count: u32,
    /// How many bytes of output the response may carry.
    pub max_output_response: u32,
    /// SMB2_0_IOCTL_IS_FSCTL 1, or 0 for an IOCTL.
    pub flags: u32,
    /// Reserved, 0.
    pub reserved2: u32,
    /// The input data.
    pub input: Vec<u8>,
}

impl IoctlRequest {
    /// SMB2_0_IOCTL_IS_FSCTL: the control code is an FSCTL.
    pub const IS_FSCTL: u32 = 1;

    /// Where the input of a request is written, in bytes from the header.
    pub const INPUT_OFFSET: u32 = 64 + 56;
}

impl Body for IoctlRequest {
    const COMMAND: Command = Command::IOCTL;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 57)?;
        let reserved = reader.field("reserved")?;
        let ctl_code = reader.field("ctl_code")?;
        let file_id = reader.field("file_id")?;
        let input_offset: u32 = reader.field("input_offset")?;
        let input_count: u32 = reader.field("input_count")?;
        let mut body = Self {
            reserved,
            ctl_code,
            file_id,
            max_input_response: reader.field("max_input_response")?,
            output_offset: reader.field("output_offset")?,
            output_count: reader.field("output_count")?,
            max_output_response: reader.field("max_output_response")?,
            flags: reader.field("flags")?,
            reserved2: reader.field("reserved2")?,
            input: Vec::new(),
        };
        body.input = reader.buffer(input_offset, input_count, "input")?.to_vec();
        Ok(body)
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        57u16.put(out);
        self.reserved.put(out);
        self.ctl_code.put(out);
        self.file_id.put(out);
        Self::INPUT_OFFSET.put(out);
        fit::<u32>(self.input.len(), "input_count")?.put(out);
        self.max_input_response.put(out);
        self.output_offset.put(out);
        self.output_count.put(out);
        self.max_output_response.put(out);
        self.flags.put(out);
        self.reserved2.put(out);
        out.extend_from_slice(&self.input);
        Ok(())
    }
}

/// SMB2 IOCTL Response ([MS-SMB2] 2.2.32).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IoctlResponse {
    /// Reserved, 0.
    pub reserved: u16,
    /// The control code.
    pub ctl_code: CtlCode,
    /// The open; [`FileId::RELATED`] for codes without one.
    pub file_id: FileId,
    /// Reserved, 0.
    pub flags: u32,
    /// Reserved, 0.
    pub reserved2: u32,
    /// The input data, of pass-through operations; else empty.
    pub input: Vec<u8>,
    /// The output data.
    pub output: Vec<u8>,
}

impl Body for IoctlResponse {
    const COMMAND: Command = Command::IOCTL;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 49)?;
        let reserved = reader.field("reserved")?;
        let ctl_code = reader.field("ctl_code")?;
        let file_id = reader.field("file_id")?;
        let input_offset: u32 = reader.field("input_offset")?;
        let input_count: u32 = reader.field("input_count")?;
        let output_offset: u32 = reader.field("output_offset")?;
        let output_count: u32 = reader.field("output_count")?;
        let flags = reader.field("flags")?;
        let reserved2 = reader.field("reserved2")?;
        let input = reader.buffer(input_offset, input_count, "input")?.to_vec();
        let output = reader.buffer(output_offset, output_count, "output")?.to_vec();
        Ok(Self { reserved, ctl_code, file_id, flags, reserved2, input, output })
    }

    /// The output goes behind the input, at a multiple of 8; without output its offset is 0.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let buffer = Header::LEN + 48;
        let start = out.len().saturating_sub(Header::LEN);
        let output = align8(buffer.saturating_add(self.input.len()));
        let output_offset = if self.output.is_empty() { 0 } else { output };
        49u16.put(out);
        self.reserved.put(out);
        self.ctl_code.put(out);
        self.file_id.put(out);
        fit::<u32>(buffer, "input_offset")?.put(out);
        fit::<u32>(self.input.len(), "input_count")?.put(out);
        fit::<u32>(output_offset, "output_offset")?.put(out);
        fit::<u32>(self.output.len(), "output_count")?.put(out);
        self.flags.put(out);
        self.reserved2.put(out);
        out.extend_from_slice(&self.input);
        pad_to(out, start + output_offset);
        out.extend_from_slice(&self.output);
        Ok(())
    }
}

/// The input of FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 2.2.31.4): what the client sent in NEGOTIATE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidateNegotiateInfoRequest {
    /// Capabilities of the client.
    pub capabilities: Capabilities,
    /// ClientGuid.
    pub guid: [u8; 16],
    /// SecurityMode of the client.
    pub security_mode: SecurityMode,
    /// The dialects the client offered.
    pub dialects: Vec<DialectRevision>,
}

impl ValidateNegotiateInfoRequest {
    /// Reads the input data of an IOCTL request.
    ///
    /// # Errors
    /// [`WireError::Truncated`], counted from the first byte of the data. Bytes behind the dialects are ignored.
    pub fn parse(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        let capabilities = reader.field("capabilities")?;
        let guid = reader.field("guid")?;
        let security_mode = reader.field("security_mode")?;
        let count = reader.field("dialect_count")?;
        let dialects = reader.u16s(count, "dialects")?.into_iter().map(DialectRevision).collect();
        Ok(Self { capabilities, guid, security_mode, dialects })
    }

    /// The input data of an IOCTL request.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] above 65535 dialects.
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::new();
        self.capabilities.put(&mut out);
        self.guid.put(&mut out);
        self.security_mode.put(&mut out);
        fit::<u16>(self.dialects.len(), "dialect_count")?.put(&mut out);
        for dialect in &self.dialects {
            dialect.put(&mut out);
        }
        Ok(out)
    }
}

/// The output of FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 2.2.32.6): what the server sent in NEGOTIATE. 24 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValidateNegotiateInfoResponse {
    /// Capabilities of the server.
    pub capabilities: Capabilities,
    /// ServerGuid.
    pub guid: [u8; 16],
    /// SecurityMode of the server.
    pub security_mode: SecurityMode,
    /// The dialect of the connection.
    pub dialect: DialectRevision,
}

impl ValidateNegotiateInfoResponse {
    /// Reads the output data of an IOCTL response.
    ///
    /// # Errors
    /// [`WireError::Truncated`] below 24 bytes, counted from the first byte of the data. Further bytes are ignored.
    pub fn parse(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        Ok(Self {
            capabilities: reader.field("capabilities")?,
            guid: reader.field("guid")?,
            security_mode: reader.field("security_mode")?,
            dialect: reader.field("dialect")?,
        })
    }

    /// The output data of an IOCTL response, 24 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.capabilities.put(&mut out);
        self.guid.put(&mut out);
        self.security_mode.put(&mut out);
        self.dialect.put(&mut out);
        out
    }
}
