//! The session key of a logon that somebody else made, from the account's password and what both sides said.

use super::Password;
use super::crypto::{nt_proof_str, ntowf_v2, rc4k, session_base_key};
use super::flags;
use super::message::{Challenge, SIGNATURE};

/// NTProofStr in front of an NTLMv2 response, and the least that follows it ([MS-NLMP] 2.2.2.7, 2.2.2.8).
const PROOF: usize = 16;
const LEAST_BEHIND: usize = 28;

/// Why the key of a logon is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyUnknown {
    /// The security buffer has no AUTHENTICATE_MESSAGE.
    #[error("there is no AUTHENTICATE_MESSAGE")]
    NoAuthenticate,
    /// An AUTHENTICATE_MESSAGE whose challenge was not seen.
    #[error("there was no CHALLENGE_MESSAGE")]
    NoChallenge,
    /// The CHALLENGE_MESSAGE lies about itself.
    #[error("the CHALLENGE_MESSAGE cannot be read")]
    Challenge,
    /// The AUTHENTICATE_MESSAGE lies about itself.
    #[error("the AUTHENTICATE_MESSAGE cannot be read")]
    Authenticate,
    /// Somebody else logged on than the account whose password is known.
    #[error("it is the logon of another account")]
    OtherAccount,
    /// Kerberos, or what else is no NTLM.
    #[error("the logon is not one of NTLM")]
    NotNtlm,
    /// LM, NTLM, or nothing that has a name.
    #[error("the response is not one of NTLMv2")]
    NotNtlmV2,
    /// The response was not made from this password.
    #[error("the password is another")]
    OtherPassword,
}

/// What is known of the account that logs on.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its name, where another one's logon is to be told apart; the logon says it as well.
    pub user: Option<&'a str>,
    /// Its password.
    pub password: &'a Password,
}

/// Who an AUTHENTICATE_MESSAGE says that logs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The user; nobody's is empty.
    pub user: String,
    /// The domain as the client sent it.
    pub domain: String,
}

/// What was heard of a logon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Security buffers.
    Tokens {
        /// The CHALLENGE_MESSAGE, where it was heard.
        challenge: Option<Vec<u8>>,
        /// The buffer with the AUTHENTICATE_MESSAGE.
        answer: Vec<u8>,
    },
    /// A logon to SMB1 without extended security.
    Bare {
        /// The challenge of the NEGOTIATE response.
        challenge: Option<[u8; 8]>,
        /// Who the SESSION_SETUP request says it is.
        who: Who,
        /// Its UnicodePassword.
        response: Vec<u8>,
    },
    /// Another mechanism than NTLM.
    Other,
}

impl Heard {
    /// The session key that the logon led to.
    ///
    /// # Errors
    /// [`KeyUnknown`].
    pub fn session_key(&self, known: Known<'_>) -> Result<[u8; 16], KeyUnknown> {
        match self {
            Self::Tokens { challenge, answer } => {
                session_key(known, challenge.as_ref().ok_or(KeyUnknown::NoChallenge)?, answer)
            }
            Self::Bare { challenge, who, response } => {
                base_key(known, who, challenge.as_ref().ok_or(KeyUnknown::NoChallenge)?, response)
            }
            Self::Other => Err(KeyUnknown::NotNtlm),
        }
    }

    /// Who it was, where it says so.
    #[must_use]
    pub fn who(&self) -> Option<Who> {
        match self {
            Self::Tokens { answer, .. } => who(answer),
            Self::Bare { who, .. } => Some(who.clone()),
            Self::Other => None,
        }
    }
}

/// The NTLM message of this type in a security buffer, however it is wrapped: its Signature and MessageType make it
/// unmistakable, and what follows it is looked at by nobody, since every field says where it is.
fn message(buffer: &[u8], message_type: u32) -> Option<&[u8]> {
    let mut start = [0; 12];
    start[..8].copy_from_slice(SIGNATURE);
    start[8..].copy_from_slice(&message_type.to_le_bytes());
    buffer.get(buffer.windows(start.len()).position(|window| window == start)?..)
}

/// The CHALLENGE_MESSAGE in a security buffer.
#[must_use]
pub fn challenge(buffer: &[u8]) -> Option<Vec<u8>> {
    message(buffer, 2).map(<[u8]>::to_vec)
}

/// Whether a security buffer has an AUTHENTICATE_MESSAGE.
#[must_use]
pub fn authenticates(buffer: &[u8]) -> bool {
    message(buffer, 3).is_some()
}

/// Who logs on by the AUTHENTICATE_MESSAGE in a security buffer.
#[must_use]
pub fn who(buffer: &[u8]) -> Option<Who> {
    let message = message(buffer, 3)?;
    let unicode = flags_of(message)? & flags::UNICODE != 0;
    Some(Who { domain: text(field(message, 28)?, unicode), user: text(field(message, 36)?, unicode) })
}

