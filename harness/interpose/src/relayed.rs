//! A logon that somebody takes for himself: the client logs on through him, and the session is his.
//!
//! He negotiates on his own account, says in the client's place that signing is not required, passes the logon, and then sends
//! what he wants. What he cannot do is sign it.

use crate::Output;
use model::NtStatus;
use smb::follow::Way;
use smb::wire::{
    self, Body, Command, Header, NegotiateRequest, NegotiateResponse, SecurityMode, TreeConnectRequest, utf16,
};

/// Where SecurityMode is in a SESSION_SETUP request ([MS-SMB2] 2.2.5): behind StructureSize and Flags.
const SETUP_MODE: usize = Header::LEN + 3;

/// One connection.
#[derive(Default)]
pub(crate) struct Relayed {
    /// The next MessageId that the server takes.
    next: u64,
    /// That of his own request, once it was sent.
    own: Option<u64>,
    pub(crate) applied: u64,
}

impl Relayed {
    /// Takes a message. Once the session is there, nothing more of the client's goes on.
    pub(crate) fn message(&mut self, way: Way, mut bytes: Vec<u8>) -> Output {
        let Ok(header) = Header::parse(&bytes) else { return pass(way, bytes) };
        match way {
            Way::ToServer if self.own.is_some() => Output::default(),
            Way::ToServer => {
                let taken = u64::from(header.credit_charge).max(1);
                self.next = self.next.max(header.message_id.saturating_add(taken));
                match header.command {
                    Command::NEGOTIATE => own_negotiate(&header, &mut bytes),
                    Command::SESSION_SETUP => {
                        if let Some(mode) = bytes.get_mut(SETUP_MODE) {
                            *mode = SecurityMode::SIGNING_ENABLED.0.to_le_bytes()[0];
                        }
                    }
                    _ => {}
                }
                pass(way, bytes)
            }
            Way::ToClient if self.own.is_some() => {
                let answered = self.own == Some(header.message_id)
                    && !(header.status == NtStatus::PENDING && header.async_id().is_some());
                Output { send: Vec::new(), ends: answered }
            }
            Way::ToClient => match (header.command, header.status) {
                (Command::NEGOTIATE, NtStatus::SUCCESS) => {
                    hide_required(&header, &mut bytes);
                    pass(way, bytes)
                }
                (Command::SESSION_SETUP, NtStatus::SUCCESS) => self.use_it(&header),
                _ => pass(way, bytes),
            },
        }
    }

    /// Sends a request of his own into the session, unsigned: there is no key that he could sign with.
    fn use_it(&mut self, granted: &Header) -> Output {
        let header = Header {
            credit_charge: granted.credit_charge.min(1),
            credits: 1,
            message_id: self.next,
            session_id: granted.session_id,
            ..Header::request(Command::TREE_CONNECT)
        };
        let body = TreeConnectRequest { path: utf16("\\\\127.0.0.1\\IPC$"), ..Default::default() };
        let Ok(request) = wire::message(&header, &body) else {
            return Output { send: Vec::new(), ends: true };
        };
        self.own = Some(header.message_id);
        self.applied += 1;
        pass(Way::ToServer, request)
    }
}

fn pass(way: Way, bytes: Vec<u8>) -> Output {
    Output { send: vec![(way, bytes)], ends: false }
}

/// The NEGOTIATE of somebody else, who does not require signing.
fn own_negotiate(header: &Header, bytes: &mut Vec<u8>) {
    let Ok(mut body) = NegotiateRequest::parse(bytes) else { return };
    body.security_mode = SecurityMode::SIGNING_ENABLED;
    // One that is zero is that of a client which speaks nothing but 2.0.2 (2.2.3).
    if body.client_guid != [0; 16] {
        body.client_guid[15] ^= 1;
    }
    if let Ok(other) = wire::message(header, &body) {
        *bytes = other;
    }
}

/// What the client is told of signing.
fn hide_required(header: &Header, bytes: &mut Vec<u8>) {
    let Ok(mut body) = NegotiateResponse::parse(bytes) else { return };
    body.security_mode = SecurityMode::SIGNING_ENABLED;
    if let Ok(other) = wire::message(header, &body) {
        *bytes = other;
    }
}
