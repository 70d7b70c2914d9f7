//! The client of NTLMv2 ([MS-NLMP] 3.1), connection-oriented, without I/O.
//!
//! [`Client`] writes the NEGOTIATE_MESSAGE, reads the server's CHALLENGE_MESSAGE and writes the AUTHENTICATE_MESSAGE;
//! [`Session`] is what both sides share afterwards. [`crypto`] has the functions in between, one by one, and [`message`]
//! the messages. Everything random comes in through [`Nonces`], and the time through [`Client::new`].

pub mod crypto;
pub mod flags;
pub mod message;
pub mod overheard;
mod secret;

pub use secret::Password;

use crypto::Sender;
use message::{Authenticate, AvId, Challenge, Malformed, Negotiate, TargetInfo, TooLong};
use secret::Secret;
use std::fmt;

/// Who logs on.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// An account and its password.
    User {
        /// The user name as typed; NTLMv2 is indifferent to its case.
        user: String,
        /// The domain or computer that has the account; may be empty.
        domain: String,
        /// The password.
        password: Password,
    },
    /// Nobody: no user, no password, no response ([MS-NLMP] 3.2.5.1.2).
    Anonymous,
}

/// When the AUTHENTICATE_MESSAGE carries a MIC over the three messages ([MS-NLMP] 3.1.5.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mic {
    /// When the server sent an MsvAvTimestamp, as the specification wants it.
    #[default]
    WhenTimestamped,
    /// Always.
    Always,
    /// Never, and no room for one either, as clients before Windows Vista. The others send the field in any case, with
    /// zeros where there is no MIC.
    Never,
}

/// What this client asks for and sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Ask for NTLMSSP_NEGOTIATE_KEY_EXCH: the session key is then random and travels encrypted.
    pub key_exchange: bool,
    /// The MIC. An anonymous logon has none: what says that there is one is in the response it does not send.
    pub mic: Mic,
    /// The 8 bytes of a VERSION structure to send ([MS-NLMP] 2.2.2.10); `None` leaves NTLMSSP_NEGOTIATE_VERSION clear.
    ///
    /// It is more than decoration: impacket's server takes this flag for the sign that the AUTHENTICATE_MESSAGE has the
    /// Version and MIC fields, reads the session key after them in sequence instead of at its offset, and without the
    /// flag ends up with another key.
    pub version: Option<[u8; 8]>,
    /// The name of this computer; may be empty.
    pub workstation: String,
    /// The service name for MsvAvTargetName, such as `cifs/server`. `Some` also sends an all-zero MsvAvChannelBindings,
    /// as Windows does since 7; `None` sends neither.
    pub target_name: Option<String>,
}

impl Default for Options {
    /// Key exchange, a MIC when the server sent its time, version 6.1 with revision 15 of NTLMSSP, no names.
    fn default() -> Self {
        Self {
            key_exchange: true,
            mic: Mic::default(),
            version: Some([6, 1, 0, 0, 0, 0, 0, 15]),
            workstation: String::new(),
            target_name: None,
        }
    }
}

/// Everything random of one exchange. `Debug` hides it.
#[derive(Clone, Copy)]
pub struct Nonces {
    /// ClientChallenge.
    pub client_challenge: [u8; 8],
    /// ExportedSessionKey, where there is a key exchange.
    pub session_key: [u8; 16],
}

/// The operating system gave no random numbers.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no random numbers: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

