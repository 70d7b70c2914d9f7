//! The evidence of a case, followed.

use evidence::{Direction, Evidence};
use model::{As, Dialect, FrameRef, PlannedCase, SigningOffer};
use smb::follow::{Connection, Message, Session, Signature, Way};
use smb::wire::{
    Body, Command, DialectRevision, NegotiateContext, NegotiateRequest, SecurityMode, SessionFlags,
    SessionSetupRequest, SigningCapabilities,
};
use std::collections::BTreeMap;

/// The evidence with its connections followed: what every rule looks at.
pub struct View<'a> {
    evidence: &'a Evidence,
    connections: Vec<Connection>,
}

impl<'a> View<'a> {
    /// Follows every connection of `evidence`.
    #[must_use]
    pub fn new(evidence: &'a Evidence) -> Self {
        let connections = evidence
            .connections
            .iter()
            .enumerate()
            .map(|(index, recorded)| {
                let keys: BTreeMap<u64, [u8; 16]> = evidence
                    .sidecar
                    .session_keys
                    .iter()
                    .filter(|key| key.connection as usize == index)
                    .map(|key| (key.session_id, key.key))
                    .collect();
                let mut connection = Connection::new(keys);
                for chunk in &recorded.chunks {
                    let way = match chunk.direction {
                        Direction::ToServer => Way::ToServer,
                        Direction::ToClient => Way::ToClient,
                    };
                    connection.push(way, chunk.frame, &chunk.bytes);
                }
                connection
            })
            .collect();
        Self { evidence, connections }
    }

    /// The plan of the case.
    #[must_use]
    pub fn case(&self) -> &PlannedCase {
        &self.evidence.sidecar.case
    }

    /// The evidence as it was read.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        self.evidence
    }

    /// The connections, in the order in which they were made.
    #[must_use]
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Every message of every connection, with where it is.
    pub fn messages(&self) -> impl Iterator<Item = (u32, &Connection, &Message)> {
        self.connections.iter().zip(0_u32..).flat_map(|(connection, index)| {
            connection.messages.iter().map(move |message| (index, connection, message))
        })
    }

    /// Every response whose request is known.
    pub fn answers(&self) -> impl Iterator<Item = Answer<'_>> {
        self.messages().filter_map(|(index, connection, response)| {
            let request = connection.messages.get(response.request?)?;
            Some(Answer { index, connection, request, response })
        })
    }

    /// Whose session it is: what the server says, or the logon itself where it says nothing (3.3.5.5.3: it only MAY).
    #[must_use]
    pub fn identity(&self, session: &Session) -> As {
        if session.flags.contains(SessionFlags::IS_GUEST) {
            As::Guest
        } else if session.flags.contains(SessionFlags::IS_NULL) || session.anonymous_logon {
            As::Anonymous
        } else {
            As::User
        }
    }

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
        let keys = &self.evidence.sidecar.session_keys;
        if !keys.iter().any(|key| key.connection == connection && key.session_id == id) {
            // A session that was granted before any proof was asked for has no key at all.
            return match is_proved(followed, session) {
                true => Err(format!("the key of session {id:#x} is not in the evidence")),
                false => Ok(()),
            };
        }
        match self.own_fault(connection) {
            Some(fault) if fault.session == Some(id) => Err(fault.what),
            _ => Ok(()),
        }
    }

    /// The first sign on a connection that something is wrong on this side of it: the client signed wrongly or sent what
    /// is no SMB2, which no case does on purpose (so the key is not the session's, or the client is faulty), or bytes
    /// were altered since. What comes after that proves nothing against the server.
    #[must_use]
    pub fn own_fault(&self, connection: u32) -> Option<OwnFault> {
        let followed = self.connections.get(connection as usize)?;
        let fault = |frame, session, what| OwnFault { connection, frame, session, what };
        let unsigned = followed
            .messages
            .iter()
            .find(|message| {
                message.way == Way::ToServer && matches!(message.signature, Signature::Invalid { .. })
            })
            .map(|message| {
                let (command, frame) = (message.command(), message.frame);
                let what = format!("the client's own signature of {command} (frame {frame}) does not verify");
                fault(frame, Some(message.session_id), what)
            });
        let garbage = followed.garbage.iter().find(|garbage| garbage.way == Way::ToServer).map(|garbage| {
            let what = format!("what the client sent (frame {}) is no SMB2 message", garbage.frame);
            fault(garbage.frame, None, what)
        });
        let chunks = &self.evidence.connections.get(connection as usize)?.chunks;
        let altered = chunks.iter().find_map(|chunk| {
            let problem = self.evidence.problems.iter().find(|problem| problem.frame == Some(chunk.frame))?;
            // Of the server's own bytes it can be said what they break, and not what follows from that.
            let from = chunk.frame + u64::from(chunk.direction == Direction::ToClient);
            Some(fault(from, None, problem.to_string()))
        });
        let unplanned = followed
            .messages
            .iter()
            .filter(|message| message.way == Way::ToServer)
            .find_map(|message| Some(fault(message.frame, None, self.unplanned(message)?)));
        [unsigned, garbage, altered, unplanned].into_iter().flatten().min_by_key(|fault| fault.frame)
    }
}

