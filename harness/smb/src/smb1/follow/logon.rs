//! The logon that a session came of.

use super::session::find;
use super::{Connection, Message, Session, Way};
use crate::ntlm::overheard::{self, Heard, Who};
use crate::smb1::{Body, Command, SessionSetupRequest, SessionSetupResponse, SetupCredentials};

impl Connection {
    /// What was heard of the logon that established `session`.
    #[must_use]
    pub fn logon(&self, session: &Session) -> Heard {
        let mut challenge = None;
        for message in self.messages.iter().take(session.established).filter(|m| m.way == Way::ToClient) {
            let token = setup::<SessionSetupResponse>(message).and_then(|body| body.security_blob);
            let heard = token.and_then(|token| overheard::challenge(&token));
            // A UID is given out with the challenge, and the answer has it ([MS-SMB] 3.3.5.3).
            challenge = heard.filter(|_| message.header.uid == session.uid).or(challenge);
        }
        let request = self.messages.get(session.request);
        let Some(body) = request.and_then(setup::<SessionSetupRequest>) else { return Heard::Other };
        let unicode = request.is_some_and(|request| request.header.is_unicode());
        match body.credentials {
            SetupCredentials::Extended { security_blob } if overheard::authenticates(&security_blob) => {
                Heard::Tokens { challenge, answer: security_blob }
            }
            SetupCredentials::Extended { .. } => Heard::Other,
            SetupCredentials::Plain { unicode_password, .. } => {
                let mut names = body.names.strings(unicode).into_iter();
                let (user, domain) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
                Heard::Bare {
                    challenge: self.negotiated.as_ref().and_then(|negotiated| negotiated.challenge),
                    who: Who { user, domain },
                    response: unicode_password,
                }
            }
        }
    }
}

/// The SESSION_SETUP in a message, a request's or a response's.
fn setup<B: Body>(message: &Message) -> Option<B> {
    B::parse(&find(&message.bytes, Command::SESSION_SETUP_ANDX)?).ok()
}
