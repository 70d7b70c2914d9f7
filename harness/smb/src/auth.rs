//! The client's side of the authentication in SESSION_SETUP: NTLM in SPNEGO, or bare ([MS-SMB2] 3.2.4.2.3, 3.2.5.3).
//!
//! Three calls in order, each with the SecurityBuffer the server sent last: [`Authenticator::first`],
//! [`Authenticator::next`], [`Authenticator::finish`]. One authenticator serves one exchange.

use crate::ntlm::crypto::Sender;
use crate::ntlm::{Client, Credentials, NoRandomness, Nonces, NtlmError, Options, Session};
use crate::spnego::{NTLMSSP, NegState, NegTokenInit, NegTokenResp, SpnegoError, Token, mech_type_list};

/// What goes around the NTLM messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wrapping {
    /// SPNEGO, with NTLM as its only mechanism.
    #[default]
    Spnego,
    /// Nothing.
    Raw,
}

/// What an authenticator works with.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// Who logs on.
    pub credentials: Credentials,
    /// What NTLM asks for.
    pub ntlm: Options,
    /// What goes around NTLM.
    pub wrapping: Wrapping,
    /// The random values of this exchange.
    pub nonces: Nonces,
    /// The time in units of 100 ns since 1601 (UTC), for servers that do not send their own.
    pub filetime: u64,
}

impl AuthConfig {
    /// SPNEGO and the default options, with random values from the operating system.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn random(credentials: Credentials, filetime: u64) -> Result<Self, NoRandomness> {
        Ok(Self {
            credentials,
            ntlm: Options::default(),
            wrapping: Wrapping::default(),
            nonces: Nonces::random()?,
            filetime,
        })
    }
}

/// What the last token says of the mechListMIC, the server's signature over the list of mechanisms (RFC 4178 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMic {
    /// There is none. RFC 4178 wants one where the client sent one; not every server does.
    Absent,
    /// It is right: the server has the session key.
    Valid,
    /// It is wrong, or no signing was negotiated that it could be checked with.
    Invalid,
}

