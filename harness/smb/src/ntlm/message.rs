//! The three messages of NTLM ([MS-NLMP] 2.2.1) and the AV pairs in them (2.2.2.1).

use super::crypto::utf16le;
use super::flags;
use std::ops::Range;

/// What every NTLM message begins with.
pub const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Where the MIC is in an AUTHENTICATE_MESSAGE that has one ([MS-NLMP] 2.2.1.3).
pub const MIC: Range<usize> = 72..88;

/// The bit of MsvAvFlags that says that there is a MIC ([MS-NLMP] 2.2.2.1).
pub const AV_FLAG_MIC: u32 = 0x0000_0002;

/// Why a message of a server cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It does not begin with `NTLMSSP` and a NUL.
    #[error("not an NTLM message")]
    NotNtlm,
    /// It is another message: its MessageType is not 2.
    #[error("MessageType is {0}, not 2")]
    MessageType(u32),
    /// It ends before its fixed part does.
    #[error("{0} bytes are too short for it")]
    Truncated(usize),
    /// The fields of TargetInfo point outside of the message.
    #[error("TargetInfo is at {offset}+{len} of {message} bytes")]
    TargetInfo {
        /// TargetInfoBufferOffset, in bytes from the beginning of the message.
        offset: usize,
        /// TargetInfoLen in bytes.
        len: usize,
        /// The length of the message in bytes.
        message: usize,
    },
    /// An AV pair is longer than what is left of TargetInfo.
    #[error("AV pair at byte {0} of TargetInfo is too long")]
    AvPair(usize),
}

/// A field that is longer than the 65535 bytes its length can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} has {len} bytes, more than 65535")]
pub struct TooLong {
    /// The name of the field.
    pub field: &'static str,
    /// Its length in bytes.
    pub len: usize,
}

/// A NEGOTIATE_MESSAGE ([MS-NLMP] 2.2.1.1) that names neither domain nor workstation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiate {
    /// NegotiateFlags, as in [`flags`].
    pub flags: u32,
    /// The VERSION structure; zeros are sent for `None`.
    pub version: Option<[u8; 8]>,
}

impl Negotiate {
    /// The 40 bytes of the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let nowhere = [0, 0, 0, 0, 40, 0, 0, 0];
        [
            &SIGNATURE[..],
            &1_u32.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &nowhere,
            &nowhere,
            &self.version.unwrap_or_default(),
        ]
        .concat()
    }
}

/// What this client needs of a CHALLENGE_MESSAGE ([MS-NLMP] 2.2.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// NegotiateFlags: what the server grants, as in [`flags`].
    pub flags: u32,
    /// ServerChallenge.
    pub server_challenge: [u8; 8],
    /// TargetInfo; empty where the server sent none.
    pub target_info: TargetInfo,
}

impl Challenge {
    /// Reads a CHALLENGE_MESSAGE. Tolerated are messages without the Version field and, from servers of long ago,
    /// without TargetInfo fields; TargetName, Reserved and Version are not looked at.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn parse(message: &[u8]) -> Result<Self, Malformed> {
        if !message.starts_with(SIGNATURE) {
            return Err(Malformed::NotNtlm);
        }
        let truncated = Malformed::Truncated(message.len());
        let message_type = u32_at(message, 8).ok_or(truncated)?;
        if message_type != 2 {
            return Err(Malformed::MessageType(message_type));
        }
        let flags = u32_at(message, 20).ok_or(truncated)?;
        let server_challenge = *message.get(24..).and_then(<[u8]>::first_chunk).ok_or(truncated)?;
        let len = u16_at(message, 40).map_or(0, usize::from);
        // Without the flag the fields MUST be ignored (2.2.1.2).
        let target_info = if flags & flags::TARGET_INFO != 0 && len != 0 {
            let offset = u32_at(message, 44).ok_or(truncated)? as usize;
            let outside = Malformed::TargetInfo { offset, len, message: message.len() };
            let pairs = message.get(offset..).and_then(|rest| rest.get(..len)).ok_or(outside)?;
            TargetInfo::parse(pairs)?
        } else {
            TargetInfo::default()
        };
        Ok(Self { flags, server_challenge, target_info })
    }
}

