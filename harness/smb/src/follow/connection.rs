//! One connection, followed.

use super::{Message, MultiProtocol, Session, Signature, Way};
use crate::ntlm;
use crate::preauth::PreauthHash;
use crate::signing::{BadSignature, SigningKey};
use crate::stream::{Cut, Stream};
use crate::wire::{
    self, Body, Command, ContextData, ContextType, DialectRevision, Flags, Header, NegotiateRequest,
    NegotiateResponse, SecurityMode, SessionFlags, SessionSetupFlags, SessionSetupRequest,
    SessionSetupResponse, SigningCapabilities,
};
use model::{Algorithm, Dialect, NtStatus};
use std::collections::BTreeMap;

/// How many messages that are no SMB2 are listed.
const MOST_GARBAGE: usize = 100;

/// What NEGOTIATE settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The index of the request; `None` where the server decided on the SMB_COM_NEGOTIATE ([MS-SMB2] 3.3.5.3.2), which is
    /// in [`Connection::multi_protocol`].
    pub request: Option<usize>,
    /// The index of the response.
    pub response: usize,
    /// The dialect the server selected.
    pub revision: DialectRevision,
    /// The same as a word, where there is one.
    pub dialect: Option<Dialect>,
    /// The dialects the client offered; of an SMB_COM_NEGOTIATE those that one of its strings means.
    pub offered_dialects: Vec<DialectRevision>,
    /// The SecurityMode the client sent; an SMB_COM_NEGOTIATE has none.
    pub client_mode: SecurityMode,
    /// The SecurityMode the server answered.
    pub server_mode: SecurityMode,
    /// The signing algorithm ids the client offered; `None` where it sent no such context.
    pub offered_algorithms: Option<Vec<u16>>,
    /// The ids in each SMB2_SIGNING_CAPABILITIES context of the answer; an unreadable context is an empty list.
    pub selected_algorithms: Vec<Vec<u16>>,
    /// The whole request, where there is an SMB2 one.
    pub request_body: Option<NegotiateRequest>,
    /// The whole response.
    pub response_body: NegotiateResponse,
}

impl Negotiated {
    /// The algorithm the connection signs with: the one id that was selected at 3.1.1, else the dialect's own.
    /// `None` where the selected id names no algorithm.
    ///
    /// A client that sent no SMB2_SIGNING_CAPABILITIES does not know that context ([MS-SMB2] 2.2.3.1 <18>), and ignores one
    /// in the answer as it ignores every type that it does not know (3.2.5.2).
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        let dialect = self.dialect?;
        match (dialect, &self.offered_algorithms, self.selected_algorithms.as_slice()) {
            (Dialect::Smb311, Some(_), [ids, ..]) => ids.first().copied().and_then(Algorithm::from_smb2_id),
            _ => dialect.algorithms().first().copied(),
        }
    }
}

/// Bytes that are no SMB2 message. Where the framing itself is lost, or this happens again and again, what follows on that
/// side is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// Whose bytes.
    pub way: Way,
    /// The packet in which they begin.
    pub frame: u64,
    /// What is wrong with them.
    pub what: String,
}

/// A SESSION_SETUP exchange in progress.
#[derive(Clone)]
struct Pending {
    hash: PreauthHash,
}

/// One connection, followed from its first byte.
pub struct Connection {
    keys: BTreeMap<u64, [u8; 16]>,
    to_server: Stream,
    to_client: Stream,
    outstanding: BTreeMap<u64, usize>,
    /// The CANCEL requests, by the MessageId of what they cancel.
    cancels: BTreeMap<u64, usize>,
    preauth: PreauthHash,
    setups: BTreeMap<u64, Pending>,
    /// Every message in the order in which it was completed.
    pub messages: Vec<Message>,
    /// The SMB_COM_NEGOTIATE that the connection began with, where it did. It is none of the messages.
    pub multi_protocol: Option<MultiProtocol>,
    /// What NEGOTIATE settled, once it did.
    pub negotiated: Option<Negotiated>,
    /// The sessions that were established.
    pub sessions: BTreeMap<u64, Session>,
    /// Bytes that are no SMB2, in the order they came.
    pub garbage: Vec<Garbage>,
    /// Whether a TRANSFORM_HEADER was seen: the rest is encrypted and opaque here.
    pub encrypted: bool,
    /// The packet in which the first message begins that is not read although it is one: encrypted, or compressed where that
    /// was negotiated ([MS-SMB2] 2.2.41, 2.2.42).
    pub first_opaque: Option<u64>,
}

