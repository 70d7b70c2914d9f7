//! A server does not require signing without offering it.

use super::super::Invariant;
use crate::smb1::place;
use model::{CheckLevel, FrameRef, Subject};
use smb::smb1::SecurityMode;

/// [MS-CIFS] 2.2.4.52.2: REQUIRED "MUST be clear if the NEGOTIATE_SECURITY_SIGNATURES_ENABLED bit is clear".
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/required-implies-enabled",
    title: "SecurityMode has NEGOTIATE_SECURITY_SIGNATURES_REQUIRED only together with NEGOTIATE_SECURITY_SIGNATURES_ENABLED",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 2.2.4.52.2"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            let Some(negotiated) = &connection.negotiated else { continue };
            let Some(message) = connection.messages.get(negotiated.response) else { continue };
            let mode = negotiated.security_mode;
            report.check(
                FrameRef { bytes: Some(super::security_mode::BYTES), ..place(index, message) },
                !mode.contains(SecurityMode::SECURITY_SIGNATURES_REQUIRED)
                    || mode.contains(SecurityMode::SECURITY_SIGNATURES_ENABLED),
                "REQUIRED clear where ENABLED is",
                || format!("SecurityMode 0x{:02x}", mode.0),
            );
        }
    },
};
