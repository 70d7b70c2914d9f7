//! Why a client stops before the last step.

use crate::link::LinkError;
use smb::auth::AuthError;
use smb::{smb1, wire};

/// Why a client stops before the last step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The socket, or the time, ran out.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What the server sent cannot be read as SMB2.
    #[error("{0} in the answer to {1}")]
    Unreadable(wire::WireError, wire::Command),
    /// What the server sent cannot be read as SMB1.
    #[error("{0} in the answer to {1}")]
    UnreadableSmb1(smb1::WireError, smb1::Command),
    /// A request of SMB2 cannot be built.
    #[error("failed to build a request: {0}")]
    Request(wire::WireError),
    /// A request of SMB1 cannot be built.
    #[error("failed to build a request: {0}")]
    RequestSmb1(smb1::WireError),
    /// The authentication cannot go on.
    #[error("the authentication cannot go on: {0}")]
    Auth(#[from] AuthError),
    /// The operating system gives no random numbers.
    #[error("failed to get random numbers from the operating system")]
    NoRandomness,
    /// The server granted no credits for another request ([MS-SMB2] 3.2.4.1.2).
    #[error("the server granted no credit for another request")]
    NoCredits,
    /// A client with this profile gives up here, or the server does not let it further.
    #[error("{0}")]
    GivesUp(&'static str),
}
