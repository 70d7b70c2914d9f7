//! Responses that must not be signed are not.

use super::{Invariant, describe, level_of, signature_of};
use model::{As, CheckLevel, NtStatus, Subject};
use smb::wire::Command;

/// There is no key at NEGOTIATE, nor before an authentication is complete, nor in a guest or anonymous session (3.3.5.5.3
/// exempts both); interim responses are not signed either (3.3.4.2). A signature there is none that anybody could
/// verify. An answer that echoes a wrongly flagged request is judged with the scenario that sends one.
pub(super) const RULE: Invariant = Invariant {
    id: "signing/unsigned-response",
    title: "What has no key to be signed with is not flagged as signed: NEGOTIATE, an unfinished SESSION_SETUP, interim responses, guest and anonymous sessions",
    level: CheckLevel::Should,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.4.1.1", "MS-SMB2 3.3.4.2", "MS-SMB2 3.3.5.5.3"],
    check: |view, report| {
        for answer in view.answers() {
            if answer.request.signature.is_flagged() && !answer.response.is_interim() {
                continue;
            }
            let keyless = match answer.response.command() {
                Command::NEGOTIATE => true,
                Command::SESSION_SETUP if !answer.establishes() => {
                    answer.response.header.status == NtStatus::MORE_PROCESSING_REQUIRED
                }
                _ => {
                    answer.response.is_interim()
                        || answer.session().is_some_and(|session| view.identity(session) != As::User)
                }
            };
            if keyless {
                report.check_at(
                    level_of(answer.response, Some(answer.request)).min(CheckLevel::Should),
                    signature_of(answer.at()),
                    !answer.response.signature.is_flagged(),
                    format!("{} response without SMB2_FLAGS_SIGNED", answer.response.command()),
                    || describe(answer.response.signature),
                );
            }
        }
    },
};
