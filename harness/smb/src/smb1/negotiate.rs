//! SMB_COM_NEGOTIATE ([MS-CIFS] 2.2.4.52, [MS-SMB] 2.2.4.5).

use super::block::{Block, Parts};
use super::body::{Body, words_body};
use super::text::{Text, encode};
use super::{Capabilities, Command, SecurityMode, WireError};
use crate::reader::{Field, fit};

/// The BufferFormat in front of a dialect.
const DIALECT: u8 = 2;

/// SMB_COM_NEGOTIATE request ([MS-CIFS] 2.2.4.52.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NegotiateRequest {
    /// The dialects, from the least to the most preferred, without terminators.
    pub dialects: Vec<Vec<u8>>,
}

impl NegotiateRequest {
    /// NT LM 0.12, the one dialect of SMB1 that is followed here.
    pub const NT_LM_0_12: &'static [u8] = b"NT LM 0.12";
    /// Its names: smbclient offers an older one beside it, and smbd takes that for the same.
    pub const NT_1: [&'static [u8]; 2] = [Self::NT_LM_0_12, b"NT LANMAN 1.0"];
    /// SMB 2.0.2, in a multi-protocol negotiation ([MS-SMB2] 3.2.4.2.2.1).
    pub const SMB_2_002: &'static [u8] = b"SMB 2.002";
    /// SMB 2.1 or later, in a multi-protocol negotiation ([MS-SMB2] 3.2.4.2.2.1).
    pub const SMB_2_WILDCARD: &'static [u8] = b"SMB 2.???";

    /// A request for these dialects.
    #[must_use]
    pub fn new(dialects: &[&[u8]]) -> Self {
        Self { dialects: dialects.iter().map(|dialect| dialect.to_vec()).collect() }
    }
}

impl Body for NegotiateRequest {
    const COMMAND: Command = Command::NEGOTIATE;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        block.parameters(&[0])?;
        let (mut rest, mut offset) = (block.bytes, block.bytes_offset());
        let mut dialects = Vec::new();
        while let Some((format, behind)) = rest.split_first() {
            if *format != DIALECT {
                return Err(WireError::BufferFormat { offset, expected: DIALECT, found: *format });
            }
            let Some(end) = behind.iter().position(|byte| *byte == 0) else {
                let (needed, available) = (behind.len() + 1, behind.len());
                return Err(WireError::Truncated { field: "dialect", offset: offset + 1, needed, available });
            };
            let (dialect, terminated) = behind.split_at(end);
            dialects.push(dialect.to_vec());
            rest = terminated.get(1..).unwrap_or_default();
            offset += 2 + dialect.len();
        }
        Ok(Self { dialects })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut bytes = Vec::new();
        for dialect in &self.dialects {
            bytes.push(DIALECT);
            bytes.extend_from_slice(dialect);
            bytes.push(0);
        }
        Ok(Parts { bytes, ..Parts::default() })
    }
}

words_body! {
    /// SMB_COM_NEGOTIATE response of one word ([MS-CIFS] 2.2.4.52.2): none of the dialects, or the Core Protocol.
    NegotiateRefusal: NEGOTIATE, 1 {
        /// The place of the selected dialect in the request; 0xFFFF for none.
        dialect_index: u16,
    }
}

/// SMB_COM_NEGOTIATE response where NT LM 0.12 was selected ([MS-CIFS] 2.2.4.52.2, [MS-SMB] 2.2.4.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiateResponse {
    /// The place of the selected dialect in the request, from 0.
    pub dialect_index: u16,
    /// What the server supports and requires.
    pub security_mode: SecurityMode,
    /// How many requests may be outstanding.
    pub max_mpx_count: u16,
    /// How many virtual circuits there may be.
    pub max_number_vcs: u16,
    /// The largest message the server takes, in bytes.
    pub max_buffer_size: u32,
    /// The largest raw transfer, in bytes.
    pub max_raw_size: u32,
    /// A token of the connection; no key of any kind.
    pub session_key: u32,
    /// What the server can.
    pub capabilities: Capabilities,
    /// The time of the server, in 100 ns since 1601.
    pub system_time: u64,
    /// Its time zone, in minutes from UTC.
    pub server_time_zone: i16,
    /// How to log on.
    pub security: NegotiateSecurity,
}

