//! An interim response that is not signed has no signature.

use super::{Invariant, hex, level_of, signature_of};
use crate::view::place;
use model::{CheckLevel, Subject};
use smb::follow::Signature;

/// 2.2.1.1: "If the message is not signed, this field MUST be 0", of STATUS_PENDING (3.3.4.2). A rule of its own beside
/// `signing/zero-when-unsigned`, because whether a server sends interim responses depends on how fast it is: an
/// expectation about this one says nothing about the others.
pub(super) const RULE: Invariant = Invariant {
    id: "signing/interim-zero",
    title: "The Signature field of an unsigned interim response is zero",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 2.2.1.1", "MS-SMB2 3.3.4.2"],
    check: |view, report| {
        for (index, connection, message) in view.messages() {
            if let (true, Signature::Unsigned { zero }) = (message.is_interim(), message.signature) {
                let request = message.request.and_then(|request| connection.messages.get(request));
                report.check_at(
                    level_of(message, request),
                    signature_of(place(index, message)),
                    zero,
                    "Signature of sixteen zero bytes, since SMB2_FLAGS_SIGNED is clear",
                    || hex(&message.header.signature),
                );
            }
        }
    },
};
