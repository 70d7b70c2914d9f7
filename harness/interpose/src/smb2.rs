//! SMB2 and SMB3 between two sides: the key schedule of each, and every frame signed for the side it goes to.
//!
//! A message is verified with the key of the side it came from, edited, and signed with the key of the side it goes to. What
//! nothing changes goes on as the very bytes that came: the same key makes the same signature.

mod edit;
mod mend;
mod schedule;
mod seal;

pub(crate) use edit::{Asked, Check, Memory, Notification, Reply, Request};
pub(crate) use schedule::{Schedule, Session};
pub(crate) use seal::Seal;

use crate::{Account, Output};
use model::{Dialect, NtStatus};
use smb::follow::Way;
use smb::ntlm::overheard::{self, KeyUnknown};
use smb::wire::{
    self, Body, Command, CtlCode, Flags, Header, IoctlRequest, NegotiateRequest, SecurityMode, SessionFlags,
    SessionSetupFlags, SessionSetupRequest, SessionSetupResponse,
};
use std::collections::BTreeMap;

/// What a defect does; whether it did.
#[derive(Clone, Copy, Default)]
pub(crate) struct Edits {
    /// To a request.
    pub(crate) request: Option<fn(&mut Request<'_>) -> bool>,
    /// To an answer.
    pub(crate) reply: Option<fn(&mut Reply<'_>) -> bool>,
    /// To what the server sends unasked.
    pub(crate) notification: Option<fn(&mut Notification<'_>) -> bool>,
}

/// No client has so many of anything; beyond, the oldest is forgotten.
const MOST: usize = 4096;

/// The sides, as places in a pair.
pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// What was learned and done since the last time.
#[derive(Default)]
pub(crate) struct Learned {
    pub(crate) keys: Vec<(u64, [u8; 16])>,
    pub(crate) applied: u64,
    pub(crate) problem: Option<String>,
}

/// One connection.
pub(crate) struct Smb2 {
    account: Account,
    edits: Edits,
    /// The client's side and the server's.
    schedules: [Schedule; 2],
    outstanding: BTreeMap<u64, Asked>,
    /// The CANCEL requests, by the MessageId of what they cancel: that is not answered by what answers them.
    cancels: BTreeMap<u64, Asked>,
    challenges: BTreeMap<u64, Vec<u8>>,
    /// What the logons under way lead to.
    secrets: BTreeMap<u64, Result<[u8; 16], KeyUnknown>>,
    sessions: BTreeMap<u64, Session>,
    memory: Memory,
    pub(crate) learned: Learned,
}

/// One message of a compound.
struct Part {
    header: Header,
    bytes: Vec<u8>,
    /// How long it was when it came.
    length: usize,
    session_id: u64,
    seal: Seal,
    /// Whether nothing of it goes on. Only what is no part of a compound can be left out.
    swallowed: bool,
}

impl Smb2 {
    pub(crate) fn new(account: &Account, edits: Edits) -> Self {
        Self {
            account: account.clone(),
            edits,
            schedules: Default::default(),
            outstanding: BTreeMap::new(),
            cancels: BTreeMap::new(),
            challenges: BTreeMap::new(),
            secrets: BTreeMap::new(),
            sessions: BTreeMap::new(),
            memory: Memory::default(),
            learned: Learned::default(),
        }
    }

    /// Takes note of an SMB_COM_NEGOTIATE, which SMB2 may answer: it has taken MessageId 0 ([MS-SMB2] 3.2.4.2.2.1).
    pub(crate) fn multi_protocol(&mut self) {
        let header = Header::request(Command::NEGOTIATE);
        let asked = Asked { multi_protocol: true, ..Asked::new(&header, 0, Check::Unsigned) };
        insert(&mut self.outstanding, 0, asked);
    }

    /// Takes a message. What is no SMB2, or encrypted, goes on as it is.
    pub(crate) fn message(&mut self, way: Way, bytes: Vec<u8>) -> Output {
        let Ok(mut parts) = split(&bytes) else { return Output { send: vec![(way, bytes)], ends: false } };
        match way {
            Way::ToServer => self.requests(parts),
            Way::ToClient => self.responses(&mut parts),
        }
    }

    fn requests(&mut self, mut parts: Vec<Part>) -> Output {
        let mut related = 0;
        let mut asked = Vec::new();
        for part in &mut parts {
            if part.header.flags.contains(Flags::RELATED) {
                part.session_id = related;
            }
            asked.push(self.request(part));
            related = part.session_id;
        }
        let Some(mut parts) = rebuilt(parts) else { return Output::default() };
        for (part, asked) in parts.iter_mut().zip(asked) {
            let session = self.sessions.get(&part.session_id);
            seal::apply(
                &mut part.bytes,
                &part.seal,
                session.and_then(|session| session.keys[SERVER].as_ref()),
            );
            // Read again: what was edited is what the server sees, and it answers the MessageId it sees.
            let Ok(header) = Header::parse(&part.bytes) else { continue };
            if !self.sessions.contains_key(&header.session_id) {
                self.schedules[SERVER].request(&header, &part.bytes);
            }
            let asked_for =
                if header.command == Command::CANCEL { &mut self.cancels } else { &mut self.outstanding };
            insert(asked_for, header.message_id, asked);
        }
        Output { send: vec![(Way::ToServer, join(&parts))], ends: false }
    }

    /// Looks at one request and edits it.
    fn request(&mut self, part: &mut Part) -> Asked {
        let header = part.header.clone();
        let known = self.sessions.contains_key(&header.session_id);
        let check = self.check(CLIENT, part.session_id, &part.bytes);
        let mut asked = Asked::new(&header, part.session_id, check);
        match header.command {
            Command::NEGOTIATE => self.schedules[CLIENT].request(&header, &part.bytes),
            Command::SESSION_SETUP => {
                if !known {
                    self.schedules[CLIENT].request(&header, &part.bytes);
                }
                self.setup_request(&header, &part.bytes, &mut asked);
            }
            Command::IOCTL => {
                asked.validates = IoctlRequest::parse(&part.bytes)
                    .is_ok_and(|body| body.ctl_code == CtlCode::FSCTL_VALIDATE_NEGOTIATE_INFO);
            }
            _ => {}
        }
        let mut signs = check == Check::Valid;
        if let Some(edit) = self.edits.request {
            let mut request = Request {
                bytes: &mut part.bytes,
                header: &header,
                check,
                session_id: &mut part.session_id,
                sessions: &self.sessions,
                dialect: self.schedules[CLIENT].dialect(),
                memory: &mut self.memory,
                asked: &mut asked,
                signs: &mut signs,
            };
            self.learned.applied += u64::from(edit(&mut request));
        }
        if signs {
            part.seal = Seal::Right;
        }
        asked
    }

    fn setup_request(&mut self, header: &Header, bytes: &[u8], asked: &mut Asked) {
        let Ok(body) = SessionSetupRequest::parse(bytes) else { return };
        asked.requires = body.security_mode.contains(SecurityMode::SIGNING_REQUIRED);
        asked.binds = body.flags.contains(SessionSetupFlags::BINDING);
        asked.anonymous = smb::ntlm::message::is_anonymous(&body.security_buffer);
        if overheard::authenticates(&body.security_buffer) {
            let key = match self.challenges.get(&header.session_id) {
                Some(challenge) => {
                    overheard::session_key(self.account.known(), challenge, &body.security_buffer)
                }
                None => Err(KeyUnknown::NoChallenge),
            };
            insert(&mut self.secrets, header.session_id, key);
        }
    }

    fn responses(&mut self, parts: &mut [Part]) -> Output {
        let mut extras = (Vec::new(), Vec::new());
        let mut ends = false;
        let mut answered = Vec::new();
        for part in parts.iter_mut() {
            let cancels = part.header.command == Command::CANCEL;
            let asked_for = if cancels { &mut self.cancels } else { &mut self.outstanding };
            let asked = asked_for.get(&part.header.message_id).cloned();
            if !is_interim(&part.header) {
                asked_for.remove(&part.header.message_id);
            }
            if let Some(asked) = &asked {
                ends |= self.response(part, asked, &mut extras);
            } else if part.header.message_id == u64::MAX {
                self.notification(part);
            }
            answered.push(asked);
        }
        if ends {
            return Output { send: Vec::new(), ends };
        }
        if parts.iter().all(|part| part.swallowed) {
            return Output::default();
        }
        let owned = parts.iter_mut().map(std::mem::take).collect();
        let Some(mut parts) = rebuilt(owned) else { return Output::default() };
        for (part, asked) in parts.iter_mut().zip(answered) {
            let reply = self.sessions.get(&part.session_id).and_then(|session| session.reply.as_ref());
            seal::apply(&mut part.bytes, &part.seal, reply);
            if let (Some(asked), Ok(header)) = (asked, Header::parse(&part.bytes)) {
                self.schedules[CLIENT].response(&header, &asked, &part.bytes);
                if part.header.command == Command::LOGOFF && part.header.status == NtStatus::SUCCESS {
                    self.sessions.remove(&part.session_id);
                }
            }
        }
        let mut send = Vec::new();
        for (bytes, session_id, seal) in extras.0 {
            send.push((Way::ToClient, self.sealed(bytes, session_id, &seal)));
        }
        send.push((Way::ToClient, join(&parts)));
        for (bytes, session_id, seal) in extras.1 {
            send.push((Way::ToClient, self.sealed(bytes, session_id, &seal)));
        }
        Output { send, ends: false }
    }

    fn sealed(&self, mut bytes: Vec<u8>, session_id: u64, seal: &Seal) -> Vec<u8> {
        let session = self.sessions.get(&session_id);
        seal::apply(&mut bytes, seal, session.and_then(|session| session.reply.as_ref()));
        bytes
    }

    /// Looks at one response and edits it; whether the connection ends instead.
    fn response(&mut self, part: &mut Part, asked: &Asked, extras: &mut (Extras, Extras)) -> bool {
        let header = part.header.clone();
        part.session_id =
            if header.command == Command::SESSION_SETUP { header.session_id } else { asked.session_id };
        let establishes = self.setup_response(&header, asked, &part.bytes);
        let signed = self.check(SERVER, part.session_id, &part.bytes);
        self.schedules[SERVER].response(&header, asked, &part.bytes);
        if asked.validates && header.status == NtStatus::SUCCESS {
            mend::validated(&mut part.bytes, &self.schedules);
        }
        if signed == Check::Valid {
            part.seal = Seal::Right;
        }
        let Some(edit) = self.edits.reply else { return false };
        let mut reply = Reply {
            bytes: &mut part.bytes,
            header: &header,
            asked,
            signed,
            establishes,
            session_id: part.session_id,
            session: self.sessions.get_mut(&part.session_id),
            client: &self.schedules[CLIENT],
            memory: &mut self.memory,
            seal: &mut part.seal,
            before: &mut extras.0,
            after: &mut extras.1,
            swallowed: &mut part.swallowed,
            ends: false,
        };
        let applied = edit(&mut reply);
        let ends = reply.ends;
        self.learned.applied += u64::from(applied);
        ends
    }

    /// Looks at a message that the server sends unasked ([MS-SMB2] 3.3.4.6, 3.3.4.7) and edits it.
    fn notification(&mut self, part: &mut Part) {
        let Some(edit) = self.edits.notification else { return };
        if !self.sessions.contains_key(&part.session_id) {
            // One that is of no session, as that of a lease, comes to the first.
            part.session_id = self.sessions.keys().next().copied().unwrap_or_default();
        }
        let knows = self.sessions.get(&part.session_id).is_some_and(|session| session.reply.is_some());
        let mut notification = Notification { header: &part.header, knows, seal: &mut part.seal };
        self.learned.applied += u64::from(edit(&mut notification));
    }

    /// Follows SESSION_SETUP; whether this response establishes a session.
    fn setup_response(&mut self, header: &Header, asked: &Asked, bytes: &[u8]) -> bool {
        let id = header.session_id;
        let asks = asked.command == Command::SESSION_SETUP && header.command == Command::SESSION_SETUP;
        if !asks || is_interim(header) || self.sessions.contains_key(&id) {
            return false; // A reauthentication keeps the keys ([MS-SMB2] 3.3.5.5.2).
        }
        let body = SessionSetupResponse::parse(bytes).unwrap_or_default();
        match header.status {
            NtStatus::MORE_PROCESSING_REQUIRED => {
                if let Some(challenge) = overheard::challenge(&body.security_buffer) {
                    insert(&mut self.challenges, id, challenge);
                }
                false
            }
            // A binding takes its key from another connection, which is not followed here.
            NtStatus::SUCCESS if !asked.binds => {
                self.challenges.remove(&id);
                let secret = self.secrets.remove(&id);
                let guest = body.session_flags.0 & (SessionFlags::IS_GUEST | SessionFlags::IS_NULL).0 != 0;
                let secret = match secret {
                    Some(Ok(key)) => {
                        self.learned.keys.push((id, key));
                        Some(key)
                    }
                    // A stranger's key is nobody's to know; a user's is what everything here rests on.
                    Some(Err(why)) if !guest => {
                        self.learned.problem =
                            Some(format!("the key of session {id:#018x} is not known: {why}"));
                        None
                    }
                    _ => None,
                };
                let requires = asked.requires || self.schedules[SERVER].requires();
                let user = !guest && !asked.anonymous;
                let session = Session::new(&self.schedules, asked.session_id_sent, secret, user, requires);
                insert(&mut self.sessions, id, session);
                true
            }
            _ => false,
        }
    }

    /// What can be said of a signature with the key of one side.
    fn check(&self, side: usize, session_id: u64, bytes: &[u8]) -> Check {
        if bytes.get(16).is_none_or(|flags| flags & 0x08 == 0) {
            return Check::Unsigned;
        }
        match self.sessions.get(&session_id).and_then(|session| session.keys[side].as_ref()) {
            None => Check::NoKey,
            Some(key) if key.verify(bytes).is_ok() => Check::Valid,
            Some(_) => Check::Invalid,
        }
    }
}

/// Messages of their own beside an answer: bytes, the session and how they are signed.
pub(crate) type Extras = Vec<(Vec<u8>, u64, Seal)>;

impl Default for Part {
    fn default() -> Self {
        Self {
            header: Header::request(Command::NEGOTIATE),
            bytes: Vec::new(),
            length: 0,
            session_id: 0,
            seal: Seal::AsSent,
            swallowed: false,
        }
    }
}

/// Whether an answer is an interim one ([MS-SMB2] 3.3.4.2).
pub(crate) fn is_interim(header: &Header) -> bool {
    header.status == NtStatus::PENDING && header.async_id().is_some()
}

fn split(bytes: &[u8]) -> Result<Vec<Part>, wire::WireError> {
    let part = |element: wire::Element<'_>| Part {
        session_id: element.header.session_id,
        header: element.header,
        length: element.bytes.len(),
        bytes: element.bytes.to_vec(),
        seal: Seal::AsSent,
        swallowed: false,
    };
    Ok(wire::elements(bytes)?.into_iter().map(part).collect())
}

/// The parts as they stand in the message that goes on: where one has another length now, the padding and NextCommand
/// follow. `None` where they are none any more.
fn rebuilt(mut parts: Vec<Part>) -> Option<Vec<Part>> {
    if parts.len() > 1 && parts.iter().any(|part| part.bytes.len() != part.length) {
        let whole = wire::compound(parts.iter_mut().map(|part| std::mem::take(&mut part.bytes))).ok()?;
        for (part, element) in parts.iter_mut().zip(wire::elements(&whole).ok()?) {
            part.bytes = element.bytes.to_vec();
        }
    }
    Some(parts)
}

fn join(parts: &[Part]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.bytes.iter().copied()).collect()
}

/// Inserts, and forgets the first where there are too many.
fn insert<T>(map: &mut BTreeMap<u64, T>, id: u64, value: T) {
    map.insert(id, value);
    if map.len() > MOST {
        map.pop_first();
    }
}

/// Whether a NEGOTIATE request requires signing.
fn requires(request: Option<&NegotiateRequest>) -> bool {
    request.is_some_and(|request| request.security_mode.contains(SecurityMode::SIGNING_REQUIRED))
}

/// Whether signatures are demanded of requests of a session ([MS-SMB2] 3.3.5.2.4, and 3.3.5.7 for 3.1.1).
pub(crate) fn demands(session: &Session, dialect: Option<Dialect>, command: Command) -> bool {
    session.user && (session.requires || dialect == Some(Dialect::Smb311) && command == Command::TREE_CONNECT)
}