/// The part of the response that depends on [`Capabilities::EXTENDED_SECURITY`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NegotiateSecurity {
    /// Extended security ([MS-SMB] 2.2.4.5.2.1).
    Extended {
        /// ChallengeLength, 0 and ignored.
        challenge_length: u8,
        /// The server.
        server_guid: [u8; 16],
        /// The first token of the server, SPNEGO; may be empty.
        security_blob: Vec<u8>,
    },
    /// Challenge and response in SMB itself ([MS-SMB] 2.2.4.5.2.2).
    Plain {
        /// The challenge, 8 bytes, or none.
        challenge: Vec<u8>,
        /// DomainName, and ServerName where there is one. Not aligned.
        names: Text,
    },
}

impl NegotiateResponse {
    /// Whether the server logs on with SPNEGO tokens.
    #[must_use]
    pub const fn is_extended(&self) -> bool {
        matches!(self.security, NegotiateSecurity::Extended { .. })
    }

    /// The challenge, where there is one and it has its 8 bytes.
    #[must_use]
    pub fn challenge(&self) -> Option<[u8; 8]> {
        match &self.security {
            NegotiateSecurity::Extended { .. } => None,
            NegotiateSecurity::Plain { challenge, .. } => challenge.as_slice().try_into().ok(),
        }
    }
}

impl NegotiateSecurity {
    /// The data of a response without extended security.
    #[must_use]
    pub fn plain(challenge: [u8; 8], unicode: bool, domain: &str, server: &str) -> Self {
        let bytes = [encode(domain, unicode), encode(server, unicode)].concat();
        Self::Plain { challenge: challenge.to_vec(), names: Text { bytes, padded: false } }
    }
}

impl Body for NegotiateResponse {
    const COMMAND: Command = Command::NEGOTIATE;

    /// The data have the form that CAP_EXTENDED_SECURITY says.
    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[17])?;
        let dialect_index = words.field("dialect_index")?;
        let security_mode = words.field("security_mode")?;
        let max_mpx_count = words.field("max_mpx_count")?;
        let max_number_vcs = words.field("max_number_vcs")?;
        let max_buffer_size = words.field("max_buffer_size")?;
        let max_raw_size = words.field("max_raw_size")?;
        let session_key = words.field("session_key")?;
        let capabilities: Capabilities = words.field("capabilities")?;
        let system_time = words.field("system_time")?;
        let server_time_zone = words.field("server_time_zone")?;
        let challenge_length: u8 = words.field("challenge_length")?;
        let mut data = block.data();
        let security = if capabilities.contains(Capabilities::EXTENDED_SECURITY) {
            let server_guid = data.field("server_guid")?;
            let security_blob = data.rest().to_vec();
            NegotiateSecurity::Extended { challenge_length, server_guid, security_blob }
        } else {
            let challenge = data.take(usize::from(challenge_length), "challenge")?.to_vec();
            let names = Text { bytes: data.rest().to_vec(), padded: false };
            NegotiateSecurity::Plain { challenge, names }
        };
        Ok(Self {
            dialect_index,
            security_mode,
            max_mpx_count,
            max_number_vcs,
            max_buffer_size,
            max_raw_size,
            session_key,
            capabilities,
            system_time,
            server_time_zone,
            security,
        })
    }

    /// The form of the data goes by `security`, whatever `capabilities` says.
    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts::default();
        let words = &mut parts.words;
        self.dialect_index.put(words);
        self.security_mode.put(words);
        self.max_mpx_count.put(words);
        self.max_number_vcs.put(words);
        self.max_buffer_size.put(words);
        self.max_raw_size.put(words);
        self.session_key.put(words);
        self.capabilities.put(words);
        self.system_time.put(words);
        self.server_time_zone.put(words);
        match &self.security {
            NegotiateSecurity::Extended { challenge_length, server_guid, security_blob } => {
                challenge_length.put(words);
                parts.bytes.extend_from_slice(server_guid);
                parts.bytes.extend_from_slice(security_blob);
            }
            NegotiateSecurity::Plain { challenge, names } => {
                fit::<u8>(challenge.len(), "challenge_length")?.put(words);
                parts.bytes.extend_from_slice(challenge);
                parts.bytes.extend_from_slice(&names.bytes);
            }
        }
        Ok(parts)
    }
}
