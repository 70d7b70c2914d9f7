//! A signed request gets a signed, valid response.

use super::{Invariant, describe, signature_of};
use model::{CheckLevel, Subject};

/// 3.3.4.1.1 only says SHOULD, but a client that requires signing discards what is unsigned (3.2.5.1.3): a server that
/// breaks this locks those clients out. Interim responses are exempt (3.3.4.2), and so is the response that
/// establishes a session, which has a rule of its own.
pub(super) const RULE: Invariant = Invariant {
    id: "signing/response-signed",
    title: "A signed request gets a signed, valid response",
    level: CheckLevel::Should,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.4.1.1", "MS-SMB2 3.2.5.1.3", "MS-SMB2 3.1.4.1"],
    check: |view, report| {
        for answer in view.answers() {
            let signed = answer.request.signature.is_valid();
            if !signed || answer.response.is_interim() || answer.establishes() {
                continue;
            }
            report.check(
                signature_of(answer.at()),
                answer.response.signature.is_valid(),
                format!("{} response signed, and its signature verifies", answer.response.command()),
                || describe(answer.response.signature),
            );
        }
    },
};