/// ExportedSessionKey after the AUTHENTICATE_MESSAGE in `buffer`, which answers `challenge` ([MS-NLMP] 3.2.5.1.2).
///
/// # Errors
/// [`KeyUnknown`]: the password is proved by the response before anything is derived from it.
pub fn session_key(known: Known<'_>, challenge: &[u8], buffer: &[u8]) -> Result<[u8; 16], KeyUnknown> {
    const CUT: KeyUnknown = KeyUnknown::Authenticate;
    let message = message(buffer, 3).ok_or(KeyUnknown::NoAuthenticate)?;
    let challenge = Challenge::parse(challenge).map_err(|_| KeyUnknown::Challenge)?;
    let flags = flags_of(message).ok_or(CUT)?;
    let response = field(message, 20).ok_or(CUT)?;
    let who = who(buffer).ok_or(CUT)?;
    let base = if response.is_empty() && who.user.is_empty() {
        [0; 16] // Nobody's ([MS-NLMP] 3.3.2).
    } else {
        base_key(known, &who, &challenge.server_challenge, response)?
    };
    // There are servers and clients that go by the flag alone, and the field says that it was meant.
    match field(message, 52).and_then(|encrypted| encrypted.try_into().ok()) {
        Some(encrypted) if flags & flags::KEY_EXCH != 0 => Ok(rc4k(&base, encrypted)),
        _ => Ok(base),
    }
}

/// SessionBaseKey behind an NTLMv2 response ([MS-NLMP] 3.3.2): of a logon without extended security that is the session key
/// itself.
///
/// # Errors
/// [`KeyUnknown`].
pub fn base_key(
    known: Known<'_>,
    who: &Who,
    server_challenge: &[u8; 8],
    response: &[u8],
) -> Result<[u8; 16], KeyUnknown> {
    if known.user.is_some_and(|user| who.user.to_lowercase() != user.to_lowercase()) {
        return Err(KeyUnknown::OtherAccount);
    }
    let (proof, covered) = response.split_at_checked(PROOF).ok_or(KeyUnknown::NotNtlmV2)?;
    // RespType and HiRespType are 1 (2.2.2.7).
    if covered.len() < LEAST_BEHIND || !covered.starts_with(&[1, 1]) {
        return Err(KeyUnknown::NotNtlmV2);
    }
    let key = ntowf_v2(known.password.expose(), &who.user, &who.domain);
    // Over the bytes that were sent: if the proof is the client's, so is the password.
    let made = nt_proof_str(&key, server_challenge, covered);
    if made == *proof { Ok(session_base_key(&key, &made)) } else { Err(KeyUnknown::OtherPassword) }
}

fn flags_of(message: &[u8]) -> Option<u32> {
    message.get(60..)?.first_chunk().copied().map(u32::from_le_bytes)
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
    use crate::auth::{AuthConfig, Authenticator, Wrapping};
    use crate::ntlm::{Credentials, Options};
    use crate::spnego::{NegState, NegTokenResp};

    fn of_the_account(challenge: &[u8], answer: &[u8]) -> Result<[u8; 16], KeyUnknown> {
        session_key(Known { user: Some("Tester"), password: &"secret".into() }, challenge, answer)
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
                assert_eq!(of_the_account(&challenge, &answer), Ok(key), "{wrapping:?} {key_exchange}");
                let (challenge, answer, key) = log_on(Credentials::Anonymous, wrapping, key_exchange);
                assert_eq!(of_the_account(&challenge, &answer), Ok(key), "{wrapping:?} {key_exchange}");
            }
        }
    }

    #[test]
    fn what_is_not_known_says_why() {
        let (challenge, answer, _) = log_on(user("Tester", "other"), Wrapping::Spnego, true);
        assert_eq!(of_the_account(&challenge, &answer), Err(KeyUnknown::OtherPassword));
        let (challenge, answer, key) = log_on(user("Somebody", "secret"), Wrapping::Spnego, true);
        assert_eq!(who(&answer), Some(Who { user: "Somebody".to_owned(), domain: "Wörk".to_owned() }));
        let anybody = Known { user: None, password: &"secret".into() };
        assert_eq!(session_key(anybody, &challenge, &answer), Ok(key));
        assert_eq!(of_the_account(&challenge, &answer), Err(KeyUnknown::OtherAccount));
        for cut in 0..answer.len() {
            let _ = of_the_account(&challenge, &answer[..cut]);
        }
        for at in 0..answer.len() {
            let mut odd = answer.clone();
            odd[at] ^= 0xff;
            let _ = of_the_account(&challenge, &odd);
        }
    }
}
