//! A request and an answer in a defect's hands.

use super::{Extras, Schedule, Seal, Session, is_interim};
use model::{Dialect, NtStatus};
use smb::wire::{self, Body, Command, Flags, Header};
use std::collections::{BTreeMap, BTreeSet};

/// What can be said of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The flag is clear.
    Unsigned,
    /// It is the one the bytes should carry.
    Valid,
    /// It is another.
    Invalid,
    /// There is nothing to verify it with.
    NoKey,
}

/// What is known of a request when its answer comes.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) command: Command,
    /// The session it belongs to, resolved through a related compound.
    pub(crate) session_id: u64,
    /// The SessionId as it was sent.
    pub(crate) session_id_sent: u64,
    pub(crate) signature: [u8; 16],
    /// Its signature on the client's side.
    pub(crate) check: Check,
    /// Whether it was made right for the server.
    pub(crate) repaired: bool,
    /// Whether it is FSCTL_VALIDATE_NEGOTIATE_INFO.
    pub(crate) validates: bool,
    /// SESSION_SETUP: whether its SecurityMode requires signing, whether it binds, and whether it is of nobody.
    pub(crate) requires: bool,
    pub(crate) binds: bool,
    pub(crate) anonymous: bool,
    /// Whether it was an SMB_COM_NEGOTIATE ([MS-SMB2] 3.3.5.3), whose answer is in no hash.
    pub(crate) multi_protocol: bool,
}

impl Asked {
    pub(super) fn new(header: &Header, session_id: u64, check: Check) -> Self {
        Self {
            command: header.command,
            session_id,
            session_id_sent: header.session_id,
            signature: header.signature,
            check,
            repaired: false,
            validates: false,
            requires: false,
            binds: false,
            anonymous: false,
            multi_protocol: false,
        }
    }
}

/// What a defect remembers of a connection.
#[derive(Default)]
pub(crate) struct Memory {
    /// Whether it has done what it does once.
    pub(crate) done: bool,
    /// Sessions that it made something else of.
    pub(crate) marked: BTreeSet<u64>,
    /// The body of an earlier answer.
    pub(crate) body: Option<Vec<u8>>,
}

/// A request on its way to the server.
pub(crate) struct Request<'e> {
    pub(crate) bytes: &'e mut Vec<u8>,
    pub(crate) header: &'e Header,
    /// Its signature, with the key of the client's side.
    pub(crate) check: Check,
    pub(crate) session_id: &'e mut u64,
    pub(crate) sessions: &'e BTreeMap<u64, Session>,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) memory: &'e mut Memory,
    pub(crate) asked: &'e mut Asked,
    /// Whether it is signed for the server.
    pub(crate) signs: &'e mut bool,
}

impl Request<'_> {
    pub(crate) fn session(&self) -> Option<&Session> {
        self.sessions.get(self.session_id)
    }

    /// Signs it for the server, as if the client had done it right.
    pub(crate) fn repair(&mut self) -> bool {
        let signs = self.session().is_some_and(|session| session.keys[super::SERVER].is_some());
        *self.signs |= signs;
        self.asked.repaired |= signs;
        signs
    }
}

/// An answer on its way to the client.
pub(crate) struct Reply<'e> {
    pub(crate) bytes: &'e mut Vec<u8>,
    pub(crate) header: &'e Header,
    pub(crate) asked: &'e Asked,
    /// Its signature, with the key of the server's side.
    pub(crate) signed: Check,
    /// Whether it establishes a session.
    pub(crate) establishes: bool,
    pub(crate) session_id: u64,
    pub(crate) session: Option<&'e mut Session>,
    /// What the client saw of the negotiation.
    pub(crate) client: &'e Schedule,
    pub(crate) memory: &'e mut Memory,
    pub(super) seal: &'e mut Seal,
    pub(super) before: &'e mut Extras,
    pub(super) after: &'e mut Extras,
    pub(super) swallowed: &'e mut bool,
    /// Whether both connections end, and nothing of this is sent.
    pub(crate) ends: bool,
}