/// Why the authentication cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The server's token cannot be read.
    #[error("SPNEGO: {0}")]
    Spnego(#[from] SpnegoError),
    /// The NTLM message in it cannot be read or answered.
    #[error("NTLM: {0}")]
    Ntlm(#[from] NtlmError),
    /// The server lists mechanisms, and NTLM is not one of them.
    #[error("the server does not offer NTLM")]
    NtlmNotOffered,
    /// The server picked another mechanism than the one it was offered.
    #[error("the server selected another mechanism than NTLM")]
    OtherMechanism,
    /// The server says that the authentication failed.
    #[error("the server rejects the authentication")]
    Rejected,
    /// The server's token has no NTLM message where a CHALLENGE_MESSAGE is due.
    #[error("the server sent no CHALLENGE_MESSAGE")]
    NoChallenge,
    /// A call that is not due.
    #[error("{0} is not the next step of this authentication")]
    OutOfOrder(&'static str),
}

/// The client's side of one authentication.
#[derive(Debug, Clone)]
pub struct Authenticator {
    client: Client,
    wrapping: Wrapping,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Start,
    AwaitChallenge,
    AwaitResult(Session),
    Done(Session),
}

impl Authenticator {
    /// An authenticator that has sent nothing yet.
    #[must_use]
    pub fn new(config: AuthConfig) -> Self {
        let client = Client::new(config.credentials, config.ntlm, config.nonces, config.filetime);
        Self { client, wrapping: config.wrapping, state: State::Start }
    }

    /// The token for the first SESSION_SETUP request.
    ///
    /// `server_hint` is the SecurityBuffer of the NEGOTIATE response. It may be empty, and one that cannot be read counts
    /// as empty: it is a hint that nothing protects. Only a list of mechanisms without NTLM is taken seriously.
    ///
    /// # Errors
    ///
    /// [`AuthError::NtlmNotOffered`], [`AuthError::OutOfOrder`].
    pub fn first(&mut self, server_hint: &[u8]) -> Result<Vec<u8>, AuthError> {
        if !matches!(self.state, State::Start) {
            return Err(AuthError::OutOfOrder("the first token"));
        }
        if let Ok(Token::Init(hint)) = Token::decode(server_hint)
            && !hint.mech_types.is_empty()
            && !hint.mech_types.iter().any(|mech| mech == NTLMSSP)
        {
            return Err(AuthError::NtlmNotOffered);
        }
        self.state = State::AwaitChallenge;
        let negotiate = self.client.negotiate().to_vec();
        Ok(match self.wrapping {
            Wrapping::Raw => negotiate,
            Wrapping::Spnego => {
                NegTokenInit { mech_types: vec![NTLMSSP.to_vec()], mech_token: Some(negotiate) }.encode()
            }
        })
    }

    /// The token for the second SESSION_SETUP request, from the SecurityBuffer of the first response
    /// (STATUS_MORE_PROCESSING_REQUIRED).
    ///
    /// A server that answers without SPNEGO is answered without. In SPNEGO a mechListMIC goes along, although with one
    /// mechanism it is optional (RFC 4178 5): Windows sends it, and some servers insist. It is left out only where the
    /// server refused extended session security, which leaves nothing to sign with.
    ///
    /// # Errors
    ///
    /// [`AuthError`]. After an error the authentication cannot go on.
    pub fn next(&mut self, token: &[u8]) -> Result<Vec<u8>, AuthError> {
        if !matches!(self.state, State::AwaitChallenge) {
            return Err(AuthError::OutOfOrder("the answer to a challenge"));
        }
        let (challenge, spnego) = match Token::decode(token)? {
            Token::Ntlm(challenge) => (challenge, false),
            Token::Init(_) => return Err(AuthError::NoChallenge),
            Token::Resp(resp) => {
                refuse_rejection(&resp)?;
                if resp.supported_mech.is_some_and(|mech| mech != NTLMSSP) {
                    return Err(AuthError::OtherMechanism);
                }
                (resp.response_token.ok_or(AuthError::NoChallenge)?, true)
            }
        };
        let (authenticate, session) = self.client.authenticate(&challenge)?;
        let answer = if spnego {
            let mech_list_mic = session.first_signature(Sender::Client, &offered()).map(|mic| mic.to_vec());
            NegTokenResp {
                state: Some(NegState::AcceptIncomplete),
                supported_mech: None,
                response_token: Some(authenticate),
                mech_list_mic,
            }
            .encode()
        } else {
            authenticate
        };
        self.state = State::AwaitResult(session);
        Ok(answer)
    }

    /// Takes the SecurityBuffer of the last response (STATUS_SUCCESS), which may be empty.
    ///
    /// # Errors
    ///
    /// [`AuthError::Spnego`], [`AuthError::Rejected`], [`AuthError::OutOfOrder`]. The session key stays available.
    pub fn finish(&mut self, token: &[u8]) -> Result<ServerMic, AuthError> {
        let State::AwaitResult(session) = &self.state else {
            return Err(AuthError::OutOfOrder("the result"));
        };
        let session = session.clone();
        let mic = if token.is_empty() {
            None
        } else {
            match Token::decode(token)? {
                Token::Resp(resp) => {
                    refuse_rejection(&resp)?;
                    resp.mech_list_mic
                }
                Token::Init(_) | Token::Ntlm(_) => None,
            }
        };
        let verdict = match mic {
            None => ServerMic::Absent,
            Some(mic) => match session.first_signature(Sender::Server, &offered()) {
                Some(expected) if mic == expected => ServerMic::Valid,
                _ => ServerMic::Invalid,
            },
        };
        self.state = State::Done(session);
        Ok(verdict)
    }

    /// The key that the authentication gives to SMB, once the AUTHENTICATE_MESSAGE is made: ExportedSessionKey.
    ///
    /// The server has the same key only if it took the logon as this client's: one that maps it to guest has another.
    #[must_use]
    pub const fn session_key(&self) -> Option<[u8; 16]> {
        match &self.state {
            State::Start | State::AwaitChallenge => None,
            State::AwaitResult(session) | State::Done(session) => Some(session.exported_session_key()),
        }
    }
}

/// The list of mechanisms this client offers, as both sides sign it.
fn offered() -> Vec<u8> {
    mech_type_list(&[NTLMSSP])
}

fn refuse_rejection(resp: &NegTokenResp) -> Result<(), AuthError> {
    if resp.state == Some(NegState::Reject) { Err(AuthError::Rejected) } else { Ok(()) }
}