/// What an AV pair is about ([MS-NLMP] 2.2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AvId(pub u16);

impl AvId {
    /// MsvAvEOL: the end of the list.
    pub const EOL: Self = Self(0);
    /// MsvAvNbComputerName.
    pub const NB_COMPUTER_NAME: Self = Self(1);
    /// MsvAvNbDomainName.
    pub const NB_DOMAIN_NAME: Self = Self(2);
    /// MsvAvFlags: 32 bits.
    pub const FLAGS: Self = Self(6);
    /// MsvAvTimestamp: a FILETIME.
    pub const TIMESTAMP: Self = Self(7);
    /// MsvAvTargetName: UTF-16LE.
    pub const TARGET_NAME: Self = Self(9);
    /// MsvAvChannelBindings: 16 bytes.
    pub const CHANNEL_BINDINGS: Self = Self(10);
}

/// A list of AV pairs, in order, without its MsvAvEOL. Pairs nobody here knows are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetInfo {
    pairs: Vec<(AvId, Vec<u8>)>,
}

impl TargetInfo {
    /// Reads a list up to MsvAvEOL; what follows it is dropped. A list that just ends is tolerated.
    ///
    /// # Errors
    ///
    /// [`Malformed::AvPair`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut pairs = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let (Some(id), Some(len)) = (u16_at(rest, 0), u16_at(rest, 2)) else {
                return Err(Malformed::AvPair(at));
            };
            if AvId(id) == AvId::EOL {
                break;
            }
            let len = usize::from(len);
            let value = rest.get(4..4 + len).ok_or(Malformed::AvPair(at))?;
            pairs.push((AvId(id), value.to_vec()));
            at += 4 + len;
        }
        Ok(Self { pairs })
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The value of the first pair with this id.
    #[must_use]
    pub fn get(&self, id: AvId) -> Option<&[u8]> {
        self.pairs.iter().find(|(known, _)| *known == id).map(|(_, value)| value.as_slice())
    }

    /// Gives `id` this value, in its place if it is there and at the end if it is not.
    pub fn set(&mut self, id: AvId, value: Vec<u8>) {
        match self.pairs.iter_mut().find(|(known, _)| *known == id) {
            Some((_, old)) => *old = value,
            None => self.pairs.push((id, value)),
        }
    }

    /// MsvAvTimestamp: the server's time in units of 100 ns since 1601. `None` also if it does not have 8 bytes.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        Some(u64::from_le_bytes(self.get(AvId::TIMESTAMP)?.try_into().ok()?))
    }

    /// MsvAvFlags; 0 where it is missing or does not have 4 bytes.
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.get(AvId::FLAGS).and_then(|value| value.try_into().ok()).map_or(0, u32::from_le_bytes)
    }

    /// The list as bytes, with its MsvAvEOL.
    ///
    /// # Errors
    ///
    /// [`TooLong`] for a value that an AvLen cannot say.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut bytes = Vec::new();
        for (id, value) in &self.pairs {
            bytes.extend_from_slice(&id.0.to_le_bytes());
            bytes.extend_from_slice(&length("AV pair", value)?.to_le_bytes());
            bytes.extend_from_slice(value);
        }
        bytes.extend_from_slice(&[0; 4]);
        Ok(bytes)
    }
}

