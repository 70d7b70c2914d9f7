//! From the key of the authentication to the key that signs ([MS-SMB2] 3.1.4.2, 3.2.5.3, 3.3.5.5.3).

use hmac::{Hmac, KeyInit, Mac};
use model::Dialect;
use sha2::{Digest, Sha256};

/// The KDF of SP 800-108 in counter mode with HMAC-SHA256, r = 32, for 16 bytes of output ([MS-SMB2] 3.1.4.2).
///
/// `label` and `context` are given with their terminating NUL where they are strings. The one block of output is
/// `HMAC(key, 00000001 || label || 00 || context || 00000080)`.
///
/// L is always 128. The specification says 256 for connections that encrypt with AES-256, but that is true of
/// encryption keys only: signing keys have 16 bytes everywhere, and the length is hashed, so a longer key would not
/// even start with the same bytes.
#[must_use]
pub fn sp800_108(key: &[u8], label: &[u8], context: &[u8]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new(&hmac_block(key).into());
    mac.update(&1_u32.to_be_bytes());
    mac.update(label);
    mac.update(&[0]);
    mac.update(context);
    mac.update(&128_u32.to_be_bytes());
    first_16(&mac.finalize().into_bytes())
}

/// Session.SessionKey: the first 16 bytes of the key the authentication gave, padded with zeros on the right if it
/// has fewer ([MS-SMB2] 3.2.1.3, 3.3.1.8).
#[must_use]
pub fn session_key(gss_key: &[u8]) -> [u8; 16] {
    first_16(gss_key)
}

/// The key that signs under `dialect`: Session.SigningKey, or Channel.SigningKey with the values of a channel.
///
/// SMB 2.x (and SMB1) sign with the session key itself. 3.0 and 3.0.2 derive from fixed strings. 3.1.1 derives from
/// `preauth`, the hash of the exchange that made this session or channel up to and including the last SESSION_SETUP
/// request ([`crate::preauth::PreauthHash`]); no other dialect looks at it. For a channel the same label holds
/// ([MS-SMB2] 3.3.5.5.3; the text of 3.2.5.3.3 names the one of 3.0, which Microsoft's own packets contradict).
#[must_use]
pub fn signing_key(dialect: Dialect, session_key: &[u8; 16], preauth: &[u8; 64]) -> [u8; 16] {
    match dialect {
        Dialect::Nt1 | Dialect::Smb202 | Dialect::Smb21 => *session_key,
        Dialect::Smb30 | Dialect::Smb302 => sp800_108(session_key, b"SMB2AESCMAC\0", b"SmbSign\0"),
        Dialect::Smb311 => sp800_108(session_key, b"SMBSigningKey\0", preauth),
    }
}

/// `key` as HMAC-SHA256 takes it: hashed if longer than a block, then padded with zeros (RFC 2104). Doing it here
/// leaves no key length that could be refused.
fn hmac_block(key: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    block
}

/// The first 16 bytes, with zeros for those that are missing.
fn first_16(bytes: &[u8]) -> [u8; 16] {
    let mut array = [0; 16];
    array.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    array
}
