//! The walk along a connection of SMB2 or SMB3.

mod captured;

use super::{invalid_signature, left, why_refused};
use crate::contexts;
use crate::line::{Line, final_response, never};
use crate::steps;
use crate::validate;
use model::outcome::{As, By, Counted, Kind, Why};
use model::predict::refuses_identity;
use model::scenario::Expect;
use model::{Action, Algorithm, Dialect, NtStatus, Outcome};
use smb::follow::{Connection, Message, Negotiated, Session, Way};
use smb::wire::{Command, DialectRevision, Flags, SecurityMode, SessionFlags};

/// What a client sends that only takes leave.
const LEAVING: &[Command] = &[Command::LOGOFF, Command::TREE_DISCONNECT, Command::CLOSE];

/// How far the session got before somebody ended it.
pub(super) struct Walk<'v>(pub(super) Line<'v, Connection>);

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
    pub(super) fn run(&self) -> Result<Outcome, String> {
        let negotiated = match (self.negotiate()?, &self.0.connection.negotiated) {
            (Ok(negotiated), _) => negotiated,
            // It was to give up, and logged on all the same.
            (Err(refused), Some(negotiated)) if self.is_overlooked(&refused) => negotiated,
            (Err(refused), _) => return Ok(refused),
        };
        let dialect = negotiated.dialect.ok_or("the dialect that was negotiated has no name")?;
        let about =
            |outcome: Outcome, identity: Option<As>| Outcome { dialect: Some(dialect), identity, ..outcome };
        let session = match self.session(negotiated)? {
            Ok(session) => session,
            Err(refused) => return Ok(about(refused, None)),
        };
        self.0.view.verifiable(self.0.index, session)?;
        let settled = match self.settle(dialect, negotiated, session) {
            Ok(settled) => settled,
            Err(refused) => return Ok(about(refused, Some(self.0.view.identity(session)))),
        };
        if let Some(refused) = self.gives_up(&settled, negotiated, session) {
            return Ok(about(refused, Some(settled.identity)));
        }
        if let Some(refused) = self.mount(session)? {
            return Ok(about(refused, Some(settled.identity)));
        }
        self.traffic(&settled, session)
    }

    /// Whether it is a client that people run: what it makes of something is what it does then.
    fn is_driven(&self) -> bool {
        self.0.view.software().is_some()
    }

    /// Whether the client goes on after a message: it asks for something more than to leave.
    fn goes_on(&self, index: usize) -> bool {
        self.0.requests_after(index).any(|request| !LEAVING.contains(&request.command()))
    }

    /// Whether there is more behind the mount than leaving.
    fn does_something(&self, session: &Session) -> bool {
        let after = self.0.requests_after(session.established);
        after.filter(|request| is_ordinary(request)).any(|request| !LEAVING.contains(&request.command()))
    }

    /// Whether a client that people run did not refuse what one has to refuse: it logged on.
    fn is_overlooked(&self, refused: &Outcome) -> bool {
        self.is_driven()
            && refused.by == Some(By::Client)
            && self.0.requests().any(|request| request.command() == Command::SESSION_SETUP)
    }

    /// NEGOTIATE: what was settled, or the refusal (3.2.5.2).
    fn negotiate(&self) -> Result<Result<&'v Negotiated, Outcome>, String> {
        // A multi-protocol NEGOTIATE that led straight to a dialect: there is no other.
        if let Some(negotiated) = &self.0.connection.negotiated
            && negotiated.request.is_none()
        {
            if !negotiated.offered_dialects.contains(&negotiated.revision) {
                return Ok(Err(Outcome::refused(By::Client, Why::NoCommonDialect, None)));
            }
            return Ok(Ok(negotiated));
        }
        if let Some(response) = self.0.connection.multi_protocol.as_ref().and_then(|asked| asked.response)
            && let Some(status) = self.0.connection.messages.get(response).map(|m| m.header.status)
            && status != NtStatus::SUCCESS
        {
            return Ok(Err(Outcome::refused(By::Server, Why::NegotiateFailed, Some(status))));
        }
        // One that was refused because it was broken on purpose is followed by another.
        let granted = self.0.connection.negotiated.as_ref().and_then(|negotiated| negotiated.request);
        let granted = granted.and_then(|request| self.0.connection.messages.get(request));
        let first = || self.0.first("NEGOTIATE", |m| m.command() == Command::NEGOTIATE);
        let Some(request) = granted.map_or_else(first, |request| Ok(Some(request)))? else {
            return Ok(Err(self.0.lost()));
        };
        let Some(response) = self.0.answer_to(request)? else {
            // A server that has SMB1 alone knows no such message, and ends the connection ([MS-CIFS] 3.3.5.2).
            let smb1_alone = self.0.view.plan().is_some_and(|case| case.server.dialects.1 == Dialect::Nt1);
            return Ok(Err(match smb1_alone && !self.0.garbage() {
                true => Outcome::refused(By::Server, Why::NoCommonDialect, None),
                false => self.0.lost(),
            }));
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
        let Some(negotiated) = &self.0.connection.negotiated else {
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
            match (&negotiated.offered_algorithms, negotiated.selected_algorithms.as_slice()) {
                // A client that sent no such context does not know the type, and ignores it.
                (None, _) | (_, []) => {}
                (Some(offered), [ids]) if ids.len() == 1 => {
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
        if let Some(session) = self.captured_session() {
            return Ok(Ok(session));
        }
        let is_setup = |m: &Message| m.command() == Command::SESSION_SETUP && !self.is_to_fail(m);
        let first = match self.0.first("SESSION_SETUP", is_setup) {
            Err(_) if self.is_driven() => return Ok(Err(left())),
            first => first?,
        };
        let Some(mut request) = first else {
            return Ok(Err(self.0.lost()));
        };
        loop {
            let Some(response) = self.0.answer_to(request)? else {
                return Ok(Err(self.0.lost()));
            };
            let status = response.header.status;
            if status == NtStatus::SUCCESS {
                return match self.0.connection.sessions.get(&response.header.session_id) {
                    Some(session) => Ok(Ok(session)),
                    None => Ok(Err(Outcome::refused(By::Client, Why::NotSmb, None))),
                };
            }
            if status != NtStatus::MORE_PROCESSING_REQUIRED {
                let why = why_refused(status);
                return Ok(Err(Outcome::refused(By::Server, why, Some(status))));
            }
            let after = self.0.position(request);
            let next =
                self.0.requests().find(|request| is_setup(request) && self.0.position(request) > after);
            request = match next {
                Some(next) => next,
                None if self.0.server_ended() => return Ok(Err(self.0.lost())),
                None if self.is_driven() => return Ok(Err(left())),
                None => {
                    let frame = response.frame;
                    return Err(format!(
                        "the logon was not carried on after STATUS_MORE_PROCESSING_REQUIRED (frame {frame})"
                    ));
                }
            };
        }
    }

    /// Whether a request belongs to the logon that is not to succeed.
    fn is_to_fail(&self, request: &Message) -> bool {
        let step = steps::step_at(self.0.view, self.0.index, request.offset);
        step.and_then(|step| self.0.view.steps().get(step))
            .is_some_and(|step| step.action == Action::FailedSetup)
    }

    /// What the session settles, or the refusal by a client that does not take such a session (3.2.5.3.1).
    fn settle(
        &self,
        dialect: Dialect,
        negotiated: &Negotiated,
        session: &Session,
    ) -> Result<Settled, Outcome> {
        let client = self.0.view.client();
        let identity = self.0.view.identity(session);
        let stays = self.is_driven() && self.goes_on(session.established);
        if let Some(refused) = refuses_identity(client, identity).filter(|_| !stays) {
            return Err(refused);
        }
        let encrypted = dialect.is_smb3() && session.flags.contains(SessionFlags::ENCRYPT_DATA);
        let required =
            client.requires_signing() || negotiated.server_mode.contains(SecurityMode::SIGNING_REQUIRED);
        let verifies = required && identity == As::User && !encrypted;
        let last = &self.0.connection.messages[session.established];
        let flag_needed = dialect == Dialect::Smb311 && identity == As::User;
        let wrong = (flag_needed && !last.signature.is_flagged()) || (verifies && !last.signature.is_valid());
        if wrong && !stays {
            return Err(invalid_signature());
        }
        Ok(Settled { dialect, identity, verifies, encrypted })
    }

    /// The first response after the session was established at which this client gives up.
    fn gives_up(&self, settled: &Settled, negotiated: &Negotiated, session: &Session) -> Option<Outcome> {
        for response in self.0.connection.messages.iter().skip(session.established + 1) {
            if response.way != Way::ToClient || response.is_interim() {
                continue;
            }
            let Some(request) = response.request.and_then(|r| self.0.connection.messages.get(r)) else {
                continue;
            };
            // The answer to what was broken on purpose is what this client wants to see.
            if self.0.view.is_on_purpose(self.0.index, request) {
                continue;
            }
            // Another logon has a key of its own only once it is through, and a rule of its own for that answer.
            if request.command() == Command::SESSION_SETUP && response.session_id != session.id {
                continue;
            }
            if self.is_of_another(session, request) {
                continue;
            }
            // A client that people run gives up where it does.
            if self.is_driven() && self.goes_on(self.0.position(response)) {
                continue;
            }
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
        let granted = self.captured_mount(session);
        let first = || {
            self.0
                .requests_after(session.established)
                .find(|r| r.command() == Command::TREE_CONNECT && !self.0.view.is_on_purpose(self.0.index, r))
        };
        let Some(request) = granted.or_else(first) else {
            let planned = self.0.view.steps().iter().any(|s| s.action == Action::TreeConnect);
            return match planned {
                // What is encrypted cannot be seen.
                _ if self.0.connection.encrypted => Ok(None),
                _ if self.is_driven() => Ok(Some(if self.0.server_ended() { self.0.lost() } else { left() })),
                true if self.0.server_ended() => Ok(Some(self.0.lost())),
                true => Err(never("TREE_CONNECT")),
                false => Ok(None),
            };
        };
        let Some(response) = self.0.answer_to(request)? else {
            return Ok(Some(self.0.lost()));
        };
        Ok(match response.header.status {
            NtStatus::SUCCESS => None,
            status @ NtStatus::ACCESS_DENIED => {
                Some(Outcome::refused(By::Server, Why::AccessDenied, Some(status)))
            }
            status => Some(Outcome::refused(By::Server, Why::TreeConnectFailed, Some(status))),
        })
    }

    /// Whether an ECHO, which nothing can hold up, was not answered although another one was that was sent after later
    /// requests had been answered. Answers come in any order, so that alone proves nothing: but where somebody on the wire does
    /// something, a client that takes the message for lost has noticed.
    fn is_passed_over(&self, request: &Message) -> bool {
        let messages = &self.0.connection.messages;
        if self.0.view.plan().is_none_or(|case| case.expect != Expect::Noticed)
            || request.command() != Command::ECHO
            || final_response(self.0.connection, request).is_some()
        {
            return false;
        }
        let later = || {
            let sent = messages.iter().filter(|m| m.way == Way::ToServer && m.offset > request.offset);
            sent.filter_map(|sent| final_response(self.0.connection, sent).map(|answer| (sent, answer)))
        };
        later().any(|(fence, _)| {
            fence.command() == Command::ECHO
                && later().any(|(before, answer)| before.offset < fence.offset && answer.frame < fence.frame)
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
        for request in self.0.requests_after(session.established).filter(|request| is_ordinary(request)) {
            if self.is_of_another(session, request) {
                continue;
            }
            counted.requests.1 += 1;
            counted.requests.0 += u64::from(request.signature.is_valid());
            if request.command() == Command::CANCEL {
                continue;
            }
            if self.is_passed_over(request) {
                let unanswered = Outcome::refused(By::Client, Why::Unanswered, None);
                return Ok(Outcome {
                    dialect: Some(settled.dialect),
                    identity: Some(settled.identity),
                    signed: Some(counted),
                    ..unanswered
                });
            }
            let answer = self.0.answer_to(request);
            if self.may_be_unanswered(request) && !matches!(answer, Ok(Some(_))) {
                continue;
            }
            let Some(response) = answer? else {
                return Ok(Outcome { signed: Some(counted), ..refused(Why::Disconnected, None) });
            };
            answered += 1;
            denied += u64::from(response.header.status == NtStatus::ACCESS_DENIED);
            counted.responses.1 += 1;
            counted.responses.0 += u64::from(response.signature.is_valid());
        }
        if self.0.server_ended() && !self.0.all_steps_sent() {
            return Ok(Outcome { signed: Some(counted), ..refused(Why::Disconnected, None) });
        }
        // A session that says so is encrypted to its client, whatever the server does then: signing is off in it.
        if self.0.connection.encrypted || settled.encrypted {
            return Ok(Outcome {
                signed: Some(counted),
                ..Outcome::connected(Kind::Encrypted, settled.dialect, None, settled.identity)
            });
        }
        // Who only takes leave did nothing here.
        if self.is_driven()
            && !self.0.connection.encrypted
            && (answered == 0 || !self.does_something(session))
        {
            let end = if self.0.server_ended() { self.0.lost() } else { left() };
            return Ok(Outcome { dialect: Some(settled.dialect), identity: Some(settled.identity), ..end });
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
}

/// Whether a request counts for the classification: what is signed in every cell does not (POLICY 1).
fn is_ordinary(request: &Message) -> bool {
    !matches!(request.command(), Command::NEGOTIATE | Command::SESSION_SETUP | Command::TREE_CONNECT)
        && !validate::is_asked(request)
}
