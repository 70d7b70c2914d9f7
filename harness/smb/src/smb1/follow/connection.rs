//! One connection, followed.

use super::active::{Active, verifies};
use super::session::{Logon, Session, find, success};
use super::{Garbage, Message, Signature, Way};
use crate::smb1::{
    Action, Body, Capabilities, Command, EchoRequest, Flags2, Header, MacKey, NegotiateRequest,
    NegotiateResponse, NtTransactResponse, SecurityMode, Sequence, Trans2Response, parse,
};
use crate::stream::{Cut, Stream};
use crate::wire::Protocol;
use model::{Dialect, NtStatus};
use std::collections::BTreeMap;

/// How many messages that are no SMB1 are listed.
const MOST_GARBAGE: usize = 100;

/// What NEGOTIATE settled, where the server selected a dialect with the form of NT LM 0.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The index of the request.
    pub request: usize,
    /// The index of the response.
    pub response: usize,
    /// The dialect the server selected, where it is NT LM 0.12.
    pub dialect: Option<Dialect>,
    /// What the server supports and requires.
    pub security_mode: SecurityMode,
    /// Whether the server logs on with SPNEGO tokens.
    pub extended_security: bool,
    /// What the server can.
    pub capabilities: Capabilities,
    /// The challenge, without extended security.
    pub challenge: Option<[u8; 8]>,
    /// The whole request.
    pub request_body: NegotiateRequest,
    /// The whole response.
    pub response_body: NegotiateResponse,
}

/// When signing became active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activation {
    /// The index of the SESSION_SETUP request, which has sequence number 0.
    pub request: usize,
    /// The index of its response, which has sequence number 1.
    pub response: usize,
    /// The session whose key signs.
    pub uid: u16,
}

/// What a server answered to a READ_RAW: no SMB message, so nothing of it can be signed ([MS-CIFS] 3.3.5.24).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawReply {
    /// The index of the request.
    pub request: usize,
    /// The packet in which it begins.
    pub frame: u64,
    /// How many bytes it has. None is a refusal.
    pub length: usize,
}

/// One connection, followed from its first byte.
pub struct Connection {
    keys: BTreeMap<u16, Vec<u8>>,
    to_server: Stream,
    to_client: Stream,
    /// The last request with a PID and MID.
    outstanding: BTreeMap<(u32, u16), usize>,
    read_raw: Option<usize>,
    active: Option<Active>,
    /// What each session that was established would sign with, by UID, where its session key is known. A UID is here again
    /// where another session got it: with the same session key, but with a challenge response of its own.
    macs: Vec<(u16, MacKey)>,
    /// Every message in the order in which it was completed.
    pub messages: Vec<Message>,
    /// What NEGOTIATE settled, once it did.
    pub negotiated: Option<Negotiated>,
    /// The sessions that were established, by UID. A later one takes the place of an earlier one that was logged off.
    pub sessions: BTreeMap<u16, Session>,
    /// When signing became active, once it did.
    pub activated: Option<Activation>,
    /// What came in answer to READ_RAW.
    pub raw_replies: Vec<RawReply>,
    /// Bytes that are no SMB1, in the order they came.
    pub garbage: Vec<Garbage>,
    /// The packet with the first SMB2 message: the negotiation went on to SMB2 ([MS-SMB2] 3.3.5.3.1), which is not read
    /// here.
    pub smb2: Option<u64>,
}

impl Connection {
    /// A connection of which nothing is known but the session keys, whole, by UID.
    #[must_use]
    pub fn new(keys: BTreeMap<u16, Vec<u8>>) -> Self {
        Self {
            keys,
            to_server: Stream::new(),
            to_client: Stream::new(),
            outstanding: BTreeMap::new(),
            read_raw: None,
            active: None,
            macs: Vec::new(),
            messages: Vec::new(),
            negotiated: None,
            sessions: BTreeMap::new(),
            activated: None,
            raw_replies: Vec::new(),
            garbage: Vec::new(),
            smb2: None,
        }
    }

    /// Takes the bytes of one packet.
    pub fn push(&mut self, way: Way, frame: u64, bytes: &[u8]) {
        if self.stream(way).lost {
            return;
        }
        self.stream(way).push(frame, bytes);
        loop {
            match self.stream(way).next() {
                Ok(Some(cut)) => self.message(way, cut),
                Ok(None) => return,
                Err(lost) => {
                    self.garbage.push(Garbage { way, frame: lost.frame, what: lost.error.to_string() });
                    return;
                }
            }
            // Nobody reads on after so much of it, and a hostile peer could fill the memory with it.
            if self.garbage.len() >= MOST_GARBAGE {
                self.stream(way).lost = true;
                return;
            }
        }
    }

