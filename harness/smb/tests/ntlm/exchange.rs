//! What the tests share: inputs, and ways into messages that do not go through the code under test.

use crate::channels::{channel, frame};
use crate::vectors::bytes;
use countersign_smb::auth::{AuthConfig, Wrapping};
use countersign_smb::ntlm::{Credentials, Nonces, Options};
use countersign_smb::spnego::{NegTokenInit, NegTokenResp, Token};

/// [MS-NLMP] 4.2.4.3.
pub(crate) const CHALLENGE_4_2_4: &str = "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f53006500720076006500720002000c0044006f006d00610069006e0001000c005300650072007600650072000000000000";
pub(crate) const AUTHENTICATE_4_2_4: &str = "4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d005000550054004500520086c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e";
pub(crate) const FLAGS_4_2_4: u32 = 0xE28A_8233;

pub(crate) fn user(user: &str, domain: &str, password: &str) -> Credentials {
    Credentials::User { user: user.into(), domain: domain.into(), password: password.into() }
}

pub(crate) fn nonces() -> Nonces {
    Nonces { client_challenge: [0xAA; 8], session_key: [0x55; 16] }
}

pub(crate) fn config(credentials: Credentials) -> AuthConfig {
    AuthConfig {
        credentials,
        ntlm: Options::default(),
        wrapping: Wrapping::Spnego,
        nonces: nonces(),
        filetime: 0,
    }
}

pub(crate) const LM: usize = 12;
pub(crate) const NT: usize = 20;
pub(crate) const DOMAIN: usize = 28;
pub(crate) const USER: usize = 36;
pub(crate) const WORKSTATION: usize = 44;
pub(crate) const SESSION_KEY: usize = 52;

/// The bytes a Len, MaxLen, Offset triple at `at` points to.
pub(crate) fn field(message: &[u8], at: usize) -> &[u8] {
    let len = u16::from_le_bytes([message[at], message[at + 1]]).into();
    let offset = u32::from_le_bytes(message[at + 4..at + 8].try_into().unwrap()) as usize;
    &message[offset..][..len]
}

pub(crate) fn flags_of(authenticate: &[u8]) -> u32 {
    u32::from_le_bytes(authenticate[60..64].try_into().unwrap())
}

/// The SecurityBuffer of a NEGOTIATE response or a SESSION_SETUP.
pub(crate) fn security_buffer(frame: &[u8]) -> &[u8] {
    let (offset, len) = match (frame[12], frame[16] & 1) {
        (0, 1) => (64 + 56, 64 + 58),
        (1, 0) => (64 + 12, 64 + 14),
        (1, 1) => (64 + 4, 64 + 6),
        _ => panic!("no SecurityBuffer"),
    };
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([frame[at], frame[at + 1]]));
    &frame[u16_at(offset)..][..u16_at(len)]
}

/// The tokens of a channel: the server's hint, the client's first, the challenge, the client's second, the last.
pub(crate) fn tokens(number: usize) -> [Vec<u8>; 5] {
    let channel = channel(number);
    [1, 2, 3, 4, 5].map(|index| security_buffer(&frame(&channel, index)).to_vec())
}

pub(crate) fn init(token: &[u8]) -> NegTokenInit {
    match Token::decode(token).unwrap() {
        Token::Init(init) => init,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn resp(token: &[u8]) -> NegTokenResp {
    match Token::decode(token).unwrap() {
        Token::Resp(resp) => resp,
        other => panic!("{other:?}"),
    }
}

/// The challenge of 4.2.4 without a time, and the one of Windows with it.
pub(crate) fn challenges() -> [Vec<u8>; 2] {
    [bytes(CHALLENGE_4_2_4), resp(&tokens(1)[2]).response_token.unwrap()]
}
