//! The session key of a logon, from the test account's password and what both sides said.

use crate::Account;
use smb::ntlm::crypto::rc4k;
use smb::ntlm::flags;
use smb::ntlm::message::{Challenge, SIGNATURE};
use smb::smb1::ntlm::NtlmV2;

/// The lengths of an NTLMv2 response: NTProofStr, what precedes the AV pairs, and what follows them ([MS-NLMP] 2.2.2.7,
/// 3.3.2).
const PROOF: usize = 16;
const BEFORE_PAIRS: usize = PROOF + 28;
const BEHIND_PAIRS: usize = 4;

/// The NTLM message of this type in a security buffer, however it is wrapped: its Signature and MessageType make it
/// unmistakable, and what follows it is looked at by nobody, since every field says where it is.
fn message(buffer: &[u8], message_type: u32) -> Option<&[u8]> {
    let mut start = [0; 12];
    start[..8].copy_from_slice(SIGNATURE);
    start[8..].copy_from_slice(&message_type.to_le_bytes());
    buffer.get(buffer.windows(start.len()).position(|window| window == start)?..)
}

/// The CHALLENGE_MESSAGE in a security buffer.
pub(crate) fn challenge(buffer: &[u8]) -> Option<Vec<u8>> {
    message(buffer, 2).map(<[u8]>::to_vec)
}

/// Whether a security buffer has an AUTHENTICATE_MESSAGE.
pub(crate) fn authenticates(buffer: &[u8]) -> bool {
    message(buffer, 3).is_some()
}

/// ExportedSessionKey after the AUTHENTICATE_MESSAGE in `buffer`, which answers `challenge` ([MS-NLMP] 3.2.5.1.2); or why
/// it is not known.
pub(crate) fn session_key(
    account: &Account,
    challenge: &[u8],
    buffer: &[u8],
) -> Result<[u8; 16], &'static str> {
    let message = message(buffer, 3).ok_or("there is no AUTHENTICATE_MESSAGE")?;
    let challenge = Challenge::parse(challenge).map_err(|_| "the CHALLENGE_MESSAGE cannot be read")?;
    let cut = "the AUTHENTICATE_MESSAGE cannot be read";
    let flags = message.get(60..).and_then(|rest| rest.first_chunk()).copied().ok_or(cut)?;
    let flags = u32::from_le_bytes(flags);
    let text = |bytes: &[u8]| text(bytes, flags & flags::UNICODE != 0);
    let response = field(message, 20).ok_or(cut)?;
    let (domain, user) = (text(field(message, 28).ok_or(cut)?), text(field(message, 36).ok_or(cut)?));
    let base = if response.is_empty() && user.is_empty() {
        [0; 16] // Nobody's ([MS-NLMP] 3.3.2).
    } else {
        base_key(account, (&user, &domain), &challenge.server_challenge, response)?.session_key()
    };
    // There are servers and clients that go by the flag alone, and the field says that it was meant.
    match field(message, 52).and_then(|encrypted| encrypted.try_into().ok()) {
        Some(encrypted) if flags & flags::KEY_EXCH != 0 => Ok(rc4k(&base, encrypted)),
        _ => Ok(base),
    }
}

/// The same of a logon without extended security: the key and what it signs with in SMB1.
pub(crate) fn base_key(
    account: &Account,
    (user, domain): (&str, &str),
    server_challenge: &[u8; 8],
    response: &[u8],
) -> Result<NtlmV2, &'static str> {
    if user.to_lowercase() != account.user.to_lowercase() {
        return Err("it is the logon of another account");
    }
    let pairs = response.len().checked_sub(BEHIND_PAIRS).and_then(|end| response.get(BEFORE_PAIRS..end));
    let (Some(pairs), Some(filetime), Some(client_challenge)) = (
        pairs,
        response.get(PROOF + 8..).and_then(|rest| rest.first_chunk()),
        response.get(PROOF + 16..).and_then(|rest| rest.first_chunk()),
    ) else {
        return Err("the response is not one of NTLMv2");
    };
    let filetime = u64::from_le_bytes(*filetime);
    let named = (user, domain, &account.password);
    let answer = NtlmV2::answer(named, server_challenge, client_challenge, filetime, pairs);
    // The whole response made again: if it is the client's, so is the key behind it.
    if answer.nt_response == response { Ok(answer) } else { Err("the password is another") }
}

