//! The response that activates signing is signed.

use super::super::Invariant;
use crate::smb1::{is_something, must_activate, place};
use model::{CheckLevel, Subject};

/// [MS-SMB] 3.3.5.3: once signing is to be active, "the server MUST sign the SMB_COM_SESSION_SETUP_ANDX response", with
/// sequence number one. It is to be active where the server is set to require it, where the request has
/// SMB_FLAGS2_SMB_SECURITY_SIGNATURE_REQUIRED, and where the server is set to enable it and the request has
/// SMB_FLAGS2_SMB_SECURITY_SIGNATURE; never for guests and nobody.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/setup-signed",
    title: "The SESSION_SETUP_ANDX response that has to activate signing is signed, as number 1",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB 3.3.5.3", "MS-SMB 3.2.5.3", "MS-CIFS 3.2.5.3"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            // The first user's session activates; later ones are ordinary traffic.
            let first = connection
                .sessions
                .values()
                .filter(|session| must_activate(view, connection, session))
                .min_by_key(|session| session.established);
            let Some(session) = first else { continue };
            let Some(response) = connection.messages.get(session.established) else { continue };
            if is_something(response.signature) && view.smb1_verifiable(index, session).is_err() {
                continue;
            }
            report.check(
                super::signature_of(place(index, response)),
                response.signature.is_valid(),
                "SESSION_SETUP_ANDX response with a valid signature, sequence number 1",
                || super::describe(response.signature),
            );
        }
    },
};
