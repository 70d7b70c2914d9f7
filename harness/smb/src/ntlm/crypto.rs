//! The functions of [MS-NLMP] 3.3.2 and 3.4, one by one. None keeps state and none fails.

use super::flags;
use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest as _, Md4};
use md5::Md5;
use rc4::{Rc4, StreamCipher};

/// Who signs: each direction has its own keys ([MS-NLMP] 3.4.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The side that logs on.
    Client,
    /// The side that is logged on to.
    Server,
}

/// UNICODE(): `text` in UTF-16LE without a terminator ([MS-NLMP] 6).
#[must_use]
pub fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The NT hash: NTOWFv1, MD4 of the password in UTF-16LE ([MS-NLMP] 3.3.1).
#[must_use]
pub fn ntowf_v1(password: &str) -> [u8; 16] {
    Md4::digest(utf16le(password)).into()
}

/// NTOWFv2, which is also LMOWFv2: ResponseKeyNT and ResponseKeyLM ([MS-NLMP] 3.3.2). The user name is taken in upper
/// case, the domain as it is.
#[must_use]
pub fn ntowf_v2(password: &str, user: &str, domain: &str) -> [u8; 16] {
    hmac_md5(&ntowf_v1(password), &[&utf16le(&uppercase(user)), &utf16le(domain)])
}

/// `temp`, the NTLMv2_CLIENT_CHALLENGE ([MS-NLMP] 2.2.2.7, 3.3.2), with the four zero bytes that follow it. `filetime`
/// counts 100 ns since 1601; `target_info` is the AV pairs including MsvAvEOL.
#[must_use]
pub fn temp(filetime: u64, client_challenge: &[u8; 8], target_info: &[u8]) -> Vec<u8> {
    let reserved = [0; 4];
    [
        &[1, 1, 0, 0, 0, 0, 0, 0],
        &filetime.to_le_bytes()[..],
        client_challenge,
        &reserved,
        target_info,
        &reserved,
    ]
    .concat()
}

/// NTProofStr: the first 16 bytes of the NTLMv2 response, which `temp` follows ([MS-NLMP] 3.3.2).
#[must_use]
pub fn nt_proof_str(response_key: &[u8; 16], server_challenge: &[u8; 8], temp: &[u8]) -> [u8; 16] {
    hmac_md5(response_key, &[server_challenge, temp])
}

/// SessionBaseKey, which with NTLMv2 is also the KeyExchangeKey ([MS-NLMP] 3.3.2, 3.4.5.1).
#[must_use]
pub fn session_base_key(response_key: &[u8; 16], nt_proof_str: &[u8; 16]) -> [u8; 16] {
    hmac_md5(response_key, &[nt_proof_str])
}

/// The LMv2 response ([MS-NLMP] 2.2.2.4, 3.3.2).
#[must_use]
pub fn lm_v2_response(
    response_key: &[u8; 16],
    server_challenge: &[u8; 8],
    client_challenge: &[u8; 8],
) -> [u8; 24] {
    let mut response = [0; 24];
    response[..16].copy_from_slice(&hmac_md5(response_key, &[server_challenge, client_challenge]));
    response[16..].copy_from_slice(client_challenge);
    response
}

/// RC4K(): `data` under a fresh RC4 state of `key` ([MS-NLMP] 6). With the KeyExchangeKey it turns ExportedSessionKey
/// into EncryptedRandomSessionKey, and back.
#[must_use]
pub fn rc4k(key: &[u8; 16], data: &[u8; 16]) -> [u8; 16] {
    rc4(key, *data)
}

/// `data` under a fresh RC4 state of `key`, for any length that is fixed.
#[must_use]
pub fn rc4<const N: usize>(key: &[u8; 16], mut data: [u8; N]) -> [u8; N] {
    // RC4 uses its key in a circle, so writing it twice changes nothing but gives a length the type system knows.
    let mut twice = [0; 32];
    twice[..16].copy_from_slice(key);
    twice[16..].copy_from_slice(key);
    Rc4::new(&twice.into()).apply_keystream(&mut data);
    data
}

/// The MIC: HMAC-MD5 over the three messages, the AUTHENTICATE_MESSAGE with zeros in its MIC field
/// ([MS-NLMP] 3.1.5.1.2).
#[must_use]
pub fn mic(
    exported_session_key: &[u8; 16],
    negotiate: &[u8],
    challenge: &[u8],
    authenticate: &[u8],
) -> [u8; 16] {
    hmac_md5(exported_session_key, &[negotiate, challenge, authenticate])
}

/// SIGNKEY() with extended session security ([MS-NLMP] 3.4.5.2).
#[must_use]
pub fn sign_key(exported_session_key: &[u8; 16], sender: Sender) -> [u8; 16] {
    let magic: &[u8] = match sender {
        Sender::Client => b"session key to client-to-server signing key magic constant\0",
        Sender::Server => b"session key to server-to-client signing key magic constant\0",
    };
    md5(&[exported_session_key, magic])
}

/// SEALKEY() with extended session security ([MS-NLMP] 3.4.5.3). Of `flags` only KEY_128 and KEY_56 matter.
#[must_use]
pub fn seal_key(exported_session_key: &[u8; 16], flags: u32, sender: Sender) -> [u8; 16] {
    let length = if flags & flags::KEY_128 != 0 {
        16
    } else if flags & flags::KEY_56 != 0 {
        7
    } else {
        5
    };
    let magic: &[u8] = match sender {
        Sender::Client => b"session key to client-to-server sealing key magic constant\0",
        Sender::Server => b"session key to server-to-client sealing key magic constant\0",
    };
    md5(&[&exported_session_key[..length], magic])
}

/// The checksum of an NTLMSSP_MESSAGE_SIGNATURE with extended session security, before any encryption
/// ([MS-NLMP] 3.4.4.2).
#[must_use]
pub fn signature_checksum(sign_key: &[u8; 16], sequence: u32, message: &[u8]) -> [u8; 8] {
    let mac = hmac_md5(sign_key, &[&sequence.to_le_bytes(), message]);
    let mut checksum = [0; 8];
    checksum.copy_from_slice(&mac[..8]);
    checksum
}

/// An NTLMSSP_MESSAGE_SIGNATURE for extended session security ([MS-NLMP] 2.2.2.9.2); with a key exchange the checksum
/// is the one that went through RC4 under the sealing key.
#[must_use]
pub fn message_signature(checksum: [u8; 8], sequence: u32) -> [u8; 16] {
    let mut signature = [0; 16];
    signature[0] = 1;
    signature[4..12].copy_from_slice(&checksum);
    signature[12..].copy_from_slice(&sequence.to_le_bytes());
    signature
}

/// Upper case the way Windows does it: one UTF-16 unit for one, so nothing that would grow (the German sharp s).
fn uppercase(text: &str) -> String {
    text.chars()
        .map(|char| {
            let mut upper = char.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => char,
            }
        })
        .collect()
}

/// HMAC-MD5 over `parts` in order.
fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    // HMAC pads a short key with zeros to the block size itself; a padded key cannot have a wrong length.
    let mut block = [0; 64];
    block[..16].copy_from_slice(key);
    let mut mac = Hmac::<Md5>::new(&block.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_keeps_the_length() {
        assert_eq!(uppercase("müller.Straße1"), "MÜLLER.STRAßE1");
    }
}
