//! All answers to one ECHO share a number.

use super::super::Invariant;
use crate::smb1::is_something;
use model::{CheckLevel, Subject};
use smb::smb1::Command;

/// [MS-CIFS] 3.3.5.33: every answer to one SMB_COM_ECHO is a message of its own, and the number that belongs to its PID and
/// MID (3.3.4.1) is the same for all.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/echo-sequence",
    title: "All responses to one ECHO are signed with the same sequence number",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.33", "MS-CIFS 3.3.4.1"],
    check: |view, report| {
        for exchanged in view.smb1_signed_answers() {
            let request = exchanged.request;
            let several = request.command() == Command::ECHO && request.responses.len() > 1;
            if !several || !is_something(exchanged.response.signature) {
                continue;
            }
            report.check(
                super::signature_of(exchanged.at()),
                exchanged.response.signature.is_valid(),
                match exchanged.response.sequence {
                    Some(number) => format!("sequence number {number}, as in every answer to this ECHO"),
                    None => "the sequence number of every answer to this ECHO".to_owned(),
                },
                || super::describe(exchanged.response.signature),
            );
        }
    },
};
