//! The walk along a connection of SMB1.

use super::{invalid_signature, left, why_refused};
use crate::line::{Line, never};
use crate::smb1;
use model::outcome::{As, By, Counted, Kind, Why};
use model::policy::smb1_client;
use model::predict::refuses_identity;
use model::{Algorithm, Dialect, ExtendedSecurity, NtStatus, Outcome};
use smb::follow::Way;
use smb::smb1::follow::{Connection, Message, Negotiated, Session};
use smb::smb1::{Command, NegotiateRefusal, SecurityMode, parse};

/// How far the session got before somebody ended it.
pub(super) struct Walk<'v>(pub(super) Line<'v, Connection>);

/// What the session settled.
struct Settled {
    identity: As,
    /// Whether this client verifies every response: it targets signing and a user has logged on ([MS-SMB] 3.2.5.3).
    verifies: bool,
}

/// The DialectIndex of a server that takes none of the dialects ([MS-CIFS] 2.2.4.52.2).
const NO_DIALECT: u16 = 0xFFFF;

impl<'v> Walk<'v> {
    pub(super) fn run(&self) -> Result<Outcome, String> {
        let negotiated = match self.negotiate()? {
            Ok(negotiated) => negotiated,
            Err(refused) => return Ok(refused),
        };
        let about = |outcome: Outcome, identity: Option<As>| Outcome {
            dialect: Some(Dialect::Nt1),
            identity,
            ..outcome
        };
        let client = self.0.view.client();
        let generation = client.generation_at(Dialect::Nt1);
        let server = smb1::server_state(negotiated.security_mode);
        let client = smb1_client(client.signing, generation, server);
        if client.gives_up {
            return Ok(about(Outcome::refused(By::Client, Why::SigningImpossible, None), None));
        }
        let session = match self.session()? {
            Ok(session) => session,
            Err(refused) => return Ok(about(refused, None)),
        };
        let settled = match self.settle(client.targets_signing, session)? {
            Ok(settled) => settled,
            Err(refused) => return Ok(about(refused, Some(smb1::identity(session)))),
        };
        if settled.verifies && self.gives_up(session) && !(self.is_driven() && self.did_more(session)) {
            return Ok(about(invalid_signature(), Some(settled.identity)));
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
        let leaves = [Command::LOGOFF_ANDX, Command::TREE_DISCONNECT, Command::CLOSE];
        self.0.requests_after(index).any(|request| !leaves.contains(&request.command()))
    }

    /// Whether the client went on after the first wrong answer.
    fn did_more(&self, session: &Session) -> bool {
        let messages = self.0.connection.messages.iter().enumerate().skip(session.established + 1);
        let mut wrong = messages.filter(|(_, response)| {
            response.way == Way::ToClient && !response.is_oplock_break() && !response.signature.is_valid()
        });
        wrong.next().is_some_and(|(index, _)| self.goes_on(index))
    }

    /// NEGOTIATE: what was settled, or the refusal ([MS-CIFS] 3.2.5.2).
    fn negotiate(&self) -> Result<Result<&'v Negotiated, Outcome>, String> {
        let refused = |by, why, status| Ok(Err(Outcome::refused(by, why, status)));
        let Some(request) = self.0.first("NEGOTIATE", |m| m.command() == Command::NEGOTIATE)? else {
            return Ok(Err(self.0.lost()));
        };
        let Some(response) = self.0.answer_to(request)? else {
            // A server without SMB1 ends the connection without a word ([MS-SMB2] 3.3.5.3.2).
            return match self.0.garbage() {
                true => Ok(Err(self.0.lost())),
                false => refused(By::Server, Why::NoCommonDialect, None),
            };
        };
        let status = response.header.status;
        if status != NtStatus::SUCCESS {
            return refused(By::Server, Why::NegotiateFailed, Some(status));
        }
        if parse::<NegotiateRefusal>(&response.bytes).is_ok_and(|(_, body)| body.dialect_index == NO_DIALECT)
        {
            return refused(By::Server, Why::NoCommonDialect, None);
        }
        let Some(negotiated) = &self.0.connection.negotiated else {
            return refused(By::Client, Why::NotSmb, None);
        };
        if negotiated.response_body.dialect_index == NO_DIALECT {
            return refused(By::Server, Why::NoCommonDialect, None);
        }
        if negotiated.dialect.is_none() {
            return refused(By::Client, Why::NoCommonDialect, None);
        }
        // A password is never sent in the clear, and a challenge has eight bytes ([MS-CIFS] 2.2.4.52.2).
        let mode = negotiated.security_mode;
        let plain = !mode.contains(SecurityMode::USER_SECURITY)
            || !mode.contains(SecurityMode::ENCRYPT_PASSWORDS)
            || (!negotiated.extended_security && negotiated.challenge.is_none());
        if plain {
            return refused(By::Client, Why::NegotiateFailed, None);
        }
        let asked = self.0.view.client().extended_security == ExtendedSecurity::Yes;
        if asked && !negotiated.extended_security {
            // A server need not have it ([MS-SMB] 3.2.4.2.4.1), and then this is not the case that was planned.
            return Err(format!(
                "the server has no extended security (frame {}): the case with it was not carried out",
                response.frame
            ));
        }
        Ok(Ok(negotiated))
    }

