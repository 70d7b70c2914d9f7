//! The client of SMB2 and SMB3.

mod exchange;
mod logon;
mod negotiate;
mod steps;

use crate::context::Context;
use model::Dialect;
use negotiate::Negotiated;
use smb::signing::SigningKey;
use smb::wire::{FileId, NegotiateRequest};

/// What SESSION_SETUP settled.
struct Session {
    id: u64,
    key: Option<SigningKey>,
    /// Whether every request is signed and every response verified ([MS-SMB2] 3.2.4.1.1, 3.2.5.1.3).
    signs: bool,
}

/// One client in one case.
pub(crate) struct Client<'c> {
    context: Context<'c>,
    message_id: u64,
    credits: u32,
    dialect: Option<Dialect>,
    /// The NEGOTIATE request as it was sent, for FSCTL_VALIDATE_NEGOTIATE_INFO.
    request: Option<NegotiateRequest>,
    /// What a multi-protocol NEGOTIATE settled, if it did.
    negotiated: Option<Negotiated>,
    session: Option<Session>,
    tree: u32,
    file: Option<FileId>,
}

impl<'c> Client<'c> {
    /// A client that has sent nothing yet.
    pub(crate) const fn new(context: Context<'c>) -> Self {
        Self {
            context,
            message_id: 0,
            credits: 1,
            dialect: None,
            request: None,
            negotiated: None,
            session: None,
            tree: 0,
            file: None,
        }
    }
}
