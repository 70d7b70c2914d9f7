//! Signing and verifying SMB2 messages ([MS-SMB2] 3.1.4.1, 3.1.5.1).
//!
//! A message here is the bytes of one SMB2 message as they are on the wire, from the first byte of its 64-byte header
//! to the last byte that its signature covers: the whole of a single message, or one element of a compound including
//! the padding up to `NextCommand`. Transport prefixes are not part of it.

use aes::Aes128;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes128Gcm, Nonce};
use cmac::Cmac;
use hmac::{Hmac, KeyInit, Mac};
use model::Algorithm;
use sha2::Sha256;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The length of an SMB2 header in bytes ([MS-SMB2] 2.2.1).
pub const HEADER_LEN: usize = 64;

/// Where the 16-byte Signature field is in the header ([MS-SMB2] 2.2.1).
pub const SIGNATURE: Range<usize> = 48..HEADER_LEN;

/// SMB2_FLAGS_SERVER_TO_REDIR: the sender is the server ([MS-SMB2] 2.2.1).
const FLAG_SERVER_TO_REDIR: u8 = 0x01;
/// SMB2_FLAGS_SIGNED ([MS-SMB2] 2.2.1).
const FLAG_SIGNED: u8 = 0x08;
/// The first, least significant byte of the Flags field; the two flags above are both in it.
const FLAGS: usize = 16;
/// The Command field.
const COMMAND: Range<usize> = 12..14;
/// SMB2 CANCEL ([MS-SMB2] 2.2.1.2).
const CANCEL: u16 = 0x000C;
/// The MessageId field.
const MESSAGE_ID: Range<usize> = 24..32;

/// A message that is shorter than an SMB2 header, so that it has no place for a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes are too short for an SMB2 message: its header alone has {HEADER_LEN}")]
pub struct TooShort {
    /// How many bytes there are.
    pub len: usize,
}

/// An algorithm that signs no SMB2 message: MD5 belongs to SMB1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} does not sign SMB2 messages")]
pub struct NotSmb2(pub Algorithm);

/// Why a message did not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The field holds something else than the signature of these bytes under this key.
    #[error("the signature is {} and should be {}", Hex(got), Hex(expected))]
    Mismatch {
        /// The signature these bytes should carry.
        expected: [u8; 16],
        /// What the Signature field holds.
        got: [u8; 16],
    },
    /// There is no header to look into.
    #[error(transparent)]
    TooShort(#[from] TooShort),
}

/// A message whose signature was found to be right; only [`SigningKey::verify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedFrame<'a> {
    message: &'a [u8],
}

impl<'a> VerifiedFrame<'a> {
    /// The bytes that verified, from the header on, as they were received.
    #[must_use]
    pub const fn message(&self) -> &'a [u8] {
        self.message
    }
}

/// A key with the algorithm it signs with ([MS-SMB2] 3.1.4.1). Cloning it is cheap; `Debug` hides the key.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    mac: Arc<KeyedMac>,
}

/// The algorithms with the key already scheduled, so that a message costs no key expansion.
enum KeyedMac {
    HmacSha256(Hmac<Sha256>),
    Aes128Cmac(Cmac<Aes128>),
    Aes128Gmac(Aes128Gcm),
}

impl SigningKey {
    /// A signing key of 16 bytes: Session.SigningKey or Channel.SigningKey, as [`crate::kdf::signing_key`] derives it.
    ///
    /// # Errors
    ///
    /// [`NotSmb2`] for MD5, which signs SMB1.
    pub fn new(algorithm: Algorithm, key: [u8; 16]) -> Result<Self, NotSmb2> {
        let mac = match algorithm {
            Algorithm::HmacSha256 => {
                // HMAC pads a short key with zeros to the block size itself; a padded key cannot have a wrong length.
                let mut block = [0; 64];
                block[..16].copy_from_slice(&key);
                KeyedMac::HmacSha256(Hmac::new(&block.into()))
            }
            Algorithm::Aes128Cmac => KeyedMac::Aes128Cmac(Cmac::new(&key.into())),
            Algorithm::Aes128Gmac => KeyedMac::Aes128Gmac(Aes128Gcm::new(&key.into())),
            Algorithm::Md5 => return Err(NotSmb2(algorithm)),
        };
        Ok(Self { algorithm, mac: Arc::new(mac) })
    }

    /// The algorithm this key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs `message` in place: sets SMB2_FLAGS_SIGNED and writes the Signature field.
    ///
    /// # Errors
    ///
    /// [`TooShort`]; `message` is then unchanged.
    pub fn sign(&self, message: &mut [u8]) -> Result<(), TooShort> {
        check_length(message)?;
        message[FLAGS] |= FLAG_SIGNED;
        message[SIGNATURE].fill(0);
        let signature = match &*self.mac {
            // The field is zero already, so the one algorithm that cannot take pieces needs no copy here.
            KeyedMac::Aes128Gmac(gcm) => gmac(gcm, &nonce(message), message),
            _ => self.compute(message),
        };
        message[SIGNATURE].copy_from_slice(&signature);
        Ok(())
    }

