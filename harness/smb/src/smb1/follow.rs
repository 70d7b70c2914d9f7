//! The state follower of SMB1: from the bytes of a connection and the session keys to sessions, sequence numbers, and who
//! signed what. The same as [`crate::follow`] is for SMB2.
//!
//! It is fed what crossed the socket, in order, and believes nothing else. Every signature is computed over the bytes as
//! received.

mod active;
mod connection;
mod logon;
mod session;

pub use crate::follow::{Garbage, Way};
pub use connection::{Activation, Connection, Negotiated, RawReply};
pub use session::Session;

use super::{Command, Flags, Flags2, Header};

/// How far around the sequence number that fits another one is looked for.
pub const OTHER_SEQUENCE_RANGE: u32 = 8;

/// What can be said of a message's signature.
///
/// SMB_FLAGS2_SMB_SECURITY_SIGNATURE is no part of it: before signing is active, the flag only says that a side is ready
/// to sign ([MS-CIFS] 2.2.3.1), and a message that is signed without the flag verifies all the same. Who wants to judge
/// the flag finds it in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// Signing is not active yet, or the message needs none (an oplock break), or it has the flag clear and no valid
    /// signature.
    Unsigned {
        /// Whether all eight bytes of SecuritySignature are zero, as they must be while signing is not active, but for a
        /// SESSION_SETUP response ([MS-CIFS] 3.3.4.1).
        zero: bool,
        /// Whether they are the filler `BSRSPYL` ([MS-SMB] <81>).
        bsrspyl: bool,
    },
    /// It verifies, with the sequence number of the message.
    Valid,
    /// Signing is active, the flag is set, and the signature is not the one the bytes should carry.
    Invalid {
        /// The signature the bytes should carry, with the sequence number of the message.
        expected: [u8; 8],
        /// The signature they carry.
        got: [u8; 8],
        /// The sequence number with which they would verify, if it is at most [`OTHER_SEQUENCE_RANGE`] off.
        other_sequence: Option<u32>,
    },
    /// Signing is active, the flag is set, and the key is not known.
    NoKey,
    /// Signing is active, the flag is set, and the message answers no request, so it has no sequence number.
    NoSequence,
}

impl Signature {
    /// Whether it verifies.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid)
    }

    /// What the SecuritySignature of a message without a signature holds.
    const fn unsigned(header: &Header) -> Self {
        let [b0, b1, b2, b3, b4, b5, b6, _] = header.signature;
        Self::Unsigned {
            zero: u64::from_le_bytes(header.signature) == 0,
            bsrspyl: matches!(&[b0, b1, b2, b3, b4, b5, b6], b"BSRSPYL"),
        }
    }
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its place among the messages of the connection.
    pub index: usize,
    /// Which way it went.
    pub way: Way,
    /// The packet in which it begins.
    pub frame: u64,
    /// Where in its direction's stream the transport message begins that holds it, in bytes.
    pub offset: u64,
    /// Its header.
    pub header: Header,
    /// Its bytes from the header on, of a chain all of it.
    pub bytes: Vec<u8>,
    /// For a response, the index of its request.
    pub request: Option<usize>,
    /// For a request, the indexes of its responses, which may be several (ECHO, transactions).
    pub responses: Vec<usize>,
    /// The sequence number with which it is signed, or should be; none while signing is not active.
    pub sequence: Option<u32>,
    /// What can be said of its signature.
    pub signature: Signature,
}

impl Message {
    /// Its command; of a chain, the first.
    #[must_use]
    pub const fn command(&self) -> Command {
        self.header.command
    }

    /// Whether SMB_FLAGS2_SMB_SECURITY_SIGNATURE is set.
    #[must_use]
    pub const fn is_flagged(&self) -> bool {
        self.header.flags2.contains(Flags2::SECURITY_SIGNATURE)
    }

    /// Whether it is an oplock break: LOCKING_ANDX of the server that answers nothing, with the PID and MID of nobody and
    /// OPLOCK_RELEASE in TypeOfLock ([MS-CIFS] 2.2.4.32.1, 3.3.4.2). It alone is not signed (3.2.5.42).
    #[must_use]
    pub fn is_oplock_break(&self) -> bool {
        /// TypeOfLock: behind the header, WordCount, the AndX block and FID.
        const TYPE_OF_LOCK: usize = Header::LEN + 1 + 4 + 2;
        const OPLOCK_RELEASE: u8 = 0x02;
        self.way == Way::ToClient
            && self.header.command == Command::LOCKING_ANDX
            && !self.header.flags.contains(Flags::REPLY)
            && self.header.mid == u16::MAX
            && self.header.pid & 0xFFFF == 0xFFFF
            && self.bytes.get(TYPE_OF_LOCK).is_some_and(|kind| kind & OPLOCK_RELEASE != 0)
    }
}
