//! What a client with the case's profile experiences, from the bytes alone.
//!
//! The walk follows the life of the connection and stops at the message where that client gives up; what comes after it
//! does not count. Where the bytes do not say, there is no outcome, only a reason.

use crate::contexts;
use crate::steps;
use crate::validate;
use crate::view::View;
use evidence::Direction;
use model::outcome::{As, By, Counted, Kind, Why};
use model::predict::{invalid_signature_shown, refuses_identity};
use model::{Algorithm, Dialect, NtStatus, Outcome};
use smb::follow::{Connection, Message, Negotiated, Session, Way};
use smb::wire::{Command, DialectRevision, Flags, SecurityMode, SessionFlags};

/// The outcome, or why there is none.
pub(crate) struct Observed {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) incomplete: Option<String>,
}

/// Computes the outcome of the case.
pub(crate) fn observe(view: &View<'_>) -> Observed {
    match Walk::start(view).and_then(|walk| walk.run()) {
        Ok(outcome) => Observed { outcome: Some(outcome), incomplete: None },
        Err(why) => Observed { outcome: None, incomplete: Some(why) },
    }
}

/// How far the session got before somebody ended it.
struct Walk<'v> {
    view: &'v View<'v>,
    index: u32,
    connection: &'v Connection,
}

/// What the session settled.
struct Settled {
    dialect: Dialect,
    identity: As,
    /// Whether this client verifies every response: it requires signing or the server does, and there is a key
    /// (3.2.5.1.3, 3.2.5.3.1).
    verifies: bool,
    encrypted: bool,
}

impl<'v> Walk<'v> {
    fn start(view: &'v View<'v>) -> Result<Self, String> {
        let recorded = view.evidence().connections.first().ok_or("no connection was recorded")?;
        if let Some(frame) = recorded.refused {
            return Err(format!("the server's port refused the connection (frame {frame})"));
        }
        let connection = view.connections().first().ok_or("no connection was recorded")?;
        Ok(Self { view, index: 0, connection })
    }

    fn run(&self) -> Result<Outcome, String> {
        let negotiated = match self.negotiate()? {
            Ok(negotiated) => negotiated,
            Err(refused) => return Ok(refused),
        };
        let dialect = negotiated.dialect.ok_or("the dialect that was negotiated has no name")?;
        let about =
            |outcome: Outcome, identity: Option<As>| Outcome { dialect: Some(dialect), identity, ..outcome };
        let session = match self.session(negotiated)? {
            Ok(session) => session,
            Err(refused) => return Ok(about(refused, None)),
        };
        self.view.verifiable(self.index, session)?;
        let settled = match self.settle(dialect, negotiated, session) {
            Ok(settled) => settled,
            Err(refused) => return Ok(about(refused, Some(self.view.identity(session)))),
        };
        if let Some(refused) = self.gives_up(&settled, negotiated, session) {
            return Ok(about(refused, Some(settled.identity)));
        }
        if let Some(refused) = self.mount(session)? {
            return Ok(about(refused, Some(settled.identity)));
        }
        self.traffic(&settled, session)
    }

