//! A request and an answer of SMB1 in a defect's hands.

use super::Active;
use crate::smb2::Check;
use model::NtStatus;
use smb::ntlm::overheard::KeyUnknown;
use smb::smb1::{Body, Command, ErrorResponse, Flags, Flags2, Header, MacKey, message, parse};
use std::collections::BTreeSet;

/// What a logon leads to.
#[derive(Clone)]
pub(crate) struct Logon {
    /// The session key and what it signs with, or why it is not known.
    pub(crate) key: Result<([u8; 16], MacKey), KeyUnknown>,
    /// Whether it is of nobody.
    pub(crate) anonymous: bool,
}

/// What is known of a request when its answer comes.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) command: Command,
    pub(crate) signature: [u8; 8],
    pub(crate) flagged: bool,
    /// Its signature on the client's side; unsigned while signing is not active.
    pub(crate) check: Check,
    /// Whether it was made right for the server.
    pub(crate) repaired: bool,
    /// The number of its answer, on the client's side and on the server's.
    pub(crate) numbers: [u32; 2],
    /// How many answers came before.
    pub(crate) answers: u32,
    pub(super) logon: Option<Logon>,
}

impl Asked {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            command: header.command,
            signature: header.signature,
            flagged: header.flags2.contains(Flags2::SECURITY_SIGNATURE),
            check: Check::Unsigned,
            repaired: false,
            numbers: [0; 2],
            answers: 0,
            logon: None,
        }
    }
}

/// What a defect remembers of a connection.
#[derive(Default)]
pub(crate) struct Memory {
    /// Whether it has done what it does once.
    pub(crate) done: bool,
    /// Sessions that it made something else of.
    pub(crate) marked: BTreeSet<u16>,
    /// Whether the last request was refused for its signature.
    pub(crate) refused: bool,
}

/// A request on its way to the server.
pub(crate) struct Request<'e> {
    pub(crate) header: &'e Header,
    /// Whether signing is active.
    pub(crate) active: bool,
    pub(crate) memory: &'e mut Memory,
    pub(crate) asked: &'e mut Asked,
    pub(super) answer: &'e mut Option<Vec<u8>>,
}

impl Request<'_> {
    /// Whether signing is active and it is not signed rightly.
    pub(crate) fn is_wrong(&self) -> bool {
        self.active && self.asked.check != Check::Valid
    }

    /// Answers it with these bytes, and the server never sees it.
    pub(crate) fn answer(&mut self, bytes: Vec<u8>) -> bool {
        *self.answer = Some(bytes);
        true
    }

    /// Answers it with an error, signed where signing is active: what is not signed rightly with the number behind the one
    /// that was waited for ([MS-CIFS] 3.3.5.2.3).
    pub(crate) fn refuse(&mut self, status: NtStatus) -> bool {
        if self.header.command == Command::NT_CANCEL {
            return false; // It has no answer.
        }
        let flags = self.header.flags.with(Flags::REPLY);
        let header = Header { status, flags, signature: [0; 8], ..self.header.clone() };
        message(&header, &ErrorResponse::default()).is_ok_and(|bytes| self.answer(bytes))
    }

    /// Signs it for the server, as if the client had done it right.
    pub(crate) fn repair(&mut self) -> bool {
        self.asked.repaired = true;
        true
    }
}

/// How an answer is signed.
pub(crate) enum Seal {
    /// As it came.
    AsSent,
    /// As it should be.
    Right,
    /// With the right key, as another number.
    Number(u32),
    /// With another key.
    Key(MacKey),
    /// With the flag clear.
    Unflagged,
    /// As it should be, and then changed.
    Spoiled(fn(&mut [u8])),
    /// The flag is clear and the field has these bytes.
    Unsigned([u8; 8]),
    /// The flag is as it is and the field has these bytes.
    Field([u8; 8]),
}

/// Signs `message`, which has a header, as number `number`.
pub(super) fn apply(message: &mut [u8], seal: &Seal, key: Option<&MacKey>, number: u32) {
    if message.len() < Header::LEN {
        return;
    }
    match seal {
        Seal::AsSent => {}
        Seal::Right => sign(message, key, number),
        Seal::Number(number) => sign(message, key, *number),
        Seal::Key(key) => sign(message, Some(key), number),
        Seal::Unflagged => {
            unflag(message);
            if let Some(Ok(signature)) = key.map(|key| key.signature(message, number)) {
                message[Header::SIGNATURE].copy_from_slice(&signature);
            }
        }
        Seal::Spoiled(change) => {
            sign(message, key, number);
            change(message);
        }
        Seal::Unsigned(field) => {
            unflag(message);
            message[Header::SIGNATURE].copy_from_slice(field);
        }
        Seal::Field(field) => message[Header::SIGNATURE].copy_from_slice(field),
    }
}

fn sign(message: &mut [u8], key: Option<&MacKey>, number: u32) {
    // It has a header, so it is long enough.
    let _ = key.map(|key| key.sign(message, number));
}

fn unflag(message: &mut [u8]) {
    message[Header::FLAGS2.start] &= !Flags2::SECURITY_SIGNATURE.0.to_le_bytes()[0];
}

/// An answer on its way to the client.
pub(crate) struct Reply<'e> {
    pub(crate) bytes: &'e mut Vec<u8>,
    pub(crate) header: &'e Header,
    pub(crate) asked: &'e Asked,
    /// Its signature on the server's side.
    pub(crate) signed: Check,
    /// Whether it activates signing.
    pub(crate) activates: bool,
    pub(crate) active: Option<&'e Active>,
    pub(crate) macs: &'e [(u16, MacKey)],
    pub(crate) memory: &'e mut Memory,
    pub(super) seal: &'e mut Seal,
}

impl Reply<'_> {
    pub(crate) const fn command(&self) -> Command {
        self.header.command
    }

    pub(crate) const fn status(&self) -> NtStatus {
        self.header.status
    }

    /// Whether it is a rightly signed answer to a rightly signed request, other than to SESSION_SETUP.
    pub(crate) fn is_signed_answer(&self) -> bool {
        self.active.is_some()
            && self.signed == Check::Valid
            && self.asked.check == Check::Valid
            && self.command() != Command::SESSION_SETUP_ANDX
    }

    /// Whether this is the first time that a connection comes here.
    pub(crate) fn is_first(&mut self) -> bool {
        !std::mem::replace(&mut self.memory.done, true)
    }

    /// The number it has on the client's side.
    pub(crate) const fn number(&self) -> u32 {
        self.asked.numbers[0]
    }

    /// Says how it is signed.
    pub(crate) fn seal(&mut self, seal: Seal) -> bool {
        *self.seal = seal;
        true
    }

    /// Another body. A message that the server signed is signed again.
    pub(crate) fn rewrite<B: Body>(&mut self, change: impl FnOnce(&mut B) -> bool) -> bool {
        let Ok((header, mut body)) = parse::<B>(self.bytes) else { return false };
        if !change(&mut body) {
            return false;
        }
        let Ok(bytes) = message(&header, &body) else { return false };
        *self.bytes = bytes;
        true
    }

    /// An error ([MS-CIFS] 3.3.4.1.2).
    pub(crate) fn fail(&mut self, status: NtStatus) -> bool {
        self.bytes.truncate(Header::LEN);
        self.bytes[5..9].copy_from_slice(&status.0.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 3]);
        true
    }
}
