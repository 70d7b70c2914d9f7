//! The state follower: from the bytes of a connection and the session keys to dialect, sessions, derived keys, and who
//! signed what.
//!
//! It is fed what crossed the socket, in order, and believes nothing else. Every signature is computed over the bytes
//! as received.

mod connection;
mod logon;
mod multi_protocol;
mod session;

pub use connection::{Connection, Garbage, Negotiated};
pub use multi_protocol::MultiProtocol;
pub use session::Session;

use crate::wire::{Command, Header};
use model::Algorithm;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What can be said of a message's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// SMB2_FLAGS_SIGNED is clear. `zero` says whether the Signature field is zero, as it must be ([MS-SMB2] 2.2.1.2).
    Unsigned {
        /// Whether all sixteen bytes of the field are zero.
        zero: bool,
    },
    /// The flag is set and the signature verifies with this algorithm.
    Valid(Algorithm),
    /// The flag is set and the signature is another than the one the bytes should carry.
    Invalid {
        /// The signature the bytes should carry.
        expected: [u8; 16],
        /// The signature they carry.
        got: [u8; 16],
    },
    /// The flag is set and there is no key to verify with: no session, or its key is not known.
    NoKey,
}

impl Signature {
    /// Whether SMB2_FLAGS_SIGNED is set.
    #[must_use]
    pub const fn is_flagged(self) -> bool {
        !matches!(self, Self::Unsigned { .. })
    }

    /// Whether the flag is set and the signature verifies.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid(_))
    }
}

/// One message: an element of a compound counts by itself.
#[derive(Debug, Clone)]
pub struct Message {
    /// Which way it went.
    pub way: Way,
    /// The packet in which it begins.
    pub frame: u64,
    /// Where in its direction's stream the transport message begins that holds it, in bytes.
    pub offset: u64,
    /// Its place in a compound, from 0.
    pub element: u32,
    /// Its header.
    pub header: Header,
    /// Its bytes from the header on, with the padding that belongs to it in a compound.
    pub bytes: Vec<u8>,
    /// What can be said of its signature.
    pub signature: Signature,
    /// For a response, the index of its request; none where it answers nothing, or the SMB_COM_NEGOTIATE of
    /// [`Connection::multi_protocol`], which is no message here.
    pub request: Option<usize>,
    /// For a request, the indexes of its responses: interim ones, then the final one.
    pub responses: Vec<usize>,
    /// The session it belongs to: the SessionId of its request, resolved through a related compound. 0 is none.
    pub session_id: u64,
}

impl Message {
    /// Whether it is an interim response: STATUS_PENDING on an asynchronous one ([MS-SMB2] 3.3.4.2).
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.way == Way::ToClient
            && self.header.status == model::NtStatus::PENDING
            && self.header.async_id().is_some()
    }

    /// Its command.
    #[must_use]
    pub const fn command(&self) -> Command {
        self.header.command
    }
}
