//! A message that is not signed has no signature.

use super::{Invariant, hex, signature_of};
use crate::view::place;
use model::{CheckLevel, Subject};
use smb::follow::{Signature, Way};

/// 2.2.1.1, 2.2.1.2: "If the message is not signed, this field MUST be 0." Interim responses have a rule of their own:
/// whether there are any depends on how fast a server is.
pub(super) const RULE: Invariant = Invariant {
    id: "signing/zero-when-unsigned",
    title: "The Signature field of an unsigned message is zero",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 2.2.1.1", "MS-SMB2 2.2.1.2"],
    check: |view, report| {
        for (index, _, message) in view.messages() {
            if message.is_interim() {
                continue;
            }
            if let (Way::ToClient, Signature::Unsigned { zero }) = (message.way, message.signature) {
                report.check(
                    signature_of(place(index, message)),
                    zero,
                    "Signature of sixteen zero bytes, since SMB2_FLAGS_SIGNED is clear",
                    || hex(&message.header.signature),
                );
            }
        }
    },
};