impl Reply<'_> {
    pub(crate) const fn command(&self) -> Command {
        self.header.command
    }

    pub(crate) const fn status(&self) -> NtStatus {
        self.header.status
    }

    /// Whether it is a final answer in an established session, other than to SESSION_SETUP.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.session.is_some()
            && self.asked.command == self.header.command
            && ![Command::SESSION_SETUP, Command::CANCEL].contains(&self.command())
            && !is_interim(self.header)
    }

    /// The same behind the mount: what goes wrong there leaves a session that can be looked at.
    pub(crate) fn is_behind_mount(&self) -> bool {
        self.is_ordinary() && ![Command::TREE_CONNECT, Command::LOGOFF].contains(&self.command())
    }

    /// Whether it is the rightly signed answer to a rightly signed request.
    pub(crate) fn is_signed_answer(&self) -> bool {
        self.is_ordinary() && self.asked.check == Check::Valid && self.signed == Check::Valid
    }

    /// Whether neither it nor its request is signed, in a user's session whose key is known.
    pub(crate) fn is_unsigned_answer(&self) -> bool {
        self.is_ordinary()
            && (self.asked.check, self.signed) == (Check::Unsigned, Check::Unsigned)
            && self.session.as_ref().is_some_and(|session| session.user && session.reply.is_some())
    }

    /// Whether it announces the answer to a rightly signed CHANGE_NOTIFY: a client always meets that one.
    pub(crate) fn announces_a_change(&self) -> bool {
        self.session.is_some()
            && self.command() == Command::CHANGE_NOTIFY
            && is_interim(self.header)
            && self.asked.check == Check::Valid
    }

    /// Whether it answers a CANCEL.
    pub(crate) fn answers_cancel(&self) -> bool {
        self.command() == Command::CANCEL && self.asked.command == Command::CANCEL
    }

    /// Whether it establishes a user's session.
    pub(crate) fn admits_user(&self) -> bool {
        self.establishes && self.session.as_ref().is_some_and(|session| session.user)
    }

    /// Whether this is the first time that a connection comes here.
    pub(crate) fn is_first(&mut self) -> bool {
        !std::mem::replace(&mut self.memory.done, true)
    }

    /// The session key and the client's side's dialect, where both are known.
    pub(crate) fn secret(&self) -> Option<([u8; 16], Dialect)> {
        Some((self.session.as_ref()?.session_key?, self.client.dialect()?))
    }

    /// How a copy of it is signed: as it is, if the server signed it.
    pub(crate) fn own_seal(&self) -> Seal {
        if self.signed == Check::Valid { Seal::Right } else { Seal::AsSent }
    }

    /// Says how it is signed.
    pub(crate) fn seal(&mut self, seal: Seal) -> bool {
        *self.seal = seal;
        true
    }

    /// Another body. A message that the server signed is signed again.
    pub(crate) fn rewrite<B: Body>(&mut self, change: impl FnOnce(&mut B) -> bool) -> bool {
        let Ok(mut body) = B::parse(self.bytes) else { return false };
        if !change(&mut body) {
            return false;
        }
        let Ok(header) = Header::parse(self.bytes) else { return false };
        let Ok(bytes) = wire::message(&header, &body) else { return false };
        *self.bytes = bytes;
        true
    }

    /// The same status with these bytes behind the header.
    pub(crate) fn answer(&mut self, status: NtStatus, body: &[u8]) -> bool {
        self.bytes.truncate(Header::LEN);
        self.bytes[8..12].copy_from_slice(&status.0.to_le_bytes());
        self.bytes.extend_from_slice(body);
        true
    }

    /// An error ([MS-SMB2] 2.2.2).
    pub(crate) fn fail(&mut self, status: NtStatus) -> bool {
        self.answer(status, &[9, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// A copy of it as a message of its own, which grants no credits and is in no compound.
    pub(crate) fn copy(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[14..16].fill(0);
        bytes[Header::NEXT_COMMAND].fill(0);
        bytes
    }

    /// An interim response to the same request (3.3.4.2), unsigned.
    pub(crate) fn interim(&self) -> Vec<u8> {
        let header = Header {
            status: NtStatus::PENDING,
            credits: 0,
            flags: Flags::SERVER_TO_REDIR,
            next_command: 0,
            signature: [0; 16],
            ..self.header.clone()
        };
        let mut bytes = Vec::new();
        // An AsyncId that no server here gives out.
        header.with_async_id(0x5A5A_0000_0000_0000 | self.header.message_id).write(&mut bytes);
        bytes.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    /// Keeps it from the client.
    pub(crate) fn swallow(&mut self) -> bool {
        *self.swallowed = true;
        true
    }

    /// Sends another message in front of it.
    pub(crate) fn precede(&mut self, bytes: Vec<u8>, seal: Seal) -> bool {
        self.before.push((bytes, self.session_id, seal));
        true
    }

    /// Sends another message behind it.
    pub(crate) fn follow(&mut self, bytes: Vec<u8>, seal: Seal) -> bool {
        self.after.push((bytes, self.session_id, seal));
        true
    }
}

/// What the server sends unasked, on its way to the client.
pub(crate) struct Notification<'e> {
    pub(crate) header: &'e Header,
    /// Whether there is a key that it could be signed with.
    pub(crate) knows: bool,
    pub(super) seal: &'e mut Seal,
}

impl Notification<'_> {
    /// Says how it is signed.
    pub(crate) fn seal(&mut self, seal: Seal) -> bool {
        *self.seal = seal;
        true
    }
}