    /// SESSION_SETUP_ANDX: the session, or the refusal.
    fn session(&self) -> Result<Result<&'v Session, Outcome>, String> {
        let is_setup = |m: &Message| m.command() == Command::SESSION_SETUP_ANDX;
        let first = match self.0.first("SESSION_SETUP_ANDX", is_setup) {
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
                return match self.0.connection.sessions.get(&response.header.uid) {
                    Some(session) => Ok(Ok(session)),
                    None => Ok(Err(Outcome::refused(By::Client, Why::NotSmb, None))),
                };
            }
            if status != NtStatus::MORE_PROCESSING_REQUIRED {
                return Ok(Err(Outcome::refused(By::Server, why_refused(status), Some(status))));
            }
            let after = self.0.position(request);
            request = match self.0.requests_after(after).find(|r| is_setup(r)) {
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

    /// What the session settles, or the refusal by a client that does not take such a session.
    fn settle(&self, targets: bool, session: &Session) -> Result<Result<Settled, Outcome>, String> {
        let identity = smb1::identity(session);
        let stays = self.is_driven() && self.goes_on(session.established);
        if let Some(refused) = refuses_identity(self.0.view.client(), identity).filter(|_| !stays) {
            return Ok(Err(refused));
        }
        let verifies = targets && identity == As::User;
        if verifies {
            let last = self.0.connection.messages.get(session.established);
            let signature = last.map(|message| message.signature);
            // Without the right key a signature says nothing; that there is none still does.
            if signature.is_some_and(smb1::is_something) {
                self.0.view.smb1_verifiable(self.0.index, session)?;
            }
            if !signature.is_some_and(smb::smb1::follow::Signature::is_valid) && !stays {
                return Ok(Err(invalid_signature()));
            }
        } else {
            self.0.view.smb1_verifiable(self.0.index, session)?;
        }
        Ok(Ok(Settled { identity, verifies }))
    }

    /// Whether there is a response at which this client gives up ([MS-SMB] 3.2.5.1). The answer to a request that was
    /// broken on purpose is not one: this client wants to see it.
    fn gives_up(&self, session: &Session) -> bool {
        self.0.connection.messages.iter().skip(session.established + 1).any(|response| {
            let asked = response.request.and_then(|request| self.0.connection.messages.get(request));
            response.way == Way::ToClient
                && !response.is_oplock_break()
                && !response.signature.is_valid()
                && asked.is_some_and(|asked| !self.0.view.smb1_is_on_purpose(self.0.index, asked.offset))
        })
    }

    /// TREE_CONNECT_ANDX: `None` where the share was mounted or the scenario mounts none.
    fn mount(&self, session: &Session) -> Result<Option<Outcome>, String> {
        let mounts = |r: &&Message| {
            r.command() == Command::TREE_CONNECT_ANDX
                && !self.0.view.smb1_is_on_purpose(self.0.index, r.offset)
        };
        let Some(request) = self.0.requests_after(session.established).find(mounts) else {
            let planned = self.0.view.steps().iter().any(|s| s.action == model::Action::TreeConnect);
            return match planned {
                _ if self.is_driven() => Ok(Some(if self.0.server_ended() { self.0.lost() } else { left() })),
                true if self.0.server_ended() => Ok(Some(self.0.lost())),
                true => Err(never("TREE_CONNECT_ANDX")),
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

    /// Ordinary traffic after the mount.
    fn traffic(&self, settled: &Settled, session: &Session) -> Result<Outcome, String> {
        let refused = |why, status| Outcome {
            dialect: Some(Dialect::Nt1),
            identity: Some(settled.identity),
            ..Outcome::refused(By::Server, why, status)
        };
        let mut counted = Counted::default();
        let (mut denied, mut answered) = (0, 0);
        for request in self.0.requests_after(session.established).filter(|request| is_ordinary(request)) {
            counted.requests.1 += 1;
            counted.requests.0 += u64::from(request.signature.is_valid());
            if !smb1::has_answer(request) {
                continue;
            }
            let answer = self.0.answer_to(request);
            // A capture may end before an answer comes.
            if self.0.view.is_unplanned() && !self.0.server_ended() && !matches!(answer, Ok(Some(_))) {
                continue;
            }
            if answer?.is_none() {
                return Ok(Outcome { signed: Some(counted), ..refused(Why::Disconnected, None) });
            }
            for response in request.responses.iter().filter_map(|i| self.0.connection.messages.get(*i)) {
                answered += 1;
                denied += u64::from(response.header.status == NtStatus::ACCESS_DENIED);
                counted.responses.1 += 1;
                counted.responses.0 += u64::from(response.signature.is_valid());
            }
        }
        if self.0.server_ended() && !self.0.all_steps_sent() {
            return Ok(Outcome { signed: Some(counted), ..refused(Why::Disconnected, None) });
        }
        if answered == 0 && self.is_driven() {
            return Ok(Outcome { dialect: Some(Dialect::Nt1), identity: Some(settled.identity), ..left() });
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
        let algorithm = (settled.identity == As::User).then_some(Algorithm::Md5);
        // A later session of the same user is somebody else's only where the server makes it so.
        let mut others = self.0.connection.sessions.values().map(smb1::identity);
        let identity = others.find(|other| *other != settled.identity).unwrap_or(settled.identity);
        Ok(Outcome { signed: Some(counted), ..Outcome::connected(kind, Dialect::Nt1, algorithm, identity) })
    }
}

/// Whether a request counts for the classification.
const fn is_ordinary(request: &Message) -> bool {
    !matches!(
        request.command(),
        Command::NEGOTIATE | Command::SESSION_SETUP_ANDX | Command::TREE_CONNECT_ANDX
    )
}
