//! The client of SMB1: NT LM 0.12 of [MS-CIFS], with and without the extended security of [MS-SMB].

mod exchange;
mod logon;
mod negotiate;
mod signing;
mod steps;

use crate::context::Context;
use negotiate::Negotiated;
use signing::Signing;

/// The TID of a message that belongs to no tree connect ([MS-CIFS] 2.2.3.1).
const NO_TREE: u16 = 0xFFFF;

/// One client in one case.
pub(crate) struct Client<'c> {
    context: Context<'c>,
    /// The MID of the last request.
    mid: u16,
    negotiated: Option<Negotiated>,
    /// Key and count, once signing is active: those of the first user who logged on, also for later sessions
    /// ([MS-CIFS] 3.2.1.2).
    signing: Option<Signing>,
    uid: u16,
    tree: u16,
    file: Option<u16>,
}

impl<'c> Client<'c> {
    /// A client that has sent nothing yet.
    pub(crate) const fn new(context: Context<'c>) -> Self {
        Self { context, mid: 0, negotiated: None, signing: None, uid: 0, tree: NO_TREE, file: None }
    }

    /// Back to what any client works with.
    pub(crate) fn into_context(self) -> Context<'c> {
        self.context
    }
}
