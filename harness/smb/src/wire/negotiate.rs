//! NEGOTIATE ([MS-SMB2] 2.2.3, 2.2.4).

use super::contexts::{NegotiateContext, read_list, write_list};
use super::{Body, Capabilities, Command, DialectRevision, Header, SecurityMode, WireError};
use crate::reader::{Field, Reader, align8, fit, pad_to};

/// SMB2 NEGOTIATE Request ([MS-SMB2] 2.2.3).
///
/// Eight bytes of it mean NegotiateContextOffset, NegotiateContextCount and Reserved2 where 3.1.1 is among the
/// dialects, and ClientStartTime where it is not. So it is read; written, they are the former also where there are
/// contexts although 3.1.1 is not offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NegotiateRequest {
    /// The client's signing policy.
    pub security_mode: SecurityMode,
    /// Reserved, 0.
    pub reserved: u16,
    /// Capabilities of the client (3.x), else 0.
    pub capabilities: Capabilities,
    /// The client's GUID.
    pub client_guid: [u8; 16],
    /// ClientStartTime, where 3.1.1 is not offered.
    pub client_start_time: u64,
    /// Reserved2, where 3.1.1 is offered.
    pub reserved2: u16,
    /// The dialects offered.
    pub dialects: Vec<DialectRevision>,
    /// The contexts, in order, unknown and repeated ones too; only where 3.1.1 is offered.
    pub negotiate_contexts: Vec<NegotiateContext>,
}

impl NegotiateRequest {
    /// Whether the eight bytes are those of 3.1.1.
    fn has_context_fields(&self) -> bool {
        self.dialects.contains(&DialectRevision::SMB_3_1_1) || !self.negotiate_contexts.is_empty()
    }
}

impl Body for NegotiateRequest {
    const COMMAND: Command = Command::NEGOTIATE;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 36)?;
        let count: u16 = reader.field("dialect_count")?;
        let mut body = Self {
            security_mode: reader.field("security_mode")?,
            reserved: reader.field("reserved")?,
            capabilities: reader.field("capabilities")?,
            client_guid: reader.field("client_guid")?,
            ..Self::default()
        };
        let mut shared = reader.clone();
        body.client_start_time = reader.field("client_start_time")?;
        body.dialects = reader.u16s(count, "dialects")?.into_iter().map(DialectRevision).collect();
        if body.has_context_fields() {
            body.client_start_time = 0;
            let offset = shared.field("negotiate_context_offset")?;
            let count = shared.field("negotiate_context_count")?;
            body.reserved2 = shared.field("reserved2")?;
            let (contexts, error) = read_list(&mut reader, offset, count);
            if let Some(error) = error {
                return Err(error);
            }
            body.negotiate_contexts = contexts;
        }
        Ok(body)
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let start = out.len().saturating_sub(Header::LEN);
        36u16.put(out);
        fit::<u16>(self.dialects.len(), "dialect_count")?.put(out);
        self.security_mode.put(out);
        self.reserved.put(out);
        self.capabilities.put(out);
        self.client_guid.put(out);
        let contexts = align8(Header::LEN + 36 + 2 * self.dialects.len());
        if self.has_context_fields() {
            let offset = if self.negotiate_contexts.is_empty() { 0 } else { contexts };
            fit::<u32>(offset, "negotiate_context_offset")?.put(out);
            fit::<u16>(self.negotiate_contexts.len(), "negotiate_context_count")?.put(out);
            self.reserved2.put(out);
        } else {
            self.client_start_time.put(out);
        }
        for dialect in &self.dialects {
            dialect.put(out);
        }
        write_list(&self.negotiate_contexts, start, out)
    }
}

