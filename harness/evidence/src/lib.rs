//! Writes and reads what crossed the socket: one `.pcapng` and one sidecar `.json` per case.
//!
//! A [`Recorder`] keeps every byte both ways, with connect, FIN and RST, and writes the pair. [`Evidence::read`] gives
//! them back to a judge that trusts nothing else. The packets around the bytes are synthetic, so everything in them is
//! known beforehand: whatever is not as the recorder writes it was altered, and becomes a [`Problem`] that names the
//! frame, by the number that Wireshark shows.
//!
//! A [`Capture`] is what somebody else recorded: real packets of which nothing is known beforehand, put together as far as
//! they are there.
//!
//! Nothing here knows SMB, and nothing here waits for a socket.

mod capture;
mod error;
mod files;
mod foreign;
mod packet;
mod problem;
mod read;
mod reassemble;
mod recorder;
mod sidecar;
mod write;

pub use error::EvidenceError;
pub use foreign::{Capture, Conversation, Wanted, annotate};
pub use problem::Problem;
pub use read::{Chunk, Connection, EndSeen, Evidence};
pub use recorder::Recorder;
pub use sidecar::{Recorded, RecordedConnection, SCHEMA, SessionKey, Sidecar, StepRecord, sidecar_path};

use std::fmt;

/// The port that every server has in a `.pcapng`, so that Wireshark reads SMB without being told.
pub const SMB_PORT: u16 = 445;

/// Which way bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// What the client sent.
    ToServer,
    /// What the server sent.
    ToClient,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    /// A place for each direction in a pair.
    fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ToServer => "to the server",
            Self::ToClient => "to the client",
        })
    }
}

/// How one side closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// It has no more to send.
    Fin,
    /// It dropped the connection.
    Rst,
}
