//! What is signed says so.

use super::super::Invariant;
use model::{CheckLevel, Subject};

/// [MS-CIFS] 3.1.4.1: of a message that is signed, "the SMB_FLAGS2_SMB_SECURITY_SIGNATURE flag in the header MUST be set".
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/signed-flag",
    title: "A signed response has SMB_FLAGS2_SMB_SECURITY_SIGNATURE",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.1.4.1", "MS-CIFS 2.2.3.1"],
    check: |view, report| {
        for exchanged in view.smb1_answers().filter(|it| it.response.signature.is_valid()) {
            report.check(
                super::flags2_of(exchanged.at()),
                exchanged.response.is_flagged(),
                "SMB_FLAGS2_SMB_SECURITY_SIGNATURE set",
                || format!("Flags2 0x{:04x}", exchanged.response.header.flags2.0),
            );
        }
    },
};
