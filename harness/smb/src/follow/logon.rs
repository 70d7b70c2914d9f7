//! The logon that a session came of.

use super::{Connection, Message, Session, Way};
use crate::ntlm::overheard::{self, Heard};
use crate::wire::{Body, Command, SessionSetupRequest, SessionSetupResponse};

impl Connection {
    /// What was heard of the logon that established `session`.
    #[must_use]
    pub fn logon(&self, session: &Session) -> Heard {
        let mut challenge = None;
        let mut answer = None;
        let exchange = self.messages.iter().take(session.established + 1);
        let is_of_it = |message: &&Message| {
            message.command() == Command::SESSION_SETUP && message.header.session_id == session.id
        };
        for message in exchange.filter(is_of_it) {
            match message.way {
                Way::ToServer => {
                    let body = SessionSetupRequest::parse(&message.bytes).ok();
                    let token = body.map(|body| body.security_buffer);
                    answer = token.filter(|token| overheard::authenticates(token)).or(answer);
                }
                Way::ToClient => {
                    let body = SessionSetupResponse::parse(&message.bytes).ok();
                    let heard = body.and_then(|body| overheard::challenge(&body.security_buffer));
                    // What answers one challenge is not made from a later one.
                    challenge = heard.or(challenge);
                }
            }
        }
        answer.map_or(Heard::Other, |answer| Heard::Tokens { challenge, answer })
    }
}