    /// How many bytes of a message that never ended are there, and how many it announced, where its transport header
    /// is whole.
    #[must_use]
    pub fn unfinished(&self, way: Way) -> Option<(usize, Option<usize>)> {
        match way {
            Way::ToServer => self.to_server.unfinished(),
            Way::ToClient => self.to_client.unfinished(),
        }
    }

    /// The UID of a session with whose key a message verifies with its sequence number, where that is not the session whose
    /// key signs the connection: the first one signs for all ([MS-CIFS] 3.2.1.2). `None` where there is no such session,
    /// also where the message verifies as it should, or has no sequence number.
    #[must_use]
    pub fn signed_with(&self, index: usize) -> Option<u16> {
        let message = self.messages.get(index)?;
        let number = message.sequence?;
        if message.signature.is_valid() {
            return None;
        }
        // What does not verify with the key that signs can verify only with another's.
        self.macs.iter().find(|(_, key)| verifies(key, &message.bytes, number)).map(|(uid, _)| *uid)
    }

    const fn stream(&mut self, way: Way) -> &mut Stream {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }

    fn message(&mut self, way: Way, Cut { frame, offset, bytes }: Cut) {
        let protocol = Protocol::of(&bytes);
        if way == Way::ToClient
            && protocol != Protocol::Smb1
            && let Some(request) = self.read_raw.take()
        {
            self.raw_replies.push(RawReply { request, frame, length: bytes.len() });
            return;
        }
        // A client goes on in SMB2 only after the server did.
        if way == Way::ToServer && protocol == Protocol::Smb2 && self.smb2.is_none() {
            self.garbage.push(Garbage { way, frame, what: "an SMB2 message".to_owned() });
            return;
        }
        if protocol == Protocol::Smb2 || protocol == Protocol::Transform && self.smb2.is_some() {
            self.smb2.get_or_insert(frame);
            return;
        }
        let header = match Header::parse(&bytes) {
            Ok(header) => header,
            Err(error) => {
                self.garbage.push(Garbage { way, frame, what: error.to_string() });
                return;
            }
        };
        let index = self.messages.len();
        let request = (way == Way::ToClient && header.is_response())
            .then(|| self.outstanding.get(&(header.pid, header.mid)).copied())
            .flatten();
        let signature = Signature::unsigned(&header);
        let mut message = Message {
            index,
            way,
            frame,
            offset,
            header,
            bytes,
            request,
            responses: Vec::new(),
            sequence: None,
            signature,
        };
        match way {
            Way::ToServer => self.request(&mut message, index),
            Way::ToClient => self.response(&mut message, index),
        }
        self.messages.push(message);
    }

    fn request(&mut self, message: &mut Message, index: usize) {
        let header = &message.header;
        // NT_CANCEL has the PID and MID of what it cancels and no response of its own; the response to a transaction
        // belongs to its first request.
        if header.command != Command::NT_CANCEL && !header.command.is_secondary() {
            self.outstanding.insert((header.pid, header.mid), index);
        }
        if header.command == Command::READ_RAW {
            self.read_raw = Some(index);
        }
        if let Some(active) = &mut self.active {
            let (sequence, signature) = active.request(message);
            (message.sequence, message.signature) = (Some(sequence), signature);
        }
    }

    fn response(&mut self, message: &mut Message, index: usize) {
        if let Some((at, request)) = message.request.and_then(|r| self.messages.get_mut(r).map(|m| (r, m))) {
            request.responses.push(index);
            if self.read_raw == Some(at) {
                self.read_raw = None;
            }
            if is_last(request, message) {
                // What comes after it answers nothing.
                self.outstanding.remove(&(message.header.pid, message.header.mid));
            }
        }
        let asked = message.request.and_then(|request| self.messages.get(request));
        let asks = |command| match asked {
            Some(request) => find(&request.bytes, command).is_some() || request.command() == command,
            None => message.command() == command,
        };
        if message.command() == Command::NEGOTIATE {
            self.negotiate_response(message, index);
        } else if asks(Command::SESSION_SETUP_ANDX) {
            self.setup_response(message, index);
        } else if asks(Command::LOGOFF_ANDX)
            && message.header.status == NtStatus::SUCCESS
            && let Some(session) = asked.map(|m| m.header.uid).and_then(|uid| self.sessions.get_mut(&uid))
        {
            session.logged_off = Some(index);
        }
        if let Some(active) = &self.active {
            (message.sequence, message.signature) = active.response(message);
        }
    }

