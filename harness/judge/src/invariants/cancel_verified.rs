//! A CANCEL with a wrong signature cancels nothing.

use super::Invariant;
use crate::line::final_response;
use crate::view::place;
use model::{CheckLevel, NtStatus, Subject};
use smb::follow::{Signature, Way};
use smb::wire::Command;

/// 3.3.5.2.4: what is signed is verified, and fails where that fails; no command is exempt. Nothing else cancels the request in
/// that step: it ends by a change, and where it was cancelled the wrong CANCEL did it. An unsigned one may work: "The protocol
/// does not require cancel requests from the client to the server to be signed" (5.1).
pub(super) const RULE: Invariant = Invariant {
    id: "cancel/verified",
    title: "A CANCEL whose signature is wrong cancels nothing",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.2.4", "MS-SMB2 3.1.5.1"],
    check: |view, report| {
        for (index, connection, cancel) in view.messages() {
            let wrong = cancel.way == Way::ToServer
                && cancel.command() == Command::CANCEL
                && matches!(cancel.signature, Signature::Invalid { .. })
                && view.is_on_purpose(index, cancel);
            if !wrong {
                continue;
            }
            let sent = || connection.messages.iter().filter(|message| message.way == Way::ToServer);
            let target = sent().find(|message| {
                message.header.message_id == cancel.header.message_id && message.command() != Command::CANCEL
            });
            let Some(target) = target else { continue };
            let Some(answer) = final_response(connection, target) else { continue };
            let ended = Some(answer).filter(|answer| answer.header.status == NtStatus::CANCELLED);
            report.check(
                place(index, ended.unwrap_or(cancel)),
                ended.is_none(),
                format!("{} goes on waiting for a change", target.command()),
                || format!("{} answered with {}", target.command(), NtStatus::CANCELLED),
            );
        }
    },
};
