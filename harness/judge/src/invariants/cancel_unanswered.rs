//! A CANCEL is not answered, however wrong it is.

use super::Invariant;
use crate::view::place;
use model::{CheckLevel, Subject};
use smb::follow::Way;
use smb::wire::Command;

/// 3.3.5.16 knows no answer to a CANCEL; 3.3.5.2.4, read to the letter, has one that is wrongly signed answered with
/// STATUS_ACCESS_DENIED. Windows Server 2016 and others do that, and clients pass over it: no more than a note. An answer to
/// a CANCEL that is right is `wire/well-formed`.
pub(super) const RULE: Invariant = Invariant {
    id: "cancel/unanswered",
    title: "A CANCEL whose signature is wrong or missing is not answered",
    level: CheckLevel::Info,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.16", "MS-SMB2 2.2.30"],
    check: |view, report| {
        for (index, connection, request) in view.messages() {
            let broken = request.way == Way::ToServer
                && request.command() == Command::CANCEL
                && view.is_on_purpose(index, request);
            if !broken {
                continue;
            }
            let answer = request.responses.first().and_then(|answer| connection.messages.get(*answer));
            report.check(place(index, answer.unwrap_or(request)), answer.is_none(), "no answer", || {
                answer.map_or_else(String::new, |answer| {
                    format!("CANCEL answered with {}", answer.header.status)
                })
            });
        }
    },
};