impl Connection {
    /// A connection of which nothing is known but the keys of its sessions, by SessionId.
    #[must_use]
    pub fn new(keys: BTreeMap<u64, [u8; 16]>) -> Self {
        Self {
            keys,
            to_server: Stream::new(),
            to_client: Stream::new(),
            outstanding: BTreeMap::new(),
            cancels: BTreeMap::new(),
            preauth: PreauthHash::default(),
            setups: BTreeMap::new(),
            messages: Vec::new(),
            multi_protocol: None,
            negotiated: None,
            sessions: BTreeMap::new(),
            garbage: Vec::new(),
            encrypted: false,
            first_opaque: None,
        }
    }

    /// Takes the bytes of one packet.
    pub fn push(&mut self, way: Way, frame: u64, bytes: &[u8]) {
        let stream = self.stream(way);
        if stream.lost {
            return;
        }
        stream.push(frame, bytes);
        loop {
            match self.stream(way).next() {
                Ok(Some(cut)) => self.message(way, &cut),
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

    /// Whether a message is the SMB2 NEGOTIATE response to the SMB_COM_NEGOTIATE ([MS-SMB2] 3.3.5.3): its
    /// [`Message::request`] is `None`, and it answers something all the same.
    #[must_use]
    pub fn answers_multi_protocol(&self, index: usize) -> bool {
        self.multi_protocol.as_ref().is_some_and(|asked| asked.response == Some(index))
    }

    /// Whether compression was negotiated ([MS-SMB2] 3.3.5.4).
    fn compresses(&self) -> bool {
        let contexts =
            self.negotiated.as_ref().map(|negotiated| &negotiated.response_body.negotiate_contexts);
        contexts
            .and_then(|contexts| wire::NegotiateContext::find::<wire::CompressionCapabilities>(contexts))
            .and_then(Result::ok)
            .is_some_and(|context| context.compression_algorithms.iter().any(|algorithm| *algorithm != 0))
    }

    fn stream(&mut self, way: Way) -> &mut Stream {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }

    fn message(&mut self, way: Way, cut: &Cut) {
        let Cut { frame, offset, ref bytes } = *cut;
        let protocol = wire::Protocol::of(bytes);
        if protocol == wire::Protocol::Transform
            || protocol == wire::Protocol::Compressed && self.compresses()
        {
            self.encrypted |= protocol == wire::Protocol::Transform;
            self.first_opaque.get_or_insert(frame);
            return;
        }
        if way == Way::ToServer && self.is_untouched() {
            self.multi_protocol = MultiProtocol::of(frame, offset, bytes);
            if self.multi_protocol.is_some() {
                return;
            }
        }
        let elements = match wire::elements(bytes) {
            Ok(elements) => elements,
            Err(error) => {
                self.garbage.push(Garbage { way, frame, what: error.to_string() });
                if way == Way::ToServer {
                    self.salvaged(frame, offset, bytes);
                }
                return;
            }
        };
        let mut related = 0;
        for element in elements {
            let header = element.header.clone();
            let index = self.messages.len();
            let request = (way == Way::ToClient).then(|| self.request_of(&header)).flatten();
            let session_id = self.session_of(way, &header, request, related);
            related = session_id;
            let mut message = Message {
                way,
                frame,
                offset,
                element: element.index,
                header,
                bytes: element.bytes.to_vec(),
                signature: Signature::Unsigned { zero: true },
                request,
                responses: Vec::new(),
                session_id,
            };
            match way {
                Way::ToServer => self.request(&mut message, index),
                Way::ToClient => self.response(&mut message, index),
            }
            message.signature = self.signature(&message);
            self.messages.push(message);
        }
    }

    /// Takes a request that is no SMB2, but for its fields that say so: a server may answer it all the same.
    fn salvaged(&mut self, frame: u64, offset: u64, bytes: &[u8]) {
        let Some(header) = Header::salvage(bytes) else { return };
        let index = self.messages.len();
        let mut message = Message {
            way: Way::ToServer,
            frame,
            offset,
            element: 0,
            session_id: header.session_id,
            header,
            bytes: bytes.to_vec(),
            signature: Signature::Unsigned { zero: true },
            request: None,
            responses: Vec::new(),
        };
        self.request(&mut message, index);
        message.signature = self.signature(&message);
        self.messages.push(message);
    }

    /// The session a message belongs to ([MS-SMB2] 3.2.5.1.3: a response is looked up by its request's SessionId,
    /// a SESSION_SETUP response by its own; 3.3.5.2.7.2: a related element inherits).
    fn session_of(&self, way: Way, header: &Header, request: Option<usize>, related: u64) -> u64 {
        match (way, request.and_then(|r| self.messages.get(r))) {
            (Way::ToServer, _) if header.flags.contains(Flags::RELATED) => related,
            (Way::ToClient, Some(request)) if request.command() != Command::SESSION_SETUP => {
                request.session_id
            }
            _ => header.session_id,
        }
    }

    /// Whether nothing was seen yet: only then does an SMB_COM_NEGOTIATE start a multi-protocol negotiation.
    fn is_untouched(&self) -> bool {
        self.messages.is_empty()
            && self.garbage.is_empty()
            && self.multi_protocol.is_none()
            && !self.encrypted
    }

    /// Whether a response to the SMB_COM_NEGOTIATE is due that such a header can have. It has taken MessageId 0 ([MS-SMB2]
    /// 3.2.4.2.2.1), so it comes before any SMB2 request that takes it again.
    fn awaits_multi_protocol(&self, header: &Header) -> bool {
        header.command == Command::NEGOTIATE
            && header.message_id == 0
            && self.multi_protocol.as_ref().is_some_and(|asked| asked.response.is_none())
    }

    /// The request that a message of the server answers.
    fn request_of(&self, header: &Header) -> Option<usize> {
        if header.message_id == u64::MAX || self.awaits_multi_protocol(header) {
            return None;
        }
        // One that answers a CANCEL, which has no answer (3.3.5.16), has the MessageId of what was to be cancelled.
        if header.command == Command::CANCEL {
            return self.cancels.get(&header.message_id).copied();
        }
        self.outstanding.get(&header.message_id).copied()
    }

    fn request(&mut self, message: &mut Message, index: usize) {
        let header = &message.header;
        // CANCEL carries the MessageId of the request it cancels and has no response of its own.
        if header.command == Command::CANCEL {
            self.cancels.insert(header.message_id, index);
        } else {
            self.outstanding.insert(header.message_id, index);
        }
        match header.command {
            // It begins anew with every NEGOTIATE until one is granted ([MS-SMB2] 3.3.5.4).
            Command::NEGOTIATE if self.negotiated.is_none() => {
                self.preauth = PreauthHash::default();
                self.preauth.update(&message.bytes);
            }
            Command::SESSION_SETUP if !self.sessions.contains_key(&header.session_id) => {
                let mut pending = self
                    .setups
                    .remove(&header.session_id)
                    .filter(|_| header.session_id != 0)
                    .unwrap_or_else(|| Pending { hash: self.preauth.clone() });
                pending.hash.update(&message.bytes);
                // Until the first response names the session, its exchange is known by SessionId 0.
                self.setups.insert(header.session_id, pending);
            }
            _ => {}
        }
    }

    fn response(&mut self, message: &mut Message, index: usize) {
        if let Some(request) = message.request.and_then(|r| self.messages.get_mut(r)) {
            request.responses.push(index);
            if request.command() == Command::CANCEL {
                self.cancels.remove(&message.header.message_id);
            } else if !message.is_interim() {
                // A request has one final response: what comes after it answers nothing (3.2.5.1.2).
                self.outstanding.remove(&message.header.message_id);
            }
        }
        match message.header.command {
            Command::NEGOTIATE if self.awaits_multi_protocol(&message.header) => {
                self.multi_protocol_response(message, index);
            }
            Command::NEGOTIATE => self.negotiate_response(message, index),
            Command::SESSION_SETUP => self.setup_response(message, index),
            _ => {}
        }
    }

    fn negotiate_response(&mut self, message: &Message, index: usize) {
        let request = message
            .request
            .and_then(|r| self.messages.get(r).map(|m| (r, m)))
            .and_then(|(r, m)| NegotiateRequest::parse(&m.bytes).ok().map(|body| (r, body)));
        let (Some((request, request_body)), Ok(response_body)) =
            (request, NegotiateResponse::parse(&message.bytes))
        else {
            return;
        };
        if message.header.status != NtStatus::SUCCESS || self.negotiated.is_some() {
            return; // A connection negotiates once (3.3.5.4).
        }
        self.preauth.update(&message.bytes);
        self.negotiated = Some(Negotiated {
            request: Some(request),
            response: index,
            revision: response_body.dialect_revision,
            dialect: response_body.dialect_revision.to_dialect(),
            offered_dialects: request_body.dialects.clone(),
            client_mode: request_body.security_mode,
            server_mode: response_body.security_mode,
            offered_algorithms: signing_contexts(&request_body.negotiate_contexts).into_iter().next(),
            selected_algorithms: signing_contexts(&response_body.negotiate_contexts),
            request_body: Some(request_body),
            response_body,
        });
    }

    /// The answer to the SMB_COM_NEGOTIATE. Neither is in the preauthentication hash: that begins with the SMB2 NEGOTIATE
    /// request which selects 3.1.1 ([MS-SMB2] 3.2.5.2, 3.3.5.4).
    fn multi_protocol_response(&mut self, message: &Message, index: usize) {
        // Nothing but an SMB2 request is processed asynchronously (3.3.4.2).
        if message.is_interim() {
            return;
        }
        let Some(asked) = &mut self.multi_protocol else { return };
        asked.response = Some(index);
        let Ok(response_body) = NegotiateResponse::parse(&message.bytes) else { return };
        let revision = response_body.dialect_revision;
        // 0x02FF asks for an SMB2 NEGOTIATE, and leaves the choice to that (3.2.5.2).
        if message.header.status != NtStatus::SUCCESS || revision == DialectRevision::WILDCARD {
            return;
        }
        self.negotiated = Some(Negotiated {
            request: None,
            response: index,
            revision,
            dialect: revision.to_dialect(),
            offered_dialects: asked.revisions(),
            client_mode: SecurityMode(0),
            server_mode: response_body.security_mode,
            offered_algorithms: None,
            selected_algorithms: signing_contexts(&response_body.negotiate_contexts),
            request_body: None,
            response_body,
        });
    }

    fn setup_response(&mut self, message: &Message, index: usize) {
        let id = message.header.session_id;
        // What answers nothing settles nothing, and is in no hash.
        let asked = message.request.and_then(|r| self.messages.get(r));
        let Some(asked) = asked.filter(|request| request.command() == Command::SESSION_SETUP) else { return };
        let asked_id = asked.header.session_id;
        if message.is_interim() || self.sessions.contains_key(&id) {
            return; // The real answer is to come; a reauthentication keeps the keys (3.3.5.5.2).
        }
        let asked = SessionSetupRequest::parse(&asked.bytes).ok();
        let binding = asked.as_ref().is_some_and(|body| body.flags.contains(SessionSetupFlags::BINDING));
        let anonymous_logon = asked.is_some_and(|body| ntlm::message::is_anonymous(&body.security_buffer));
        let Some(mut pending) = self.setups.remove(&asked_id) else { return };
        match message.header.status {
            NtStatus::MORE_PROCESSING_REQUIRED => {
                pending.hash.update(&message.bytes);
                self.setups.insert(id, pending);
            }
            // A binding takes its signing key from another connection, which is not followed here.
            NtStatus::SUCCESS if !binding => {
                let (dialect, algorithm) = match &self.negotiated {
                    Some(negotiated) => (negotiated.dialect, negotiated.algorithm()),
                    None => (None, None),
                };
                let key = dialect.and_then(|dialect| {
                    Session::signing_key(dialect, algorithm, self.keys.get(&id), &pending.hash)
                });
                self.sessions.insert(
                    id,
                    Session {
                        id,
                        established: index,
                        flags: session_flags(&message.bytes),
                        anonymous_logon,
                        algorithm,
                        key,
                    },
                );
            }
            _ => {}
        }
    }

    fn signature(&self, message: &Message) -> Signature {
        if !message.header.flags.contains(Flags::SIGNED) {
            return Signature::Unsigned { zero: message.header.signature == [0; 16] };
        }
        let Some(session) = self.sessions.get(&message.session_id) else { return Signature::NoKey };
        let (Some(key), Some(algorithm)) = (session.key(), session.algorithm) else {
            return Signature::NoKey;
        };
        verify(key, algorithm, &message.bytes)
    }
}

/// The SessionFlags of a SESSION_SETUP response ([MS-SMB2] 2.2.6), also of one whose buffer cannot be read: the session
/// is there all the same, and its signatures say whether to believe the rest.
fn session_flags(message: &[u8]) -> SessionFlags {
    if let Ok(body) = SessionSetupResponse::parse(message) {
        return body.session_flags;
    }
    match message.get(66..68) {
        Some(&[low, high]) => SessionFlags(u16::from_le_bytes([low, high])),
        _ => SessionFlags(0),
    }
}

fn verify(key: &SigningKey, algorithm: Algorithm, bytes: &[u8]) -> Signature {
    match key.verify(bytes) {
        Ok(_) => Signature::Valid(algorithm),
        Err(BadSignature::Mismatch { expected, got }) => Signature::Invalid { expected, got },
        Err(BadSignature::TooShort(_)) => Signature::NoKey,
    }
}

/// The ids in each SMB2_SIGNING_CAPABILITIES context; one that cannot be read is an empty list, so it still counts.
fn signing_contexts(contexts: &[wire::NegotiateContext]) -> Vec<Vec<u16>> {
    contexts
        .iter()
        .filter(|context| context.context_type == ContextType::SIGNING_CAPABILITIES)
        .map(|context| SigningCapabilities::parse(&context.data).map(|c| c.algorithms).unwrap_or_default())
        .collect()
}
