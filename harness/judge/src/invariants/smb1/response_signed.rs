//! Everything is signed once signing is active.

use super::super::Invariant;
use model::{CheckLevel, Subject};
use smb::smb1::follow::Signature;

/// [MS-CIFS] 3.3.4.1: "if signing is active for the SMB connection, the message MUST be signed"; only oplock breaks are
/// exempt. A signature that is right but for its sequence number is `smb1/sequence-number`'s.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/response-signed",
    title: "Once signing is active, every response carries a valid signature",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.4.1", "MS-CIFS 3.1.4.1", "MS-SMB 3.2.5.1"],
    check: |view, report| {
        for exchanged in view.smb1_signed_answers() {
            let signature = exchanged.response.signature;
            report.check(
                super::signature_of(exchanged.at()),
                matches!(signature, Signature::Valid | Signature::Invalid { other_sequence: Some(_), .. }),
                format!("{} response with a valid signature", exchanged.response.command()),
                || super::describe(signature),
            );
        }
    },
};
