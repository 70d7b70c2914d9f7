//! What is wrong on this side of a connection, so that it is not held against the server.

use super::{Spoken, View};
use crate::smb1 as old;
use evidence::Direction;
use model::scenario::WrongSetup;
use model::{As, Deviation, Dialect, Login, Signing, SigningOffer};
use smb::follow::{Connection, Garbage, Message, Session, Signature, Way};
use smb::ntlm;
use smb::smb1::{self, Flags2};
use smb::wire::{
    Body, Command, DialectRevision, NegotiateContext, NegotiateRequest, SecurityMode, SessionSetupRequest,
    SigningCapabilities,
};

const OTHER_LOGON: &str = "the client logs on as nobody where the plan has a user, or the other way round";

/// Something wrong on this side of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFault {
    /// Which connection.
    pub connection: u32,
    /// From where on nothing is held against the server.
    pub frame: u64,
    /// Whose signature is wrong, where it is one: a SessionId, or the UID whose key signs.
    pub session: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl View<'_> {
    /// Whether the evidence holds what the signatures of a user's session are verified with. A server cannot be blamed
    /// for what is wrong on this side.
    ///
    /// # Errors
    /// The session key is not there, or what the client signed does not verify with it.
    pub fn verifiable(&self, connection: u32, session: &Session) -> Result<(), String> {
        let Some(followed) = self.connections.get(connection as usize) else { return Ok(()) };
        if self.identity(session) != As::User {
            return Ok(());
        }
        let id = session.id;
        let keys = self.keys;
        if !keys.iter().any(|key| key.connection == connection && key.session_id == id) {
            // A session that was granted before any proof was asked for has no key at all.
            return match is_proved(followed, session) {
                true => Err(format!("the key of session {id:#x} is not in the evidence")),
                false => Ok(()),
            };
        }
        match self.own_fault(connection) {
            Some(fault) if fault.session == Some(id) => Err(fault.what.clone()),
            _ => Ok(()),
        }
    }

    /// The same for a session of SMB1, whose connection is signed with the key of its first user ([MS-CIFS] 3.2.1.2).
    ///
    /// # Errors
    /// The session key is not there, or what the client signed does not verify with it.
    pub fn smb1_verifiable(&self, connection: u32, session: &smb1::follow::Session) -> Result<(), String> {
        let Some(followed) = self.smb1.get(connection as usize) else { return Ok(()) };
        let signs = followed.activated.map_or(session.uid, |activated| activated.uid);
        if old::identity(session) != As::User {
            return Ok(());
        }
        let any = |is: fn(smb1::follow::Signature) -> bool| followed.messages.iter().any(|m| is(m.signature));
        let wrong = |signature| matches!(signature, smb1::follow::Signature::Invalid { .. });
        // Of a client that never signs there is nothing that would prove the key to be the session's.
        if !self.targets_signing(followed) && any(wrong) && !any(smb1::follow::Signature::is_valid) {
            return Err(format!(
                "nothing proves that the key of session {signs:#x} in the evidence is its key"
            ));
        }
        let (id, keys) = (u64::from(signs), self.keys);
        if !keys.iter().any(|key| key.connection == connection && key.session_id == id) {
            let request = followed.messages.get(session.request);
            return match request.is_none_or(|request| proves(&request.bytes)) {
                true => Err(format!("the key of session {id:#x} is not in the evidence")),
                false => Ok(()),
            };
        }
        match self.own_fault(connection) {
            Some(fault) if fault.session == Some(id) => Err(fault.what.clone()),
            _ => Ok(()),
        }
    }

    /// The first sign on a connection that something is wrong on this side of it: the client signed wrongly or sent what
    /// is no SMB, and no step does that on purpose (so the key is not the session's, or the client is faulty), or it is
    /// another client than the planned one, or bytes were altered since. What comes after that proves nothing against the
    /// server.
    #[must_use]
    pub fn own_fault(&self, connection: u32) -> Option<&OwnFault> {
        self.faults.get(connection as usize)?.as_ref()
    }

    /// Looks for it; once, for every rule asks for it.
    pub(super) fn find_fault(&self, connection: u32) -> Option<OwnFault> {
        let fault = |frame, session, what| OwnFault { connection, frame, session, what };
        let chunks = &self.recorded.get(connection as usize)?.chunks;
        // What is there of a capture is as it was sent: it ends where that is not sure.
        let altered = chunks.iter().filter(|_| !self.is_capture()).find_map(|chunk| {
            let problem = self.problems.iter().find(|problem| problem.frame == Some(chunk.frame))?;
            // Of the server's own bytes it can be said what they break, and not what follows from that.
            let from = chunk.frame + u64::from(chunk.direction == Direction::ToClient);
            Some(fault(from, None, problem.to_string()))
        });
        let mut all = vec![altered];
        let generation = match self.spoken(connection) {
            Spoken::Smb1 => "SMB1",
            Spoken::Smb2 => "SMB2",
        };
        let new = self.connections.get(connection as usize).map(|followed| followed.garbage.as_slice());
        let first = self.smb1.get(connection as usize).map(|followed| followed.garbage.as_slice());
        let garbage = new.into_iter().chain(first).flatten().find(|garbage| {
            garbage.way == Way::ToServer && !self.is_unreadable_on_purpose(connection, garbage)
        });
        all.push(garbage.map(|garbage| {
            let what = format!("what the client sent (frame {}) is no {generation} message", garbage.frame);
            fault(garbage.frame, None, what)
        }));
        if let Some(followed) = self.connections.get(connection as usize) {
            let sent = || followed.messages.iter().filter(|message| message.way == Way::ToServer);
            let wrong = |message: &&Message| {
                matches!(message.signature, Signature::Invalid { .. })
                    && !self.is_on_purpose(connection, message)
                    && !(self.software().is_some() && has_key(followed, message.session_id))
            };
            all.push(sent().find(wrong).map(|message| {
                fault(
                    message.frame,
                    Some(message.session_id),
                    wrongly_signed(&message.command(), message.frame),
                )
            }));
            let unplanned = |message: &Message| match self.deviation_of(connection, message) {
                None => self.unplanned(message, None),
                Some(Deviation::Setup(setup)) => self.unplanned(message, Some(setup)),
                Some(_) => None,
            };
            let mut unplanned =
                sent().filter_map(|message| Some(fault(message.frame, None, unplanned(message)?)));
            all.push(unplanned.next());
            // Before any proof was asked for, nobody has said who it is.
            let other = followed
                .sessions
                .values()
                .find(|session| self.is_other(session.anonymous_logon) && is_proved(followed, session));
            let at = other.and_then(|session| followed.messages.get(session.established));
            all.push(at.map(|message| fault(message.frame, None, OTHER_LOGON.to_owned())));
            let whole =
                |message: &&Message| message.signature.is_valid() && self.is_broken(connection, message);
            all.push(
                sent()
                    .find(whole)
                    .map(|message| fault(message.frame, None, not_broken(&message.command(), message.frame))),
            );
        }
        if let Some(followed) = self.smb1.get(connection as usize) {
            let sent = || followed.messages.iter().filter(|message| message.way == Way::ToServer);
            let signs = self.targets_signing(followed);
            let activated = followed.activated;
            let wrong = |message: &&smb1::follow::Message| {
                let behind = activated.is_some_and(|activated| old::is_behind(activated.response, message));
                behind
                    && signs
                    && !message.signature.is_valid()
                    && message.signature != smb1::follow::Signature::NoKey
                    && !self.smb1_is_on_purpose(connection, message.offset)
            };
            all.push(sent().find(wrong).map(|message| {
                let uid = activated.map(|activated| u64::from(activated.uid));
                fault(message.frame, uid, wrongly_signed(&message.command(), message.frame))
            }));
            all.push(sent().find_map(|message| {
                Some(fault(message.frame, None, self.smb1_unplanned(followed, message)?))
            }));
            let other = followed.sessions.values().find(|session| self.is_other(session.anonymous_logon));
            let at = other.and_then(|session| followed.messages.get(session.request));
            all.push(at.map(|message| fault(message.frame, None, OTHER_LOGON.to_owned())));
            // A client that goes on signing saw an answer that was signed: if it does not verify here, the key is not the
            // session's.
            let first = followed.sessions.values().filter(|session| old::identity(session) == As::User);
            let first = first.min_by_key(|session| session.established);
            if let (true, None, Some(session)) = (signs, activated, first)
                && let Some(answer) = followed.messages.get(session.established)
                && sent().any(|message| {
                    old::is_behind(session.established, message)
                        && message.is_flagged()
                        && old::is_something(message.signature)
                })
            {
                let what = "the client goes on signing, and nothing verifies with the key in the evidence";
                all.push(Some(fault(answer.frame, Some(u64::from(session.uid)), what.to_owned())));
            }
            let whole = |message: &&smb1::follow::Message| {
                message.signature.is_valid() && self.smb1_is_broken(connection, message.offset)
            };
            all.push(
                sent()
                    .find(whole)
                    .map(|message| fault(message.frame, None, not_broken(&message.command(), message.frame))),
            );
        }
        all.into_iter().flatten().min_by_key(|fault| fault.frame)
    }

    /// Whether somebody else logged on than the plan has.
    fn is_other(&self, anonymous: bool) -> bool {
        // One that people run may log on as nobody first, to look around.
        let planned = self.plan().filter(|case| case.software.is_none());
        planned.is_some_and(|case| anonymous != (case.login == Login::Anonymous))
    }

    /// Whether what is no SMB2 is so because a step broke the field that says it.
    fn is_unreadable_on_purpose(&self, connection: u32, garbage: &Garbage) -> bool {
        let Some(followed) = self.connections.get(connection as usize) else { return false };
        let mut there = followed.messages.iter().filter(|message| message.frame == garbage.frame);
        there.any(|message| {
            matches!(self.deviation_of(connection, message),
                Some(Deviation::Header(field)) if field.says_that_it_is_one())
        })
    }

    /// Whether a request of SMB2 was planned to carry no valid signature.
    fn is_broken(&self, connection: u32, request: &Message) -> bool {
        self.deviation_of(connection, request).is_some_and(|deviation| !deviation.leaves_the_signature())
    }

    /// Whether the request of SMB1 that begins at `offset` was planned to carry no valid signature.
    fn smb1_is_broken(&self, connection: u32, offset: u64) -> bool {
        self.deviation_at(connection, offset).is_some_and(|deviation| !deviation.leaves_the_signature())
    }

    /// Whether the planned client signs on this connection, once a user has logged on.
    fn targets_signing(&self, followed: &smb1::follow::Connection) -> bool {
        let client = self.client();
        followed.negotiated.as_ref().is_some_and(|negotiated| {
            let server = old::server_state(negotiated.security_mode);
            model::policy::smb1_client(client.signing, client.generation_at(Dialect::Nt1), server)
                .targets_signing
        })
    }

    /// What a request of the logon says that the client of the plan would not.
    fn smb1_unplanned(
        &self,
        followed: &smb1::follow::Connection,
        request: &smb1::follow::Message,
    ) -> Option<String> {
        let case = self.plan().filter(|case| case.software.is_none())?;
        let client = &case.client;
        let (command, frame) = (request.command(), request.frame);
        let flags2 = request.header.flags2;
        if command == smb1::Command::NEGOTIATE {
            let (_, body) = smb1::parse::<smb1::NegotiateRequest>(&request.bytes).ok()?;
            let planned: Vec<&[u8]> = match case.protocols() {
                Some(protocols) => protocols.iter().map(|protocol| protocol.text().as_bytes()).collect(),
                None => vec![smb1::NegotiateRequest::NT_LM_0_12],
            };
            let extended = client.extended_security == model::ExtendedSecurity::Yes;
            return (body.dialects != planned
                || flags2.contains(Flags2::EXTENDED_SECURITY) != extended)
                .then(|| {
                    format!(
                        "the client's {command} (frame {frame}) offers other dialects or another kind of logon \
                         than the plan"
                    )
                });
        }
        // What it says of signing counts until signing is active ([MS-CIFS] 2.2.3.1).
        if command != smb1::Command::SESSION_SETUP_ANDX
            || followed.activated.is_some_and(|activated| old::is_behind(activated.response, request))
        {
            return None;
        }
        let asks = flags2.contains(Flags2::SECURITY_SIGNATURE);
        let requires = flags2.contains(Flags2::SECURITY_SIGNATURE_REQUIRED);
        (asks != self.targets_signing(followed) || requires != (client.signing == Signing::Required)).then(|| {
            format!(
                "the client's {command} (frame {frame}) has Flags2 0x{:04x}, and signing is {} in the plan",
                flags2.0, client.signing
            )
        })
    }

    /// What a request of the logon says that the client of the plan would not: then the case was not carried out, whatever
    /// the server answered.
    fn unplanned(&self, request: &Message, setup: Option<WrongSetup>) -> Option<String> {
        let client = &self.plan().filter(|case| case.software.is_none())?.client;
        let (command, frame) = (request.command(), request.frame);
        let mode = match command {
            Command::NEGOTIATE => NegotiateRequest::parse(&request.bytes).ok()?.security_mode,
            Command::SESSION_SETUP => {
                let body = SessionSetupRequest::parse(&request.bytes).ok()?;
                let flags = ntlm::message::authenticate_flags(&body.security_buffer);
                let exchanges = flags.is_some_and(|flags| flags & ntlm::flags::KEY_EXCH != 0);
                if setup == Some(WrongSetup::NoKeyExchange) && exchanges {
                    return Some(format!(
                        "the client's {command} (frame {frame}) has KEY_EXCH, and the plan has not"
                    ));
                }
                body.security_mode
            }
            _ => return None,
        };
        // What the client was to keep to itself, or to say although it is not so.
        let silent = match setup {
            Some(WrongSetup::RequiredInNegotiate) => command == Command::SESSION_SETUP,
            Some(WrongSetup::RequiredInSetup) => command == Command::NEGOTIATE,
            Some(WrongSetup::NoMode) => true,
            _ => false,
        };
        let says = mode.contains(SecurityMode::SIGNING_REQUIRED);
        let bare = setup == Some(WrongSetup::NoMode) && mode != SecurityMode(0);
        if says != (client.requires_signing() && !silent) || bare {
            return Some(format!(
                "the client's {command} (frame {frame}) says SecurityMode {mode}, and signing is {} in the plan",
                client.signing
            ));
        }
        if command != Command::NEGOTIATE {
            return None;
        }
        let body = NegotiateRequest::parse(&request.bytes).ok()?;
        let planned: Vec<_> =
            client.dialects.iter().filter_map(|dialect| DialectRevision::from_dialect(*dialect)).collect();
        let offered = NegotiateContext::find::<SigningCapabilities>(&body.negotiate_contexts);
        let offered = offered.and_then(Result::ok).map(|context| context.algorithms);
        let ids = match &client.algorithms {
            SigningOffer::Ids(ids) if client.dialects.contains(&Dialect::Smb311) => Some(ids.clone()),
            _ => None,
        };
        (body.dialects != planned || offered != ids).then(|| {
            format!(
                "the client's {command} (frame {frame}) offers other dialects or algorithms than the plan"
            )
        })
    }
}

/// Whether the key of a session in the evidence is its key: something else that the client signed with it verifies.
fn has_key(connection: &Connection, session_id: u64) -> bool {
    let sent = connection.messages.iter().filter(|message| message.way == Way::ToServer);
    sent.filter(|message| message.session_id == session_id).any(|message| message.signature.is_valid())
}

/// Whether the request that the session was granted for carried more than the opening message of NTLM ([MS-NLMP]
/// 2.2.1.1), which proves nothing.
fn is_proved(connection: &Connection, session: &Session) -> bool {
    let response = connection.messages.get(session.established);
    let request = response.and_then(|response| connection.messages.get(response.request?));
    request.is_none_or(|request| proves(&request.bytes))
}

fn proves(request: &[u8]) -> bool {
    const OPENING: &[u8] = b"NTLMSSP\0\x01\0\0\0";
    !request.windows(OPENING.len()).any(|window| window == OPENING)
}

fn not_broken(command: &impl std::fmt::Display, frame: u64) -> String {
    format!("the client's {command} (frame {frame}) was to be broken and is not")
}

fn wrongly_signed(command: &impl std::fmt::Display, frame: u64) -> String {
    format!("the client's own signature of {command} (frame {frame}) does not verify")
}
