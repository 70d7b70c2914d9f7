//! The registry of repairs: what a server would do that does the one thing right that the servers there are do not.
//!
//! With it a rule is held against a server that follows it. It says nothing of the server behind.

use crate::defects::Act;
use crate::smb1::Edits;
use crate::{Repair, SMB1, SMB2};
use model::NtStatus;

/// Every repair.
#[must_use]
pub fn repairs() -> &'static [Repair] {
    const ALL: &[Repair] = &[
        Repair {
            id: "broken-cancel-unanswered",
            title: "A CANCEL with a wrong signature is not answered",
            cites: &["MS-SMB2 3.3.5.16"],
            holds: &["cancel/unanswered"],
            protocols: SMB2,
            act: Act::Reply(|r| r.answers_cancel() && r.swallow()),
        },
        Repair {
            id: "smb1-refuses-and-goes-on",
            title: "A request with a wrong signature is answered with STATUS_ACCESS_DENIED instead of the end of the connection, and takes no number",
            cites: &["MS-CIFS 3.3.5.2.3"],
            holds: &["smb1/bad-signature", "smb1/sequence-after-refusal"],
            protocols: SMB1,
            // Not passed on, so the server behind counts nothing either.
            act: Act::Smb1(Edits {
                request: Some(|r| r.is_wrong() && r.refuse(NtStatus::ACCESS_DENIED)),
                reply: None,
            }),
        },
    ];
    ALL
}