impl Nonces {
    /// New values from the operating system.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        let mut nonces = Self { client_challenge: [0; 8], session_key: [0; 16] };
        getrandom::fill(&mut nonces.client_challenge)?;
        getrandom::fill(&mut nonces.session_key)?;
        Ok(nonces)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

/// Why there is no AUTHENTICATE_MESSAGE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NtlmError {
    /// The CHALLENGE_MESSAGE cannot be read.
    #[error("CHALLENGE_MESSAGE: {0}")]
    Challenge(#[from] Malformed),
    /// A name does not fit.
    #[error("AUTHENTICATE_MESSAGE: {0}")]
    Authenticate(#[from] TooLong),
}

/// A client in one exchange.
#[derive(Debug, Clone)]
pub struct Client {
    credentials: Credentials,
    options: Options,
    nonces: Nonces,
    filetime: u64,
    negotiate: Vec<u8>,
}

impl Client {
    /// A client for one exchange. `filetime` is the time in units of 100 ns since 1601 (UTC), for servers that do not
    /// send their own.
    #[must_use]
    pub fn new(credentials: Credentials, options: Options, nonces: Nonces, filetime: u64) -> Self {
        let key_exchange = if options.key_exchange { flags::KEY_EXCH } else { 0 };
        let version = if options.version.is_some() { flags::VERSION } else { 0 };
        let negotiate =
            Negotiate { flags: flags::CLIENT | key_exchange | version, version: options.version }.encode();
        Self { credentials, options, nonces, filetime, negotiate }
    }

    /// The NEGOTIATE_MESSAGE ([MS-NLMP] 2.2.1.1).
    #[must_use]
    pub fn negotiate(&self) -> &[u8] {
        &self.negotiate
    }

    /// The AUTHENTICATE_MESSAGE that answers `challenge` ([MS-NLMP] 3.1.5.1.2), and the session it proposes.
    ///
    /// # Errors
    ///
    /// [`NtlmError`].
    pub fn authenticate(&self, challenge: &[u8]) -> Result<(Vec<u8>, Session), NtlmError> {
        let parsed = Challenge::parse(challenge)?;
        let flags = self.agreed(parsed.flags);
        let response = self.response(&parsed)?;

        let key_exchange_key = response.session_base_key;
        let (exported, encrypted) = if flags & flags::KEY_EXCH == 0 {
            (key_exchange_key, Vec::new())
        } else {
            (self.nonces.session_key, crypto::rc4k(&key_exchange_key, &self.nonces.session_key).to_vec())
        };

        let (user, domain) = match &self.credentials {
            Credentials::User { user, domain, .. } => (user.as_str(), domain.as_str()),
            Credentials::Anonymous => ("", ""),
        };
        let mut message = Authenticate {
            flags,
            version: self.options.version.filter(|_| flags & flags::VERSION != 0),
            has_mic: self.options.mic != Mic::Never,
            lm_response: &response.lm,
            nt_response: &response.nt,
            domain,
            user,
            workstation: &self.options.workstation,
            session_key: &encrypted,
        }
        .encode()?;
        if response.mic {
            let mic = crypto::mic(&exported, &self.negotiate, challenge, &message);
            message[message::MIC].copy_from_slice(&mic);
        }
        Ok((message, Session { exported: Secret(exported), flags }))
    }

    /// The flags of the AUTHENTICATE_MESSAGE: what was asked for and granted.
    ///
    /// UNICODE and NTLM stay in any case, there is nothing else this client could do. So does SIGN: there are servers
    /// that leave it out of a CHALLENGE_MESSAGE and grant KEY_EXCH (impacket's over SMB1, and over SMB2 in older
    /// versions), and go by KEY_EXCH alone, although by the letter there is a key exchange only with SIGN or SEAL.
    fn agreed(&self, granted: u32) -> u32 {
        let offered = flags::CLIENT
            | if self.options.key_exchange { flags::KEY_EXCH } else { 0 }
            | if self.options.version.is_some() { flags::VERSION } else { 0 };
        let anonymous = match self.credentials {
            Credentials::User { .. } => 0,
            Credentials::Anonymous => flags::ANONYMOUS,
        };
        offered & granted | flags::UNICODE | flags::NTLM | flags::SIGN | anonymous
    }

    fn response(&self, challenge: &Challenge) -> Result<Response, TooLong> {
        let Credentials::User { user, domain, password } = &self.credentials else {
            return Ok(Response { lm: vec![0], nt: Vec::new(), session_base_key: [0; 16], mic: false });
        };
        let key = crypto::ntowf_v2(password.expose(), user, domain);
        let timestamp = challenge.target_info.timestamp();
        let mic = match self.options.mic {
            Mic::WhenTimestamped => timestamp.is_some(),
            Mic::Always => true,
            Mic::Never => false,
        };
        let target_info = self.target_info(&challenge.target_info, mic)?;
        let client_challenge = &self.nonces.client_challenge;
        let temp = crypto::temp(timestamp.unwrap_or(self.filetime), client_challenge, &target_info);
        let proof = crypto::nt_proof_str(&key, &challenge.server_challenge, &temp);
        let lm = if timestamp.is_some() {
            // A server that sends its time takes no LMv2 response ([MS-NLMP] 3.1.5.1.2).
            vec![0; 24]
        } else {
            crypto::lm_v2_response(&key, &challenge.server_challenge, client_challenge).to_vec()
        };
        let nt = [&proof[..], &temp].concat();
        Ok(Response { lm, nt, session_base_key: crypto::session_base_key(&key, &proof), mic })
    }

    /// The AV pairs to send back: the server's own in their order, and what this client adds.
    fn target_info(&self, from_server: &TargetInfo, mic: bool) -> Result<Vec<u8>, TooLong> {
        let mut pairs = from_server.clone();
        if mic {
            pairs.set(AvId::FLAGS, (pairs.flags() | message::AV_FLAG_MIC).to_le_bytes().to_vec());
        }
        if let Some(name) = &self.options.target_name
            && !from_server.is_empty()
        {
            pairs.set(AvId::CHANNEL_BINDINGS, vec![0; 16]);
            pairs.set(AvId::TARGET_NAME, crypto::utf16le(name));
        }
        pairs.encode()
    }
}

/// What ComputeResponse gives ([MS-NLMP] 3.3.2).
struct Response {
    lm: Vec<u8>,
    nt: Vec<u8>,
    session_base_key: [u8; 16],
    mic: bool,
}

/// The security context after the AUTHENTICATE_MESSAGE, as this client proposed it.
#[derive(Debug, Clone)]
pub struct Session {
    exported: Secret,
    flags: u32,
}

impl Session {
    /// A context from its parts: ExportedSessionKey and the NegotiateFlags of the AUTHENTICATE_MESSAGE.
    #[must_use]
    pub const fn new(exported_session_key: [u8; 16], flags: u32) -> Self {
        Self { exported: Secret(exported_session_key), flags }
    }

    /// ExportedSessionKey: the key the authentication gives to SMB.
    #[must_use]
    pub const fn exported_session_key(&self) -> [u8; 16] {
        self.exported.0
    }

    /// The NegotiateFlags of the AUTHENTICATE_MESSAGE.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// The signature of the first message `sender` signs, sequence number 0 ([MS-NLMP] 3.4.4.2), as the mechListMIC of
    /// SPNEGO needs it. `None` without extended session security, which has no signing keys.
    #[must_use]
    pub fn first_signature(&self, sender: Sender, message: &[u8]) -> Option<[u8; 16]> {
        if self.flags & flags::EXTENDED_SESSIONSECURITY == 0 {
            return None;
        }
        let sign = crypto::sign_key(&self.exported.0, sender);
        let checksum = crypto::signature_checksum(&sign, 0, message);
        if self.flags & flags::KEY_EXCH == 0 {
            return Some(crypto::message_signature(checksum, 0));
        }
        let seal = crypto::seal_key(&self.exported.0, self.flags, sender);
        Some(crypto::message_signature(crypto::rc4(&seal, checksum), 0))
    }
}
