//! A server says of signing what it is set to.

use super::super::Invariant;
use crate::smb1::place;
use model::{CheckLevel, FrameRef, Signing, Subject};
use smb::smb1::SecurityMode;

/// SecurityMode in an SMB_COM_NEGOTIATE response: behind the header, WordCount and DialectIndex.
pub(super) const BYTES: (u32, u32) = (35, 36);

/// [MS-CIFS] 3.3.5.42: the bits follow Server.MessageSigningPolicy. A server that declines ([MS-SMB] 3.3.1.1) looks like one
/// that is disabled.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/security-mode",
    title: "SecurityMode in the NEGOTIATE response says of signing what the server is set to",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.42", "MS-CIFS 2.2.4.52.2"],
    check: |view, report| {
        // What a server is set to only a plan says.
        let Some(policy) = view.plan().map(|case| case.server.signing) else { return };
        let enabled = matches!(policy, Signing::Required | Signing::Enabled);
        let required = policy == Signing::Required;
        for (index, connection) in view.of_smb1() {
            let Some(negotiated) = &connection.negotiated else { continue };
            let Some(message) = connection.messages.get(negotiated.response) else { continue };
            // `not-required` is no word of SMB1: whether such a server offers signing is its own choice.
            let mode = negotiated.security_mode;
            let offered = mode.contains(SecurityMode::SECURITY_SIGNATURES_ENABLED);
            let demanded = mode.contains(SecurityMode::SECURITY_SIGNATURES_REQUIRED);
            let word = |set| if set { "set" } else { "clear" };
            report.check(
                FrameRef { bytes: Some(BYTES), ..place(index, message) },
                (policy == Signing::NotRequired || offered == enabled) && demanded == required,
                format!("ENABLED {}, REQUIRED {}: signing is {policy} here", word(enabled), word(required)),
                || format!("SecurityMode 0x{:02x}", mode.0),
            );
        }
    },
};