/// SMB2 NEGOTIATE Response ([MS-SMB2] 2.2.4).
///
/// Two fields are NegotiateContextCount and NegotiateContextOffset where the dialect is 3.1.1, and reserved where it is
/// not. So they are read; written, they are the former also where there are contexts at another dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NegotiateResponse {
    /// The server's signing policy.
    pub security_mode: SecurityMode,
    /// The dialect chosen.
    pub dialect_revision: DialectRevision,
    /// Reserved (in place of NegotiateContextCount), where the dialect is not 3.1.1.
    pub reserved: u16,
    /// The server's GUID.
    pub server_guid: [u8; 16],
    /// Capabilities of the server.
    pub capabilities: Capabilities,
    /// The largest QUERY_INFO, QUERY_DIRECTORY, SET_INFO and CHANGE_NOTIFY buffer, in bytes.
    pub max_transact_size: u32,
    /// The largest READ, in bytes.
    pub max_read_size: u32,
    /// The largest WRITE, in bytes.
    pub max_write_size: u32,
    /// The server's clock, FILETIME.
    pub system_time: u64,
    /// When the server started, FILETIME, or 0.
    pub server_start_time: u64,
    /// Reserved2 (in place of NegotiateContextOffset), where the dialect is not 3.1.1.
    pub reserved2: u32,
    /// The security buffer as sent: a SPNEGO token, or nothing.
    pub security_buffer: Vec<u8>,
    /// The contexts, in order, unknown and repeated ones too; only at 3.1.1.
    pub negotiate_contexts: Vec<NegotiateContext>,
}

impl NegotiateResponse {
    /// Like [`Body::parse`], but a broken context list is no failure: the contexts before the break come back, with the
    /// error that says where it broke. So the security buffer of an odd server is still to be had.
    ///
    /// # Errors
    /// Those of [`Body::parse`], the context list excepted.
    pub fn parse_lenient(message: &[u8]) -> Result<(Self, Option<WireError>), WireError> {
        let mut reader = Reader::body(message, 65)?;
        let mut body = Self {
            security_mode: reader.field("security_mode")?,
            dialect_revision: reader.field("dialect_revision")?,
            reserved: reader.field("negotiate_context_count")?,
            server_guid: reader.field("server_guid")?,
            capabilities: reader.field("capabilities")?,
            max_transact_size: reader.field("max_transact_size")?,
            max_read_size: reader.field("max_read_size")?,
            max_write_size: reader.field("max_write_size")?,
            system_time: reader.field("system_time")?,
            server_start_time: reader.field("server_start_time")?,
            ..Self::default()
        };
        let offset: u16 = reader.field("security_buffer_offset")?;
        let length: u16 = reader.field("security_buffer_length")?;
        body.reserved2 = reader.field("negotiate_context_offset")?;
        body.security_buffer = reader.buffer(offset, length, "security_buffer")?.to_vec();
        let mut error = None;
        if body.has_context_fields() {
            let (count, offset) = (body.reserved, body.reserved2);
            (body.reserved, body.reserved2) = (0, 0);
            (body.negotiate_contexts, error) = read_list(&mut reader, offset, count);
        }
        Ok((body, error))
    }

    /// Whether the two fields are those of 3.1.1.
    fn has_context_fields(&self) -> bool {
        self.dialect_revision == DialectRevision::SMB_3_1_1 || !self.negotiate_contexts.is_empty()
    }
}

impl Body for NegotiateResponse {
    const COMMAND: Command = Command::NEGOTIATE;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        match Self::parse_lenient(message)? {
            (body, None) => Ok(body),
            (_, Some(error)) => Err(error),
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let start = out.len().saturating_sub(Header::LEN);
        let buffer = Header::LEN + 64;
        let (mut count, mut offset) = (self.reserved, self.reserved2);
        if self.has_context_fields() {
            count = fit(self.negotiate_contexts.len(), "negotiate_context_count")?;
            let contexts = align8(buffer + self.security_buffer.len());
            offset = if count == 0 { 0 } else { fit(contexts, "negotiate_context_offset")? };
        }
        65u16.put(out);
        self.security_mode.put(out);
        self.dialect_revision.put(out);
        count.put(out);
        self.server_guid.put(out);
        self.capabilities.put(out);
        self.max_transact_size.put(out);
        self.max_read_size.put(out);
        self.max_write_size.put(out);
        self.system_time.put(out);
        self.server_start_time.put(out);
        fit::<u16>(buffer, "security_buffer_offset")?.put(out);
        fit::<u16>(self.security_buffer.len(), "security_buffer_length")?.put(out);
        offset.put(out);
        out.extend_from_slice(&self.security_buffer);
        if !self.negotiate_contexts.is_empty() {
            let contexts = start + align8(buffer + self.security_buffer.len());
            pad_to(out, contexts);
        }
        write_list(&self.negotiate_contexts, start, out)
    }
}