    fn negotiate_response(&mut self, message: &Message, index: usize) {
        let asked = message.request.and_then(|r| self.messages.get(r).map(|m| (r, m)));
        let asked =
            asked.and_then(|(r, m)| parse::<NegotiateRequest>(&m.bytes).ok().map(|(_, body)| (r, body)));
        let answer = find(&message.bytes, Command::NEGOTIATE).and_then(|b| NegotiateResponse::parse(&b).ok());
        let (Some((request, request_body)), Some(response_body)) = (asked, answer) else { return };
        if message.header.status != NtStatus::SUCCESS || self.negotiated.is_some() {
            return; // There is one negotiation to a connection ([MS-CIFS] 3.1.4.1.1).
        }
        let selected = request_body.dialects.get(usize::from(response_body.dialect_index));
        self.negotiated = Some(Negotiated {
            request,
            response: index,
            dialect: selected
                .filter(|name| NegotiateRequest::NT_1.contains(&name.as_slice()))
                .map(|_| Dialect::Nt1),
            security_mode: response_body.security_mode,
            extended_security: response_body.is_extended(),
            capabilities: response_body.capabilities,
            challenge: response_body.challenge(),
            request_body,
            response_body,
        });
    }

    fn setup_response(&mut self, message: &mut Message, index: usize) {
        let asked = message.request.and_then(|r| self.messages.get(r).map(|request| (r, request)));
        let Some((at, request)) = asked else { return };
        let uid = message.header.uid;
        let known = self.sessions.get(&uid).is_some_and(|session| session.logged_off.is_none());
        let action = success(&message.bytes, message.header.status == NtStatus::SUCCESS);
        let Some(action) = action.filter(|_| !known) else { return }; // Known: a reauthentication.
        let logon = Logon::of(&request.bytes);
        let somebody = !action.contains(Action::GUEST) && !logon.anonymous;
        let key = self.keys.get(&uid).map(|key| MacKey::new(key, logon.challenge_response(action)));
        self.macs.extend(key.clone().map(|key| (uid, key)));
        let signed = |key: &MacKey| verifies(key, &message.bytes, Sequence::SETUP_RESPONSE);
        let signed = self.active.is_none() && key.as_ref().is_some_and(signed);
        let signs = self.active.is_none() && somebody && (self.agreed(request.header.flags2) || signed);
        self.sessions.insert(
            uid,
            Session {
                uid,
                request: at,
                established: index,
                action,
                extended_security: logon.extended_security,
                anonymous_logon: logon.anonymous,
                signs,
                logged_off: None,
            },
        );
        if signs {
            self.activated = Some(Activation { request: at, response: index, uid });
            self.active = Some(Active::new(key.clone(), &message.header));
            if let Some(request) = self.messages.get_mut(at) {
                request.sequence = Some(Sequence::SETUP_REQUEST);
                if key.is_some_and(|key| verifies(&key, &request.bytes, Sequence::SETUP_REQUEST)) {
                    request.signature = Signature::Valid;
                }
            }
        } else if signed {
            // Nothing is activated by a guest; a server that signs for one all the same is seen to.
            (message.sequence, message.signature) = (Some(Sequence::SETUP_RESPONSE), Signature::Valid);
        }
    }

    /// Whether both sides agreed to sign ([MS-SMB] 3.2.4.2.4, 3.3.5.3), as far as the wire says: the server offers it,
    /// and the client asks for it or the server requires it.
    fn agreed(&self, asked: Flags2) -> bool {
        let Some(negotiated) = &self.negotiated else { return false };
        let required = negotiated.security_mode.contains(SecurityMode::SECURITY_SIGNATURES_REQUIRED);
        let enabled = negotiated.security_mode.contains(SecurityMode::SECURITY_SIGNATURES_ENABLED);
        let wanted =
            asked.contains(Flags2::SECURITY_SIGNATURE) || asked.contains(Flags2::SECURITY_SIGNATURE_REQUIRED);
        required || enabled && wanted
    }
}

/// Whether a response is the last one to a request: an ECHO has as many as it asks for ([MS-CIFS] 3.3.5.33), and one to a
/// transaction may come in parts, and an interim response before them (2.2.4.46.2, 3.2.5.1.4).
fn is_last(request: &Message, response: &Message) -> bool {
    let success = response.header.status == NtStatus::SUCCESS;
    let sum = |displacement: usize, bytes: &[u8]| displacement.saturating_add(bytes.len());
    match request.header.command {
        Command::ECHO => match parse::<EchoRequest>(&request.bytes) {
            Ok((_, body)) => request.responses.len() >= usize::from(body.echo_count),
            Err(_) => true,
        },
        Command::TRANSACTION | Command::TRANSACTION2 if success => parse::<Trans2Response>(&response.bytes)
            .is_ok_and(|(_, part)| {
                sum(part.parameter_displacement.into(), &part.parameters) >= part.total_parameter_count.into()
                    && sum(part.data_displacement.into(), &part.data) >= part.total_data_count.into()
            }),
        Command::NT_TRANSACT if success => {
            let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
            parse::<NtTransactResponse>(&response.bytes).is_ok_and(|(_, part)| {
                sum(size(part.parameter_displacement), &part.parameters) >= size(part.total_parameter_count)
                    && sum(size(part.data_displacement), &part.data) >= size(part.total_data_count)
            })
        }
        _ => true,
    }
}
