//! A recorded exchange as a list of messages: what a faulty server would have sent is made out of what a real one did.

use crate::support::Bench;
use crate::support::Recorded;
use evidence::{Direction, End, Evidence, Recorder, SessionKey, Sidecar, StepRecord};
use judge::View;
use model::{Algorithm, Dialect, NtStatus, PlannedCase};
use smb::follow::Way;
use smb::preauth::PreauthHash;
use smb::signing::SigningKey;
use smb::wire::{self, Body, Command, Flags, Header, NegotiateRequest, NegotiateResponse};
use smb::{kdf, nbss};
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// SYN, SYN-ACK and ACK come before the first message, which is a packet of its own as every other.
const FIRST_FRAME: u64 = 4;

/// One message, without its framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) way: Way,
    pub(crate) bytes: Vec<u8>,
}

/// One case's one connection.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) case: PlannedCase,
    pub(crate) keys: Vec<SessionKey>,
    pub(crate) messages: Vec<Wire>,
    /// Which messages each step sent or received up to its end.
    steps: Vec<(u32, Range<usize>)>,
    /// Whether the server ended the connection.
    pub(crate) closed: bool,
    server: String,
}

impl Exchange {
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let view = View::new(evidence);
        let [connection] = view.connections() else { panic!("one connection, please") };
        let mut messages: Vec<Wire> = Vec::new();
        let mut offsets = Vec::new();
        for message in &connection.messages {
            match messages.last_mut().filter(|_| message.element > 0) {
                // The elements of a compound are one message.
                Some(whole) => whole.bytes.extend_from_slice(&message.bytes),
                None => {
                    offsets.push((message.way, message.offset));
                    messages.push(Wire { way: message.way, bytes: message.bytes.clone() });
                }
            }
        }
        let index_at = |offset: u64| {
            let later = |(way, own): &(Way, u64)| *way == Way::ToServer && *own >= offset;
            offsets.iter().position(later).unwrap_or(offsets.len())
        };
        let sidecar = &evidence.sidecar;
        Self {
            case: sidecar.case.clone(),
            keys: sidecar.session_keys.clone(),
            messages,
            steps: sidecar
                .steps
                .iter()
                .map(|step| (step.step, index_at(step.sent.0)..index_at(step.sent.1)))
                .collect(),
            closed: false,
            server: sidecar.server.clone(),
        }
    }

    /// The same of any protocol: what is in each frame, whatever it is.
    pub(crate) fn framed(evidence: &Evidence) -> Self {
        let [connection] = evidence.connections.as_slice() else { panic!("one connection, please") };
        let mut splitters = [nbss::Splitter::new(nbss::MAX_LEN), nbss::Splitter::new(nbss::MAX_LEN)];
        let (mut messages, mut offsets) = (Vec::new(), Vec::new());
        for chunk in &connection.chunks {
            let (way, splitter) = match chunk.direction {
                Direction::ToServer => (Way::ToServer, 0),
                Direction::ToClient => (Way::ToClient, 1),
            };
            splitters[splitter].push(&chunk.bytes);
            while let Some(framed) = splitters[splitter].next_message().unwrap() {
                // The four bytes of the framing belong to the message.
                offsets.push((way == Way::ToServer).then(|| framed.offset - 4));
                messages.push(Wire { way, bytes: framed.bytes });
            }
        }
        let index_at = |offset: u64| {
            offsets.iter().position(|own| own.is_some_and(|own| own >= offset)).unwrap_or(messages.len())
        };
        let sidecar = &evidence.sidecar;
        let steps = sidecar.steps.iter();
        let steps = steps.map(|step| (step.step, index_at(step.sent.0)..index_at(step.sent.1))).collect();
        Self {
            case: sidecar.case.clone(),
            keys: sidecar.session_keys.clone(),
            messages,
            steps,
            closed: false,
            server: sidecar.server.clone(),
        }
    }

    /// Puts a step in front of the others, which sent and received the first messages, so many of them.
    pub(crate) fn begin_with_step(&mut self, count: usize) {
        for (step, range) in &mut self.steps {
            *step += 1;
            range.start = range.start.max(count);
        }
        self.steps.insert(0, (0, 0..count));
    }

    /// Writes it as evidence.
    pub(crate) fn write(&self, bench: &Bench) -> Recorded {
        let mut recorder = Recorder::default();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let connection =
            recorder.connect("127.0.0.1:50000".parse().unwrap(), self.server.parse().unwrap(), start);
        let mut offsets = Vec::new();
        for (message, milliseconds) in self.messages.iter().zip(1..) {
            offsets.push(recorder.sent(connection, Direction::ToServer));
            let direction = match message.way {
                Way::ToServer => Direction::ToServer,
                Way::ToClient => Direction::ToClient,
            };
            let at = start + Duration::from_millis(milliseconds);
            recorder.data(connection, direction, &nbss::wrap(&message.bytes).unwrap(), at);
        }
        offsets.push(recorder.sent(connection, Direction::ToServer));
        let end = start + Duration::from_secs(60);
        if self.closed {
            recorder.end(connection, Direction::ToClient, End::Fin, end);
        }
        recorder.end(connection, Direction::ToServer, End::Fin, end);
        let mut sidecar = Sidecar::new(self.case.clone(), self.server.clone());
        sidecar.session_keys = self.keys.clone();
        let last = self.messages.len();
        for (step, Range { start, end }) in &self.steps {
            let sent = (offsets[(*start).min(last)], offsets[(*end).min(last)]);
            if sent.1 > sent.0 {
                sidecar.steps.push(StepRecord { step: *step, connection, sent });
            }
        }
        bench.write(recorder, sidecar)
    }

    /// The frame of a message.
    pub(crate) fn frame(message: usize) -> u64 {
        FIRST_FRAME + message as u64
    }

    pub(crate) fn header(&self, message: usize) -> Header {
        Header::parse(&self.messages[message].bytes).unwrap()
    }

    /// The last answer to this command.
    pub(crate) fn response(&self, command: Command) -> usize {
        self.find(Way::ToClient, command).last().unwrap_or_else(|| panic!("no answer to {command}"))
    }

    /// The first answer to this command.
    pub(crate) fn first_response(&self, command: Command) -> usize {
        self.find(Way::ToClient, command).next().unwrap_or_else(|| panic!("no answer to {command}"))
    }

    /// The first request of this command.
    pub(crate) fn request(&self, command: Command) -> usize {
        self.find(Way::ToServer, command).next().unwrap_or_else(|| panic!("no {command}"))
    }

    fn find(&self, way: Way, command: Command) -> impl Iterator<Item = usize> {
        (0..self.messages.len())
            .filter(move |i| self.messages[*i].way == way && self.header(*i).command == command)
    }

    /// Changes a message's bytes, and signs it again where it was signed.
    pub(crate) fn change(&mut self, message: usize, change: impl FnOnce(&mut Vec<u8>)) -> usize {
        change(&mut self.messages[message].bytes);
        if self.is_flagged(message) {
            self.sign(message);
        }
        message
    }

    /// Changes a message's bytes and leaves its signature as it is.
    pub(crate) fn spoil(&mut self, message: usize, change: impl FnOnce(&mut Vec<u8>)) -> usize {
        change(&mut self.messages[message].bytes);
        message
    }

    /// Changes a message under the preauthentication hash, after which both sides sign everything with other keys.
    pub(crate) fn rewrite(&mut self, message: usize, change: impl FnOnce(&mut Vec<u8>)) -> usize {
        change(&mut self.messages[message].bytes);
        self.sign_all();
        message
    }

    /// Says that a message is not signed.
    pub(crate) fn unsign(&mut self, message: usize) -> usize {
        self.spoil(message, |bytes| {
            bytes[16] &= !8;
            bytes[48..64].fill(0);
        })
    }

    /// Puts a message of the server in front of another.
    pub(crate) fn insert(&mut self, at: usize, bytes: Vec<u8>) -> usize {
        self.messages.insert(at, Wire { way: Way::ToClient, bytes });
        for (_, range) in &mut self.steps {
            range.start += usize::from(range.start >= at);
            range.end += usize::from(range.end >= at);
        }
        at
    }

    /// Takes a message out.
    pub(crate) fn remove(&mut self, at: usize) {
        self.messages.remove(at);
        for (_, range) in &mut self.steps {
            range.start -= usize::from(range.start > at);
            range.end -= usize::from(range.end > at);
        }
    }

    pub(crate) fn is_flagged(&self, message: usize) -> bool {
        self.header(message).flags.contains(Flags::SIGNED)
    }

    /// Signs a message as a server, or a client, does that has the session's key.
    pub(crate) fn sign(&mut self, message: usize) {
        let Some(key) = self.key() else { return };
        let mut rest = self.messages[message].bytes.as_mut_slice();
        // Each element of a compound by itself, its padding included.
        while !rest.is_empty() {
            let next = Header::parse(rest).unwrap().next_command as usize;
            let (element, behind) = rest.split_at_mut(if next == 0 { rest.len() } else { next });
            key.sign(element).unwrap();
            rest = behind;
        }
    }

    /// Signs every message again that is said to be signed.
    pub(crate) fn sign_all(&mut self) {
        for message in 0..self.messages.len() {
            if self.is_flagged(message) {
                self.sign(message);
            }
        }
    }

    /// The key that everybody signs with, derived from the messages as they are now.
    pub(crate) fn key(&self) -> Option<SigningKey> {
        let negotiated = self.response(Command::NEGOTIATE);
        let body = NegotiateResponse::parse(&self.messages[negotiated].bytes).unwrap();
        let dialect = body.dialect_revision.to_dialect()?;
        let contexts = body.negotiate_contexts.iter();
        let is_signing = |context: &wire::NegotiateContext| {
            context.context_type == wire::ContextType::SIGNING_CAPABILITIES
        };
        // A client that asked for none does not know the type.
        let asked = &self.messages[self.request(Command::NEGOTIATE)].bytes;
        let asked =
            NegotiateRequest::parse(asked).is_ok_and(|it| it.negotiate_contexts.iter().any(is_signing));
        let mut selected = contexts.filter(|context| asked && is_signing(context));
        let algorithm = match selected.next() {
            Some(context) if dialect == Dialect::Smb311 => {
                Algorithm::from_smb2_id(u16::from_le_bytes([*context.data.get(2)?, *context.data.get(3)?]))?
            }
            _ => dialect.algorithms()[0],
        };
        let mut preauth = PreauthHash::default();
        for (index, message) in self.messages.iter().enumerate() {
            let header = self.header(index);
            let last = message.way == Way::ToClient && header.status == NtStatus::SUCCESS;
            match header.command {
                Command::NEGOTIATE => preauth.update(&message.bytes),
                Command::SESSION_SETUP if !last => preauth.update(&message.bytes),
                _ => {}
            }
        }
        let key = kdf::signing_key(dialect, &self.keys.first()?.key, preauth.value());
        SigningKey::new(algorithm, key).ok()
    }
}
