//! One key signs a connection.

use super::super::Invariant;
use crate::smb1::{identity, is_something};
use model::{As, CheckLevel, Subject};

/// [MS-CIFS] 3.2.1.2: "the session key from the first non-null, non-guest session is used for signing all traffic on the SMB
/// connection", also that of sessions which log on later.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/first-session-key",
    title: "The key of the first user's session signs the whole connection, also what belongs to later sessions",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.2.1.2", "MS-CIFS 3.3.1.3"],
    check: |view, report| {
        for exchanged in view.smb1_signed_answers() {
            let connection = exchanged.connection;
            let Some(activated) = connection.activated else { continue };
            let position = exchanged.response.index;
            let later = connection.sessions.values().any(|session| {
                session.uid != activated.uid
                    && identity(session) == As::User
                    && session.established > activated.response
                    && session.established <= position
            });
            if !later || !is_something(exchanged.response.signature) {
                continue;
            }
            let other = connection.signed_with(position);
            report.check(
                super::signature_of(exchanged.at()),
                other.is_none(),
                format!("a signature with the key of session {:#06x}, the first", activated.uid),
                || format!("a signature with the key of session {:#06x}", other.unwrap_or_default()),
            );
        }
    },
};
