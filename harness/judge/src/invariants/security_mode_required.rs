//! A server says that it requires signing exactly where it is set to.

use super::Invariant;
use crate::view::place;
use model::{CheckLevel, FrameRef, Signing, Subject};
use smb::wire::SecurityMode;

/// 3.3.5.4: REQUIRED is set if RequireMessageSigning is TRUE, and only then.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/signing-required",
    title: "SecurityMode in the NEGOTIATE response has SMB2_NEGOTIATE_SIGNING_REQUIRED exactly where the server is set to require signing",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 2.2.4"],
    check: |view, report| {
        // What a server is set to only a plan says.
        let Some(signing) = view.plan().map(|case| case.server.signing) else { return };
        let required = signing == Signing::Required;
        for (connection, index) in view.connections().iter().zip(0..) {
            let Some(negotiated) = &connection.negotiated else { continue };
            let Some(message) = connection.messages.get(negotiated.response) else { continue };
            let said = negotiated.server_mode.contains(SecurityMode::SIGNING_REQUIRED);
            let word = if required { "set" } else { "clear" };
            report.check(
                FrameRef { bytes: Some((66, 68)), ..place(index, message) },
                said == required,
                format!("SMB2_NEGOTIATE_SIGNING_REQUIRED {word}: signing is {signing} here"),
                || format!("SecurityMode 0x{:04x}", negotiated.server_mode.0),
            );
        }
    },
};