/// An AUTHENTICATE_MESSAGE ([MS-NLMP] 2.2.1.3) with its strings in UTF-16LE.
#[derive(Debug, Clone, Copy)]
pub struct Authenticate<'a> {
    /// NegotiateFlags, as in [`flags`].
    pub flags: u32,
    /// The VERSION structure; zeros are sent for `None`.
    pub version: Option<[u8; 8]>,
    /// Whether there is room for a MIC, sent as zeros to be filled in at [`MIC`].
    pub has_mic: bool,
    /// LmChallengeResponse.
    pub lm_response: &'a [u8],
    /// NtChallengeResponse.
    pub nt_response: &'a [u8],
    /// DomainName.
    pub domain: &'a str,
    /// UserName.
    pub user: &'a str,
    /// Workstation.
    pub workstation: &'a str,
    /// EncryptedRandomSessionKey; empty without a key exchange.
    pub session_key: &'a [u8],
}

impl Authenticate<'_> {
    /// The message, with its payload in the order in which Windows sends it.
    ///
    /// # Errors
    ///
    /// [`TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let (domain, user, workstation) =
            (utf16le(self.domain), utf16le(self.user), utf16le(self.workstation));
        let start = if self.has_mic { MIC.end } else { MIC.start };
        let mut payload = Vec::new();
        // The strings first: they have to be at even offsets, and everything else may have odd lengths.
        let mut place = |field, bytes: &[u8]| -> Result<[u8; 8], TooLong> {
            let len = length(field, bytes)?.to_le_bytes();
            let offset =
                u32::try_from(start + payload.len()).map_err(|_| TooLong { field, len: payload.len() })?;
            payload.extend_from_slice(bytes);
            let offset = offset.to_le_bytes();
            Ok([len[0], len[1], len[0], len[1], offset[0], offset[1], offset[2], offset[3]])
        };
        let domain = place("DomainName", &domain)?;
        let user = place("UserName", &user)?;
        let workstation = place("Workstation", &workstation)?;
        let lm_response = place("LmChallengeResponse", self.lm_response)?;
        let nt_response = place("NtChallengeResponse", self.nt_response)?;
        let session_key = place("EncryptedRandomSessionKey", self.session_key)?;
        let mic: &[u8] = if self.has_mic { &[0; 16] } else { &[] };
        Ok([
            &SIGNATURE[..],
            &3_u32.to_le_bytes(),
            &lm_response,
            &nt_response,
            &domain,
            &user,
            &workstation,
            &session_key,
            &self.flags.to_le_bytes(),
            &self.version.unwrap_or_default(),
            mic,
            &payload,
        ]
        .concat())
    }
}

fn length(field: &'static str, bytes: &[u8]) -> Result<u16, TooLong> {
    u16::try_from(bytes.len()).map_err(|_| TooLong { field, len: bytes.len() })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// Whether a security token holds an AUTHENTICATE_MESSAGE of nobody: neither a user nor a response to the challenge
/// ([MS-NLMP] 2.2.1.3, 3.2.5.1.2).
#[must_use]
pub fn is_anonymous(token: &[u8]) -> bool {
    const NT_RESPONSE_LENGTH: usize = 20;
    const USER_NAME_LENGTH: usize = 36;
    authenticate(token).is_some_and(|message| {
        [NT_RESPONSE_LENGTH, USER_NAME_LENGTH].iter().all(|field| u16_at(message, *field) == Some(0))
    })
}

/// NegotiateFlags of the AUTHENTICATE_MESSAGE in a security token, as in [`flags`]; `None` where it holds none
/// ([MS-NLMP] 2.2.1.3).
#[must_use]
pub fn authenticate_flags(token: &[u8]) -> Option<u32> {
    const NEGOTIATE_FLAGS: usize = 60;
    u32_at(authenticate(token)?, NEGOTIATE_FLAGS)
}

/// The AUTHENTICATE_MESSAGE in a security token, wherever it stands in its SPNEGO wrapping: Signature and MessageType make
/// it unmistakable.
fn authenticate(token: &[u8]) -> Option<&[u8]> {
    const AUTHENTICATE: &[u8] = b"NTLMSSP\0\x03\0\0\0";
    let start = token.windows(AUTHENTICATE.len()).position(|window| window == AUTHENTICATE)?;
    token.get(start..)
}
