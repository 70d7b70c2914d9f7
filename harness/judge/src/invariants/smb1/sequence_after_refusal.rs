//! A refused request takes no number.

use super::super::Invariant;
use crate::smb1::place;
use model::{CheckLevel, NtStatus, Subject};
use smb::follow::Way;
use smb::smb1::follow::{Message, Signature};

/// [MS-CIFS] 3.3.5.2.3: the server moves its number only "after verifying that the signature on the current message is
/// correct". So a client that was refused goes on with the same number, and is not refused again.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/sequence-after-refusal",
    title: "After a request with a wrong signature was refused, the next one with the same number is accepted",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.2.3"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            let requests: Vec<&Message> =
                connection.messages.iter().filter(|m| m.way == Way::ToServer).collect();
            let first_answer =
                |request: &Message| request.responses.first().and_then(|r| connection.messages.get(*r));
            for pair in requests.windows(2) {
                let [refused, next] = pair else { continue };
                let wrong =
                    matches!(refused.signature, Signature::Invalid { .. } | Signature::Unsigned { .. });
                let was_refused = refused.sequence.is_some()
                    && first_answer(refused).is_some_and(|a| a.header.status == NtStatus::ACCESS_DENIED);
                let same = next.signature.is_valid() && next.sequence == refused.sequence;
                if !wrong || !was_refused || !same {
                    continue;
                }
                // That the connection ends after the refusal is a MAY (3.1.5.1).
                let Some(answer) = first_answer(next) else { continue };
                report.check(
                    place(index, answer),
                    answer.header.status != NtStatus::ACCESS_DENIED,
                    "the next request accepted: the number did not move",
                    || answer.header.status.to_string(),
                );
            }
        }
    },
};
