//! SMB_COM_SESSION_SETUP_ANDX ([MS-CIFS] 2.2.4.53, [MS-SMB] 2.2.4.6) and SMB_COM_LOGOFF_ANDX ([MS-CIFS] 2.2.4.54).

use super::block::{AndX, Block, Parts};
use super::body::{Body, words_body};
use super::text::Text;
use super::{Action, Capabilities, Command, Header, WireError};
use crate::reader::{Field, fit};

/// SMB_COM_SESSION_SETUP_ANDX request, both forms ([MS-CIFS] 2.2.4.53.1, [MS-SMB] 2.2.4.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSetupRequest {
    /// What follows.
    pub andx: AndX,
    /// The largest message the client takes, in bytes.
    pub max_buffer_size: u16,
    /// How many requests the client will have outstanding.
    pub max_mpx_count: u16,
    /// The number of this virtual circuit; 0 closes the others of this client.
    pub vc_number: u16,
    /// The SessionKey of the NEGOTIATE response.
    pub session_key: u32,
    /// Reserved, 0.
    pub reserved: u32,
    /// What the client can.
    pub capabilities: Capabilities,
    /// The logon, which decides between the two forms.
    pub credentials: SetupCredentials,
    /// Extended security: NativeOS, NativeLanMan. Otherwise AccountName, PrimaryDomain, NativeOS, NativeLanMan.
    pub names: Text,
}

/// What a SESSION_SETUP request logs on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupCredentials {
    /// WordCount 12: a token, SPNEGO ([MS-SMB] 2.2.4.6.1).
    Extended {
        /// The token.
        security_blob: Vec<u8>,
    },
    /// WordCount 13: passwords, or responses to the challenge ([MS-CIFS] 2.2.4.53.1).
    Plain {
        /// OEMPassword: the LM or LMv2 response.
        oem_password: Vec<u8>,
        /// UnicodePassword: the NTLM or NTLMv2 response.
        unicode_password: Vec<u8>,
    },
}

impl SessionSetupRequest {
    /// A request with these credentials, and everything else 0 or empty.
    #[must_use]
    pub const fn new(credentials: SetupCredentials) -> Self {
        Self {
            andx: AndX::NONE,
            max_buffer_size: 0,
            max_mpx_count: 0,
            vc_number: 0,
            session_key: 0,
            reserved: 0,
            capabilities: Capabilities(0),
            credentials,
            names: Text { bytes: Vec::new(), padded: false },
        }
    }

    /// The same with these names, as `names` lists them, for a block at an even offset, such as the first.
    #[must_use]
    pub fn with_names(mut self, unicode: bool, names: &[&str]) -> Self {
        let (words, len) = match &self.credentials {
            SetupCredentials::Extended { security_blob } => (12, security_blob.len()),
            SetupCredentials::Plain { oem_password, unicode_password } => {
                (13, oem_password.len() + unicode_password.len())
            }
        };
        self.names = Text::new(Parts::bytes_offset(Header::LEN, words) + len, unicode, names);
        self
    }
}

impl Body for SessionSetupRequest {
    const COMMAND: Command = Command::SESSION_SETUP_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[12, 13])?;
        let andx = words.field("andx")?;
        let max_buffer_size = words.field("max_buffer_size")?;
        let max_mpx_count = words.field("max_mpx_count")?;
        let vc_number = words.field("vc_number")?;
        let session_key = words.field("session_key")?;
        let mut data = block.data();
        let credentials = if block.word_count == 12 {
            let length: u16 = words.field("security_blob_length")?;
            let security_blob = data.take(usize::from(length), "security_blob")?.to_vec();
            SetupCredentials::Extended { security_blob }
        } else {
            let oem: u16 = words.field("oem_password_len")?;
            let unicode: u16 = words.field("unicode_password_len")?;
            let oem_password = data.take(usize::from(oem), "oem_password")?.to_vec();
            let unicode_password = data.take(usize::from(unicode), "unicode_password")?.to_vec();
            SetupCredentials::Plain { oem_password, unicode_password }
        };
        let reserved = words.field("reserved")?;
        let capabilities = words.field("capabilities")?;
        let names = Text::read(data, block);
        Ok(Self {
            andx,
            max_buffer_size,
            max_mpx_count,
            vc_number,
            session_key,
            reserved,
            capabilities,
            credentials,
            names,
        })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts::default();
        let words = &mut parts.words;
        self.andx.put(words);
        self.max_buffer_size.put(words);
        self.max_mpx_count.put(words);
        self.vc_number.put(words);
        self.session_key.put(words);
        match &self.credentials {
            SetupCredentials::Extended { security_blob } => {
                fit::<u16>(security_blob.len(), "security_blob_length")?.put(words);
                parts.bytes.extend_from_slice(security_blob);
            }
            SetupCredentials::Plain { oem_password, unicode_password } => {
                fit::<u16>(oem_password.len(), "oem_password_len")?.put(words);
                fit::<u16>(unicode_password.len(), "unicode_password_len")?.put(words);
                parts.bytes.extend_from_slice(oem_password);
                parts.bytes.extend_from_slice(unicode_password);
            }
        }
        self.reserved.put(words);
        self.capabilities.put(words);
        parts.bytes.extend_from_slice(&self.names.bytes);
        Ok(parts)
    }
}

/// SMB_COM_SESSION_SETUP_ANDX response, both forms ([MS-CIFS] 2.2.4.53.2, [MS-SMB] 2.2.4.6.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionSetupResponse {
    /// What follows.
    pub andx: AndX,
    /// Whether the user is a guest, and which response was accepted.
    pub action: Action,
    /// The token: `Some` with WordCount 4, extended security; `None` with WordCount 3.
    pub security_blob: Option<Vec<u8>>,
    /// NativeOS, NativeLanMan, and without extended security PrimaryDomain.
    pub names: Text,
}

impl SessionSetupResponse {
    /// The same with these names, for a block at an even offset, such as the first.
    #[must_use]
    pub fn with_names(mut self, unicode: bool, names: &[&str]) -> Self {
        let (words, len) = self.security_blob.as_ref().map_or((3, 0), |blob| (4, blob.len()));
        self.names = Text::new(Parts::bytes_offset(Header::LEN, words) + len, unicode, names);
        self
    }
}

impl Body for SessionSetupResponse {
    const COMMAND: Command = Command::SESSION_SETUP_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[3, 4])?;
        let (andx, action) = (words.field("andx")?, words.field("action")?);
        let mut data = block.data();
        let security_blob = if block.word_count == 4 {
            let length: u16 = words.field("security_blob_length")?;
            Some(data.take(usize::from(length), "security_blob")?.to_vec())
        } else {
            None
        };
        Ok(Self { andx, action, security_blob, names: Text::read(data, block) })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts::default();
        self.andx.put(&mut parts.words);
        self.action.put(&mut parts.words);
        if let Some(blob) = &self.security_blob {
            fit::<u16>(blob.len(), "security_blob_length")?.put(&mut parts.words);
            parts.bytes.extend_from_slice(blob);
        }
        parts.bytes.extend_from_slice(&self.names.bytes);
        Ok(parts)
    }
}

words_body! {
    /// SMB_COM_LOGOFF_ANDX request ([MS-CIFS] 2.2.4.54.1).
    LogoffRequest: LOGOFF_ANDX, 2 {
        /// What follows.
        andx: AndX,
    }

    /// SMB_COM_LOGOFF_ANDX response ([MS-CIFS] 2.2.4.54.2).
    LogoffResponse: LOGOFF_ANDX, 2 {
        /// What follows.
        andx: AndX,
    }
}