impl View<'_> {
    /// What a request of the logon says that the client of the plan would not: then the case was not carried out, whatever
    /// the server answered.
    fn unplanned(&self, request: &Message) -> Option<String> {
        let client = &self.case().client;
        let mode = match request.command() {
            Command::NEGOTIATE => NegotiateRequest::parse(&request.bytes).ok()?.security_mode,
            Command::SESSION_SETUP => SessionSetupRequest::parse(&request.bytes).ok()?.security_mode,
            _ => return None,
        };
        let (command, frame) = (request.command(), request.frame);
        if mode.contains(SecurityMode::SIGNING_REQUIRED) != client.requires_signing() {
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

/// Something wrong on this side of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFault {
    /// Which connection.
    pub connection: u32,
    /// From where on nothing is held against the server.
    pub frame: u64,
    /// Whose signature is wrong, where it is one.
    pub session: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// Whether the request that the session was granted for carried more than the opening message of NTLM ([MS-NLMP]
/// 2.2.1.1), which proves nothing.
fn is_proved(connection: &Connection, session: &Session) -> bool {
    const OPENING: &[u8] = b"NTLMSSP\0\x01\0\0\0";
    let response = connection.messages.get(session.established);
    let request = response.and_then(|response| connection.messages.get(response.request?));
    request.is_none_or(|request| !request.bytes.windows(OPENING.len()).any(|window| window == OPENING))
}

/// A response with its request.
#[derive(Clone, Copy)]
pub struct Answer<'v> {
    /// Which connection.
    pub index: u32,
    /// The connection.
    pub connection: &'v Connection,
    /// What was asked.
    pub request: &'v Message,
    /// What was answered.
    pub response: &'v Message,
}

impl<'v> Answer<'v> {
    /// The session of the exchange.
    #[must_use]
    pub fn session(&self) -> Option<&'v Session> {
        self.connection.sessions.get(&self.response.session_id)
    }

    /// Whether this is the response that established its session.
    #[must_use]
    pub fn establishes(&self) -> bool {
        self.response.command() == Command::SESSION_SETUP
            && self.session().is_some_and(|session| {
                self.connection
                    .messages
                    .get(session.established)
                    .is_some_and(|message| std::ptr::eq(message, self.response))
            })
    }

    /// Where the response is.
    #[must_use]
    pub fn at(&self) -> FrameRef {
        place(self.index, self.response)
    }
}

/// Where a message is.
#[must_use]
pub(crate) fn place(connection: u32, message: &Message) -> FrameRef {
    FrameRef { connection, leg: None, frame: message.frame, element: message.element, bytes: None }
}
