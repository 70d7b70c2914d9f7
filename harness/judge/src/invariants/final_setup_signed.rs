//! The response that establishes a session is signed.

use super::{Invariant, describe, signature_of};
use model::{As, CheckLevel, Subject};

/// Every dialect: 3.3.5.5.3 makes it a MUST of the server unless the session is guest or anonymous; at 3.1.1 the client
/// must refuse an unsigned one (3.2.5.3.1), because this signature is what proves that NEGOTIATE was not altered.
pub(super) const RULE: Invariant = Invariant {
    id: "session-setup/final-signed",
    title: "The final SESSION_SETUP response is signed and verifies, unless the session is guest or anonymous",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.2.5.3.1"],
    check: |view, report| {
        for answer in view.answers().filter(crate::view::Answer::establishes) {
            let Some(session) = answer.session() else { continue };
            if view.identity(session) != As::User {
                continue;
            }
            // Without the right key a signature says nothing; that there is none still does.
            let signature = answer.response.signature;
            if signature.is_flagged() && view.verifiable(answer.index, session).is_err() {
                continue;
            }
            report.check(
                signature_of(answer.at()),
                signature.is_valid(),
                "final SESSION_SETUP response signed, and its signature verifies",
                || describe(signature),
            );
        }
    },
};