    /// NEGOTIATE: what was settled, or the refusal (3.2.5.2).
    fn negotiate(&self) -> Result<Result<&'v Negotiated, Outcome>, String> {
        let Some(request) = self.first_request(Command::NEGOTIATE)? else {
            return Ok(Err(self.lost()));
        };
        let Some(response) = self.answer_to(request)? else {
            return Ok(Err(self.lost()));
        };
        let refused = |by, why, status| Ok(Err(Outcome::refused(by, why, status)));
        let status = response.header.status;
        if !response.header.flags.contains(Flags::SERVER_TO_REDIR) {
            return refused(By::Client, Why::NotSmb, None);
        }
        if status == NtStatus::NOT_SUPPORTED {
            return refused(By::Server, Why::NoCommonDialect, Some(status));
        }
        if status != NtStatus::SUCCESS {
            return refused(By::Server, Why::NegotiateFailed, Some(status));
        }
        let Some(negotiated) = &self.connection.negotiated else {
            return refused(By::Client, Why::NotSmb, None);
        };
        if !negotiated.offered_dialects.contains(&negotiated.revision)
            || negotiated.revision == DialectRevision::WILDCARD
        {
            return refused(By::Client, Why::NoCommonDialect, None);
        }
        if negotiated.dialect == Some(Dialect::Smb311) {
            if !contexts::are_acceptable(negotiated) {
                return refused(By::Client, Why::NegotiateFailed, None);
            }
            match negotiated.selected_algorithms.as_slice() {
                [] => {}
                [ids] if ids.len() == 1 => {
                    let offered = negotiated.offered_algorithms.as_deref().unwrap_or_default();
                    if !offered.contains(&ids[0]) {
                        return refused(By::Client, Why::AlgorithmNotOffered, None);
                    }
                    // Offered to see whether the server passes over it: nobody can sign with it.
                    if Algorithm::from_smb2_id(ids[0]).is_none() {
                        return refused(By::Client, Why::NegotiateFailed, None);
                    }
                }
                _ => return refused(By::Client, Why::NegotiateFailed, None),
            }
        }
        Ok(Ok(negotiated))
    }

    /// SESSION_SETUP: the session, or the refusal.
    fn session(&self, _: &Negotiated) -> Result<Result<&'v Session, Outcome>, String> {
        let Some(mut request) = self.first_request(Command::SESSION_SETUP)? else {
            return Ok(Err(self.lost()));
        };
        loop {
            let Some(response) = self.answer_to(request)? else {
                return Ok(Err(self.lost()));
            };
            let status = response.header.status;
            if status == NtStatus::SUCCESS {
                return match self.connection.sessions.get(&response.header.session_id) {
                    Some(session) => Ok(Ok(session)),
                    None => Ok(Err(Outcome::refused(By::Client, Why::NotSmb, None))),
                };
            }
            if status != NtStatus::MORE_PROCESSING_REQUIRED {
                let why = match status {
                    NtStatus::LOGON_FAILURE
                    | NtStatus::NO_SUCH_USER
                    | NtStatus::WRONG_PASSWORD
                    | NtStatus::ACCOUNT_RESTRICTION
                    | NtStatus::ACCOUNT_DISABLED
                    | NtStatus::ACCOUNT_LOCKED_OUT
                    | NtStatus::PASSWORD_EXPIRED
                    | NtStatus::LOGON_TYPE_NOT_GRANTED => Why::LogonFailure,
                    NtStatus::ACCESS_DENIED => Why::AccessDenied,
                    _ => Why::SessionSetupFailed,
                };
                return Ok(Err(Outcome::refused(By::Server, why, Some(status))));
            }
            let after = self.position(request);
            let next =
                self.requests().find(|r| r.command() == Command::SESSION_SETUP && self.position(r) > after);
            request = match next {
                Some(next) => next,
                None if self.server_ended() => return Ok(Err(self.lost())),
                None => {
                    let frame = response.frame;
                    return Err(format!(
                        "the logon was not carried on after STATUS_MORE_PROCESSING_REQUIRED (frame {frame})"
                    ));
                }
            };
        }
    }

    /// What the session settles, or the refusal by a client that does not take such a session (3.2.5.3.1).
    fn settle(
        &self,
        dialect: Dialect,
        negotiated: &Negotiated,
        session: &Session,
    ) -> Result<Settled, Outcome> {
        let client = &self.view.case().client;
        let identity = self.view.identity(session);
        if let Some(refused) = refuses_identity(client, identity) {
            return Err(refused);
        }
        let encrypted = dialect.is_smb3() && session.flags.contains(SessionFlags::ENCRYPT_DATA);
        let required =
            client.requires_signing() || negotiated.server_mode.contains(SecurityMode::SIGNING_REQUIRED);
        let verifies = required && identity == As::User && !encrypted;
        let last = &self.connection.messages[session.established];
        let flag_needed = dialect == Dialect::Smb311 && identity == As::User;
        if (flag_needed && !last.signature.is_flagged()) || (verifies && !last.signature.is_valid()) {
            return Err(invalid_signature());
        }
        Ok(Settled { dialect, identity, verifies, encrypted })
    }

    /// The first response after the session was established at which this client gives up.
    fn gives_up(&self, settled: &Settled, negotiated: &Negotiated, session: &Session) -> Option<Outcome> {
        for response in self.connection.messages.iter().skip(session.established + 1) {
            if response.way != Way::ToClient || response.is_interim() {
                continue;
            }
            let Some(request) = response.request.and_then(|r| self.connection.messages.get(r)) else {
                continue;
            };
            let validates = validate::is_asked(request) && !settled.encrypted;
            if (settled.verifies || validates) && !response.signature.is_valid() {
                return Some(invalid_signature());
            }
            if validates && !validate::told(negotiated, response).is_taken() {
                return Some(Outcome::refused(By::Client, Why::NegotiateAltered, None));
            }
        }
        None
    }

    /// TREE_CONNECT: `None` where the share was mounted or the scenario mounts none.
    fn mount(&self, session: &Session) -> Result<Option<Outcome>, String> {
        let Some(request) = self.after(session).find(|r| r.command() == Command::TREE_CONNECT) else {
            let planned = self.view.case().steps.iter().any(|s| s.action == model::Action::TreeConnect);
            return match planned {
                true if self.server_ended() => Ok(Some(self.lost())),
                true => Err(never("TREE_CONNECT")),
                false => Ok(None),
            };
        };
        let Some(response) = self.answer_to(request)? else {
            return Ok(Some(self.lost()));
        };
        Ok(match response.header.status {
            NtStatus::SUCCESS => None,
            status @ NtStatus::ACCESS_DENIED => {
                Some(Outcome::refused(By::Server, Why::AccessDenied, Some(status)))
            }
            status => Some(Outcome::refused(By::Server, Why::TreeConnectFailed, Some(status))),
        })
    }

    /// Ordinary traffic after the mount: what POLICY 1 classifies by.
    fn traffic(&self, settled: &Settled, session: &Session) -> Result<Outcome, String> {
        let refused = |why, status| Outcome {
            dialect: Some(settled.dialect),
            identity: Some(settled.identity),
            ..Outcome::refused(By::Server, why, status)
        };
        let mut counted = Counted::default();
        let mut denied = 0;
        let mut answered = 0;
        for request in self.after(session).filter(|request| is_ordinary(request)) {
            counted.requests.1 += 1;
            counted.requests.0 += u64::from(request.signature.is_valid());
            if request.command() == Command::CANCEL {
                continue;
            }
            let Some(response) = self.answer_to(request)? else {
                return Ok(Outcome { signed: Some(counted), ..refused(Why::Disconnected, None) });
            };
            answered += 1;
            denied += u64::from(response.header.status == NtStatus::ACCESS_DENIED);
            counted.responses.1 += 1;
            counted.responses.0 += u64::from(response.signature.is_valid());
        }
        if self.server_ended() && !self.all_steps_sent() {
            return Ok(Outcome { signed: Some(counted), ..refused(Why::Disconnected, None) });
        }
        // A session that says so is encrypted to its client, whatever the server does then: signing is off in it.
        if self.connection.encrypted || settled.encrypted {
            return Ok(Outcome {
                signed: Some(counted),
                ..Outcome::connected(Kind::Encrypted, settled.dialect, None, settled.identity)
            });
        }
        if answered == 0 {
            return Err(never("anything after the mount"));
        }
        if denied == answered {
            return Ok(Outcome {
                signed: Some(counted),
                ..refused(Why::AccessDenied, Some(NtStatus::ACCESS_DENIED))
            });
        }
        let all = counted.requests.1 + counted.responses.1;
        let kind = match counted.requests.0 + counted.responses.0 {
            0 => Kind::NotSigned,
            signed if signed == all => Kind::Signed,
            _ => Kind::Mixed,
        };
        // Without a secret there is nothing an algorithm would sign with.
        let algorithm = if settled.identity == As::User { session.algorithm } else { None };
        Ok(Outcome {
            signed: Some(counted),
            ..Outcome::connected(kind, settled.dialect, algorithm, settled.identity)
        })
    }

    fn requests(&self) -> impl Iterator<Item = &'v Message> {
        self.connection.messages.iter().filter(|message| message.way == Way::ToServer)
    }

    /// The requests sent after the session was established.
    fn after(&self, session: &Session) -> impl Iterator<Item = &'v Message> {
        self.connection.messages.iter().skip(session.established + 1).filter(|m| m.way == Way::ToServer)
    }

    /// The first request of this kind; `None` where the server had ended the connection before it could be sent.
    fn first_request(&self, command: Command) -> Result<Option<&'v Message>, String> {
        match self.requests().find(|r| r.command() == command) {
            None if !self.server_ended() => Err(never(&command.to_string())),
            found => Ok(found),
        }
    }

    /// The final response to a request; `None` where the server ended the connection instead. What is neither is not
    /// known: a timeout alone proves nothing.
    fn answer_to(&self, request: &'v Message) -> Result<Option<&'v Message>, String> {
        let found = request
            .responses
            .iter()
            .filter_map(|index| self.connection.messages.get(*index))
            .find(|response| !response.is_interim());
        if found.is_some() || self.server_ended() || self.garbage() {
            return Ok(found);
        }
        let unfinished = match self.connection.unfinished(Way::ToClient) {
            _ if self.connection.encrypted => ": there are encrypted messages, which are not read".to_owned(),
            Some((came, Some(announced))) => format!(": {came} of {announced} announced bytes came"),
            Some((came, None)) => format!(": {came} bytes of a transport header came"),
            None => String::new(),
        };
        Err(format!("no answer to {} (frame {}){unfinished}", request.command(), request.frame))
    }

    /// What a client experiences where no answer will come any more.
    fn lost(&self) -> Outcome {
        if self.garbage() {
            Outcome::refused(By::Client, Why::NotSmb, None)
        } else {
            Outcome::refused(By::Server, Why::Disconnected, None)
        }
    }

    fn garbage(&self) -> bool {
        self.connection.garbage.iter().any(|garbage| garbage.way == Way::ToClient)
    }

    fn server_ended(&self) -> bool {
        self.view
            .evidence()
            .connections
            .get(self.index as usize)
            .and_then(|recorded| recorded.ends.first())
            .is_some_and(|end| end.direction == Direction::ToClient)
    }

    fn position(&self, message: &Message) -> usize {
        self.connection.messages.iter().position(|other| std::ptr::eq(other, message)).unwrap_or(usize::MAX)
    }

    fn all_steps_sent(&self) -> bool {
        (0..self.view.case().steps.len()).all(|step| steps::is_sent(self.view, step))
    }
}

fn never(what: &str) -> String {
    format!("{what} was never sent")
}

/// Whether a request counts for the classification: what is signed in every cell does not (POLICY 1).
fn is_ordinary(request: &Message) -> bool {
    !matches!(request.command(), Command::NEGOTIATE | Command::SESSION_SETUP | Command::TREE_CONNECT)
        && !validate::is_asked(request)
}

/// The refusal of a client that needs a signature and does not get a valid one.
fn invalid_signature() -> Outcome {
    Outcome {
        shown: Some(invalid_signature_shown()),
        ..Outcome::refused(By::Client, Why::InvalidSignature, Some(NtStatus::INVALID_SIGNATURE))
    }
}
