//! Signing and verifying SMB1 messages ([MS-CIFS] 3.1.4.1, 3.1.5.1).
//!
//! A message is its bytes from the first byte of the header to the last, of a chain all of it; the transport prefix is no
//! part of it.

use super::{Flags2, Header};
use md5::{Digest as _, Md5};
use std::fmt;

/// What the SecuritySignature field holds before signing is active, once both sides have said that they will sign:
/// Windows fills it in the SESSION_SETUP request ([MS-SMB] <81>, which prints seven of the eight bytes), Samba in the
/// response too. It is to be ignored.
pub const BSRSPYL: [u8; 8] = *b"BSRSPYL ";

/// A message that is shorter than a header, so that it has no place for a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes are too short for an SMB1 message: its header alone has {}", Header::LEN)]
pub struct TooShort {
    /// How many bytes there are.
    pub len: usize,
}

/// Why a message did not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The field holds something else than the signature of these bytes under this key with this sequence number.
    #[error("the signature is {} and should be {}", Hex(got), Hex(expected))]
    Mismatch {
        /// The signature these bytes should carry.
        expected: [u8; 8],
        /// What the SecuritySignature field holds.
        got: [u8; 8],
    },
    /// There is no header to look into.
    #[error(transparent)]
    TooShort(#[from] TooShort),
}

/// What a connection signs with: SigningSessionKey and SigningChallengeResponse ([MS-CIFS] 3.2.1.2). `Debug` hides both.
#[derive(Clone)]
pub struct MacKey {
    /// MD5 after both.
    keyed: Md5,
}

impl MacKey {
    /// A key from the session key, all of it ([MS-CIFS] 3.2.5.3), and the response to the challenge, which is empty with
    /// extended security ([MS-SMB] 3.2.5.3). A session key below 16 bytes is filled up with zeros.
    #[must_use]
    pub fn new(session_key: &[u8], challenge_response: &[u8]) -> Self {
        let padding = &[0; 16][session_key.len().min(16)..];
        let mut keyed = Md5::new();
        for part in [session_key, padding, challenge_response] {
            keyed.update(part);
        }
        Self { keyed }
    }

    /// The signature `message` should carry as number `sequence`: the first 8 bytes of MD5 over key and message, in
    /// whose SecuritySignature field the number stands. The flags count as they are.
    ///
    /// # Errors
    /// [`TooShort`].
    pub fn signature(&self, message: &[u8], sequence: u32) -> Result<[u8; 8], TooShort> {
        let (Some(before), Some(after)) =
            (message.get(..Header::SIGNATURE.start), message.get(Header::SIGNATURE.end..))
        else {
            return Err(TooShort { len: message.len() });
        };
        if message.len() < Header::LEN {
            return Err(TooShort { len: message.len() });
        }
        let mut md5 = self.keyed.clone();
        md5.update(before);
        md5.update(u64::from(sequence).to_le_bytes());
        md5.update(after);
        let digest: [u8; 16] = md5.finalize().into();
        let [signature @ .., _, _, _, _, _, _, _, _] = digest;
        Ok(signature)
    }

    /// Signs `message` in place as number `sequence`: sets SMB_FLAGS2_SMB_SECURITY_SIGNATURE, writes SecuritySignature.
    ///
    /// # Errors
    /// [`TooShort`]; `message` is then unchanged.
    pub fn sign(&self, message: &mut [u8], sequence: u32) -> Result<(), TooShort> {
        if message.len() < Header::LEN {
            return Err(TooShort { len: message.len() });
        }
        message[Header::FLAGS2.start] |= Flags2::SECURITY_SIGNATURE.0.to_le_bytes()[0];
        let signature = self.signature(message, sequence)?;
        message[Header::SIGNATURE].copy_from_slice(&signature);
        Ok(())
    }

    /// Verifies the SecuritySignature of `message` as number `sequence`, over the bytes as received. Whether
    /// SMB_FLAGS2_SMB_SECURITY_SIGNATURE is set is no condition here: the caller has to judge that.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, message: &[u8], sequence: u32) -> Result<(), BadSignature> {
        let expected = self.signature(message, sequence)?;
        let mut got = [0; 8];
        got.copy_from_slice(&message[Header::SIGNATURE]);
        // Not in constant time: the harness prints both values, there is nothing left to leak.
        if got == expected { Ok(()) } else { Err(BadSignature::Mismatch { expected, got }) }
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey").finish_non_exhaustive()
    }
}

/// Bytes as lower-case hex, for messages to people.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
