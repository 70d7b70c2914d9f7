//! A session says that it is encrypted only where encryption was negotiated.

use super::Invariant;
use model::{CheckLevel, Dialect, FrameRef, Subject};
use smb::follow::Negotiated;
use smb::wire::{Capabilities, EncryptionCapabilities, NegotiateContext, SessionFlags};

/// 3.3.5.5.3: only in the SMB 3.x family, and only where Connection.ServerCapabilities has encryption; at 3.1.1 that is a
/// cipher in the NEGOTIATE response (3.3.5.4). The flag switches signing off on both sides, so a wrong one leaves a
/// session without either.
pub(super) const RULE: Invariant = Invariant {
    id: "session-setup/encrypt-data",
    title: "SMB2_SESSION_FLAG_ENCRYPT_DATA is set only where encryption was negotiated",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.5.3", "MS-SMB2 3.3.5.4"],
    check: |view, report| {
        for answer in view.answers().filter(crate::view::Answer::establishes) {
            let (Some(session), Some(negotiated)) = (answer.session(), &answer.connection.negotiated) else {
                continue;
            };
            report.check(
                // SessionFlags follows StructureSize in the body.
                FrameRef { bytes: Some((66, 68)), ..answer.at() },
                !session.flags.contains(SessionFlags::ENCRYPT_DATA) || encrypts(negotiated),
                "SMB2_SESSION_FLAG_ENCRYPT_DATA clear: no encryption was negotiated",
                || format!("SessionFlags {}", session.flags),
            );
        }
    },
};

fn encrypts(negotiated: &Negotiated) -> bool {
    let response = &negotiated.response_body;
    match negotiated.dialect {
        Some(Dialect::Smb311) => {
            NegotiateContext::find::<EncryptionCapabilities>(&response.negotiate_contexts)
                .and_then(Result::ok)
                .is_some_and(|context| context.ciphers.iter().any(|cipher| *cipher != 0))
        }
        Some(Dialect::Smb30 | Dialect::Smb302) => response.capabilities.contains(Capabilities::ENCRYPTION),
        _ => false,
    }
}
