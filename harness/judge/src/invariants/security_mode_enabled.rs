//! A server always says that signing is enabled.

use super::Invariant;
use crate::view::place;
use model::{CheckLevel, FrameRef, Subject};
use smb::wire::SecurityMode;

/// 3.3.5.4: "SecurityMode MUST have the SMB2_NEGOTIATE_SIGNING_ENABLED bit set", whatever its policy.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/signing-enabled",
    title: "SecurityMode in the NEGOTIATE response always has SMB2_NEGOTIATE_SIGNING_ENABLED",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 2.2.4"],
    check: |view, report| {
        for (connection, index) in view.connections().iter().zip(0..) {
            let Some(negotiated) = &connection.negotiated else { continue };
            let Some(message) = connection.messages.get(negotiated.response) else { continue };
            report.check(
                // SecurityMode follows StructureSize in the body.
                FrameRef { bytes: Some((66, 68)), ..place(index, message) },
                negotiated.server_mode.contains(SecurityMode::SIGNING_ENABLED),
                "SMB2_NEGOTIATE_SIGNING_ENABLED set",
                || format!("SecurityMode 0x{:04x}", negotiated.server_mode.0),
            );
        }
    },
};
