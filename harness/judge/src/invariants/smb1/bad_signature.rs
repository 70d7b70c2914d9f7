//! What is wrongly signed is refused.

use super::super::Invariant;
use crate::smb1::{has_answer, is_behind, place};
use model::{CheckLevel, FrameRef, NtStatus, Subject};
use smb::follow::Way;
use smb::smb1::follow::Signature;

/// Where Status stands in the header ([MS-CIFS] 2.2.3.1).
const STATUS_BYTES: (u32, u32) = (5, 9);

/// [MS-CIFS] 3.3.5.2.3: while signing is active, "if the signature on the received packet is incorrect, the server MUST return
/// STATUS_ACCESS_DENIED". A request without a signature has an incorrect one. That the connection is ended besides is a MAY
/// (3.1.5.1); ended *instead* of an answer it says less than the section wants.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/bad-signature",
    title: "While signing is active, a request whose signature is wrong or missing is answered with STATUS_ACCESS_DENIED",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.2.3", "MS-CIFS 3.1.5.1"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            let Some(activated) = connection.activated else { continue };
            // Whether a signature is wrong is known where the key is, and where nothing else is wrong on this side.
            let session = connection.sessions.get(&activated.uid);
            if session.is_none_or(|session| view.smb1_verifiable(index, session).is_err()) {
                continue;
            }
            let mut refused = false;
            for request in connection.messages.iter().filter(|m| m.way == Way::ToServer) {
                let wrong = match request.signature {
                    Signature::Invalid { .. } | Signature::Unsigned { .. } => true,
                    Signature::Valid | Signature::NoKey | Signature::NoSequence => false,
                };
                if !wrong || !has_answer(request) || !is_behind(activated.response, request) {
                    continue;
                }
                let answer = request.responses.first().and_then(|first| connection.messages.get(*first));
                let expected = "STATUS_ACCESS_DENIED: the signature is not right";
                match answer {
                    Some(answer) => {
                        refused |= answer.header.status == NtStatus::ACCESS_DENIED;
                        report.check(
                            FrameRef { bytes: Some(STATUS_BYTES), ..place(index, answer) },
                            answer.header.status == NtStatus::ACCESS_DENIED,
                            expected,
                            || answer.header.status.to_string(),
                        );
                    }
                    // What was not answered in time proves nothing; an end of the connection does, but after a refusal.
                    None if view.server_ended(index) && !refused => {
                        report.check(place(index, request), false, expected, || {
                            "the end of the connection".to_owned()
                        });
                    }
                    None => {}
                }
            }
        }
    },
};