    /// The signature these bytes should carry: the Signature field counts as zero, the flags as they are.
    ///
    /// # Errors
    ///
    /// [`TooShort`].
    pub fn signature(&self, message: &[u8]) -> Result<[u8; 16], TooShort> {
        check_length(message)?;
        Ok(self.compute(message))
    }

    /// The signature these bytes would carry if the nonce were another: with AES-128-GMAC, bit 0 of `flip` takes the
    /// other sender, bit 1 the other answer to whether it is a CANCEL ([MS-SMB2] 3.1.4.1). The other algorithms have no
    /// nonce.
    ///
    /// # Errors
    ///
    /// [`TooShort`].
    pub fn signature_with_other_nonce(&self, message: &[u8], flip: u8) -> Result<[u8; 16], TooShort> {
        check_length(message)?;
        match &*self.mac {
            KeyedMac::Aes128Gmac(gcm) => {
                let mut nonce = nonce(message);
                nonce[8] ^= flip & 3;
                let mut signed = message.to_vec();
                signed[SIGNATURE].fill(0);
                Ok(gmac(gcm, &nonce, &signed))
            }
            _ => Ok(self.compute(message)),
        }
    }

    /// Verifies the Signature field of `message` over the bytes as received ([MS-SMB2] 3.1.5.1).
    ///
    /// Whether SMB2_FLAGS_SIGNED is set is part of what is signed and no condition here: a message that is signed
    /// without it (a server bug in the field) verifies, and the caller has to judge the flag.
    ///
    /// # Errors
    ///
    /// [`BadSignature`] with both signatures where they differ, or if there is no header.
    pub fn verify<'a>(&self, message: &'a [u8]) -> Result<VerifiedFrame<'a>, BadSignature> {
        let expected = self.signature(message)?;
        let got = array(&message[SIGNATURE]);
        // Not in constant time: the harness prints both values, there is nothing left to leak.
        if got == expected {
            Ok(VerifiedFrame { message })
        } else {
            Err(BadSignature::Mismatch { expected, got })
        }
    }

    /// The signature of `message`, which is at least a header long.
    fn compute(&self, message: &[u8]) -> [u8; 16] {
        let pieces = [&message[..SIGNATURE.start], &[0; 16], &message[SIGNATURE.end..]];
        match &*self.mac {
            KeyedMac::HmacSha256(keyed) => {
                let mut mac = keyed.clone();
                pieces.iter().for_each(|piece| mac.update(piece));
                array(&mac.finalize().into_bytes()[..16])
            }
            KeyedMac::Aes128Cmac(keyed) => {
                let mut mac = keyed.clone();
                pieces.iter().for_each(|piece| mac.update(piece));
                mac.finalize().into_bytes().into()
            }
            // AEAD interfaces take their associated data in one piece, and the received bytes must stay as they are.
            KeyedMac::Aes128Gmac(gcm) => gmac(gcm, &nonce(message), &pieces.concat()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Bytes as lower-case hex, for messages to people.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

const fn check_length(message: &[u8]) -> Result<(), TooShort> {
    if message.len() < HEADER_LEN { Err(TooShort { len: message.len() }) } else { Ok(()) }
}

/// The first 16 bytes of `bytes`, which has at least as many.
fn array(bytes: &[u8]) -> [u8; 16] {
    let mut array = [0; 16];
    array.copy_from_slice(bytes);
    array
}

/// The 12-byte nonce of AES-GMAC ([MS-SMB2] 3.1.4.1): MessageId, then 32 bits of which bit 0 says that the sender is
/// the server and bit 1 that the command is CANCEL, which repeats the MessageId of what it cancels.
fn nonce(message: &[u8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&message[MESSAGE_ID]);
    let from_server = message[FLAGS] & FLAG_SERVER_TO_REDIR != 0;
    let cancel = message[COMMAND] == CANCEL.to_le_bytes();
    nonce[8] = u8::from(from_server) | u8::from(cancel) << 1;
    nonce
}

/// AES-128-GCM over associated data alone.
fn gmac(gcm: &Aes128Gcm, nonce: &[u8; 12], data: &[u8]) -> [u8; 16] {
    let nothing = InOutBuf::from(&mut [][..]);
    match gcm.encrypt_inout_detached(&Nonce::from(*nonce), data, nothing) {
        Ok(tag) => tag.into(),
        Err(_) => unreachable!("GCM refuses 2^61 bytes of associated data, which no address space holds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_names_sender_and_cancel() {
        let mut message = [0; HEADER_LEN];
        message[MESSAGE_ID].copy_from_slice(&0x0102_0304_0506_0708_u64.to_le_bytes());
        assert_eq!(nonce(&message), [8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0]);
        message[FLAGS] = FLAG_SERVER_TO_REDIR | FLAG_SIGNED;
        assert_eq!(nonce(&message)[8..], [1, 0, 0, 0]);
        message[COMMAND].copy_from_slice(&CANCEL.to_le_bytes());
        assert_eq!(nonce(&message)[8..], [3, 0, 0, 0]);
        message[FLAGS] = FLAG_SIGNED;
        assert_eq!(nonce(&message)[8..], [2, 0, 0, 0]);
        // 0x010C and 0x0C00 are not CANCEL.
        message[COMMAND].copy_from_slice(&[0x0C, 1]);
        assert_eq!(nonce(&message)[8..], [0, 0, 0, 0]);
    }
}
