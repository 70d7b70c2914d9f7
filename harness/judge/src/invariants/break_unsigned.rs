//! A break that nobody asked for is not signed.

use super::{Invariant, describe, signature_of};
use crate::view::place;
use model::{CheckLevel, Subject};
use smb::follow::Way;
use smb::wire::Command;

/// 3.3.4.6 of oplocks and 3.3.4.7 of leases: "The message SHOULD NOT be signed." Its MessageId is all ones, so its client
/// does not verify it (3.2.5.1.3), and in a break of a lease there is no session whose key would sign it.
pub(super) const RULE: Invariant = Invariant {
    id: "signing/break-unsigned",
    title: "An OPLOCK_BREAK notification is not signed",
    level: CheckLevel::Should,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.4.6", "MS-SMB2 3.3.4.7", "MS-SMB2 3.2.5.1.3"],
    check: |view, report| {
        for (index, _, message) in view.messages() {
            let unasked = message.way == Way::ToClient && message.header.message_id == u64::MAX;
            if unasked && message.command() == Command::OPLOCK_BREAK {
                report.check(
                    signature_of(place(index, message)),
                    !message.signature.is_flagged(),
                    "OPLOCK_BREAK notification without SMB2_FLAGS_SIGNED",
                    || describe(message.signature),
                );
            }
        }
    },
};
