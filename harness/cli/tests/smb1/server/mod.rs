//! A server of SMB1 that keeps to [MS-CIFS] and [MS-SMB], for tests: what no server within reach does in full. One knob
//! is its policy, another what it does wrong.
//!
//! It lacks what no case asks for: oplocks, locks, pipes, notifications of changes that really happen, secondary
//! requests of transactions, and the rule that VcNumber 0 ends the *other connections* of a client ([MS-CIFS] 3.3.5.43),
//! for it serves one client.

mod by_hand;
mod conduct;
mod connection;
mod files;
mod logon;
mod requests;
mod session;
mod shares;
mod signing;
mod smbclient;
mod transactions;

pub(crate) use conduct::{Conduct, OnBadSignature, Outgoing, RawAnswer};
use connection::Connection;
pub(crate) use logon::Identity;
pub(crate) use signing::Seal;

use crate::support::net::{Listening, listen};
use files::Store;
use model::target::Shares;
use model::{Dialect, GuestMapping, PlannedCase, Signing};
use probe::Endpoint;
use smb::ntlm::Password;
use std::sync::{Arc, Mutex};

/// The one account there is.
pub(crate) const USER: &str = "countersign";
/// Its domain. The server takes any, as it is the user's own part in the proof.
pub(crate) const DOMAIN: &str = "WORKGROUP";
/// Its password.
pub(crate) const PASSWORD: &str = "Of no account 1";
/// The share for the account.
pub(crate) const SHARE: &str = "share";
/// The share for guests.
pub(crate) const GUEST_SHARE: &str = "guest";
/// The largest message it takes, in bytes.
pub(crate) const MAX_BUFFER: u16 = 16_644;

/// What the server is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Server.MessageSigningPolicy ([MS-CIFS] 3.3.1.1): disabled where it is not one of SMB1's words.
    pub(crate) signing: Signing,
    /// Who becomes guest.
    pub(crate) guest: GuestMapping,
    /// Whether it logs on with SPNEGO tokens where the client can.
    pub(crate) extended: bool,
    /// Whether it speaks SMB1 at all.
    pub(crate) smb1: Smb1,
}

/// Whether a server speaks SMB1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Smb1 {
    /// It does.
    Spoken,
    /// It could ([MS-CIFS] 2.2.4.52.2: it takes none of the dialects).
    SwitchedOff,
    /// It does not know it ([MS-SMB2] 3.3.5.3.2: it ends the connection without a response).
    Unknown,
}

impl Policy {
    /// What the case wants it to be set to.
    pub(crate) fn of(case: &PlannedCase) -> Self {
        let smb1 = if case.server.dialects.0 == Dialect::Nt1 { Smb1::Spoken } else { Smb1::Unknown };
        Self { signing: case.server.signing, guest: case.server.guest, extended: true, smb1 }
    }
}

/// Starts a server; it is gone when what is returned is dropped.
pub(crate) async fn start(policy: Policy, conduct: Conduct) -> Listening {
    let store = Arc::new(Mutex::new(Store::default()));
    listen(move |mut peer| {
        let mut connection = Connection::new(policy, conduct, Arc::clone(&store));
        async move {
            while let Some(request) = peer.message().await {
                let answers = connection.take(&request);
                for message in answers.messages {
                    if !peer.send(&message).await {
                        return;
                    }
                }
                if answers.ends {
                    return;
                }
            }
        }
    })
    .await
}

/// The server as the probe wants it.
pub(crate) fn endpoint(server: &Listening) -> Endpoint {
    Endpoint {
        address: server.address,
        user: USER.to_owned(),
        domain: DOMAIN.to_owned(),
        password: Password::new(PASSWORD),
        shares: Shares { share: SHARE.to_owned(), guest: GUEST_SHARE.to_owned() },
        host: None,
        folder: None,
    }
}
