//! At 3.1.1 a server names the hash of the preauthentication.

use super::Invariant;
use crate::contexts;
use crate::view::place;
use model::{CheckLevel, Dialect, Subject};

/// 3.3.5.4 has the server build the context with one hash that was offered; 3.2.5.2 has the client refuse anything else,
/// because this hash is what the session's keys are derived with.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/preauth-context",
    title: "A 3.1.1 NEGOTIATE response has one SMB2_PREAUTH_INTEGRITY_CAPABILITIES with one hash that was offered",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 2.2.4.1.1", "MS-SMB2 3.2.5.2"],
    check: |view, report| {
        for (connection, index) in view.connections().iter().zip(0..) {
            let Some(negotiated) = &connection.negotiated else { continue };
            let Some(message) = connection.messages.get(negotiated.response) else { continue };
            if negotiated.dialect == Some(Dialect::Smb311) {
                let found = contexts::preauth(negotiated);
                report.check(
                    place(index, message),
                    found.is_ok(),
                    "one context with one hash that was offered",
                    || found.err().unwrap_or_default(),
                );
            }
        }
    },
};