/// What a length, a maximal length and an offset point to ([MS-NLMP] 2.2.1.3).
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = message.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)?;
    let offset = message.get(at + 4..)?.first_chunk().copied().map(u32::from_le_bytes)?;
    if length == 0 {
        return Some(&[]);
    }
    message.get(usize::try_from(offset).ok()?..)?.get(..usize::from(length))
}

fn text(bytes: &[u8], unicode: bool) -> String {
    if !unicode {
        return bytes.iter().copied().map(char::from).collect();
    }
    let units: Vec<u16> = bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use smb::auth::{AuthConfig, Authenticator, Wrapping};
    use smb::ntlm::{Credentials, Options};
    use smb::spnego::{NegState, NegTokenResp};

    fn account() -> Account {
        Account { user: "Tester".to_owned(), domain: String::new(), password: "secret".into() }
    }

    fn a_challenge(key_exchange: bool) -> Vec<u8> {
        let mut flags = flags::CLIENT;
        if key_exchange {
            flags |= flags::KEY_EXCH;
        }
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend_from_slice(&2_u32.to_le_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 56, 0, 0, 0]);
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(b"CHALLENG");
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&[12, 0, 12, 0, 56, 0, 0, 0]);
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&[2, 0, 4, 0, b'D', 0, b'O', 0, 0, 0, 0, 0]);
        bytes
    }

    fn log_on(
        credentials: Credentials,
        wrapping: Wrapping,
        key_exchange: bool,
    ) -> (Vec<u8>, Vec<u8>, [u8; 16]) {
        let ntlm = Options { key_exchange, ..Options::default() };
        let config = AuthConfig { ntlm, wrapping, ..AuthConfig::random(credentials, 7).unwrap() };
        let mut client = Authenticator::new(config);
        client.first(&[]).unwrap();
        let sent = match wrapping {
            Wrapping::Raw => a_challenge(key_exchange),
            Wrapping::Spnego => NegTokenResp {
                state: Some(NegState::AcceptIncomplete),
                response_token: Some(a_challenge(key_exchange)),
                ..NegTokenResp::default()
            }
            .encode(),
        };
        let answer = client.next(&sent).unwrap();
        (challenge(&sent).unwrap(), answer, client.session_key().unwrap())
    }

    fn user(name: &str, password: &str) -> Credentials {
        Credentials::User { user: name.to_owned(), domain: "Wörk".to_owned(), password: password.into() }
    }

    #[test]
    fn the_key_is_the_clients() {
        for wrapping in [Wrapping::Spnego, Wrapping::Raw] {
            for key_exchange in [true, false] {
                let (challenge, answer, key) = log_on(user("tESTER", "secret"), wrapping, key_exchange);
                assert!(authenticates(&answer));
                assert_eq!(
                    session_key(&account(), &challenge, &answer),
                    Ok(key),
                    "{wrapping:?} {key_exchange}"
                );
                let (challenge, answer, key) = log_on(Credentials::Anonymous, wrapping, key_exchange);
                assert_eq!(
                    session_key(&account(), &challenge, &answer),
                    Ok(key),
                    "{wrapping:?} {key_exchange}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_known_says_why() {
        let (challenge, answer, _) = log_on(user("Tester", "other"), Wrapping::Spnego, true);
        assert_eq!(session_key(&account(), &challenge, &answer), Err("the password is another"));
        let (challenge, answer, _) = log_on(user("Somebody", "secret"), Wrapping::Spnego, true);
        assert_eq!(session_key(&account(), &challenge, &answer), Err("it is the logon of another account"));
        for cut in 0..answer.len() {
            let _ = session_key(&account(), &challenge, &answer[..cut]);
        }
        for at in 0..answer.len() {
            let mut odd = answer.clone();
            odd[at] ^= 0xff;
            let _ = session_key(&account(), &challenge, &odd);
        }
    }
}
