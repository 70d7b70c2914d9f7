//! The client of SMB2 and SMB3.

mod breaks;
mod compounds;
mod deviate;
mod directory;
mod elsewhere;
mod exchange;
mod inbox;
mod logon;
mod negotiate;
mod pipe;
mod steps;
mod workspace;

pub(crate) use workspace::Entry;

use crate::context::Context;
use inbox::Inbox;
use model::scenario::WrongSetup;
use model::{Deviation, Dialect};
use negotiate::Negotiated;
use smb::signing::SigningKey;
use smb::wire::{FileId, NegotiateRequest};

/// What SESSION_SETUP settled.
struct Session {
    id: u64,
    key: Option<SigningKey>,
    /// What that is made of, for what is signed wrongly on purpose.
    session_key: [u8; 16],
    signing_key: [u8; 16],
    /// The signing key of the session before it on the connection.
    former_key: Option<[u8; 16]>,
    /// Whether every request is signed and every response verified ([MS-SMB2] 3.2.4.1.1, 3.2.5.1.3).
    signs: bool,
}

impl Session {
    /// A session whose logon is in progress.
    const fn beginning(id: u64) -> Self {
        Self { id, key: None, session_key: [0; 16], signing_key: [0; 16], former_key: None, signs: false }
    }
}

/// One client in one case.
pub(crate) struct Client<'c> {
    context: Context<'c>,
    message_id: u64,
    credits: u32,
    dialect: Option<Dialect>,
    /// The NEGOTIATE request as it was sent, for FSCTL_VALIDATE_NEGOTIATE_INFO.
    request: Option<NegotiateRequest>,
    /// What NEGOTIATE settled, until a logon takes it up.
    negotiated: Option<Negotiated>,
    /// What it settled, for the next logon.
    settled: Option<Negotiated>,
    session: Option<Session>,
    /// The signing key of the session before a logon in progress.
    former_key: Option<[u8; 16]>,
    /// What the request of this step does wrong on purpose.
    deviation: Option<Deviation>,
    /// What is wrong with this step's logon.
    setup: Option<WrongSetup>,
    tree: u32,
    file: Option<FileId>,
    /// How long the file is, in bytes.
    length: u64,
    /// How many bytes one READ or WRITE may carry.
    largest: u32,
    /// Whether the connection supports multi-credit operations (3.2.5.2).
    multi_credit: bool,
    inbox: Box<Inbox>,
}

impl<'c> Client<'c> {
    /// A client that has sent nothing yet.
    pub(crate) fn new(context: Context<'c>) -> Self {
        Self {
            context,
            message_id: 0,
            credits: 1,
            dialect: None,
            request: None,
            negotiated: None,
            settled: None,
            session: None,
            former_key: None,
            deviation: None,
            setup: None,
            tree: 0,
            file: None,
            length: 0,
            largest: 0,
            multi_credit: false,
            inbox: Box::default(),
        }
    }
}
