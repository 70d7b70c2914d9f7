//! Nothing raw while signing is active.

use super::super::Invariant;
use crate::smb1::{is_behind, place};
use model::{CheckLevel, FrameRef, Subject};
use smb::follow::Way;
use smb::smb1::Command;

/// [MS-CIFS] 3.3.5.24: the answer to SMB_COM_READ_RAW has no header and so no signature; while signing is active "the server
/// MUST send a zero-length reply over the SMB transport to indicate failure".
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/read-raw",
    title: "SMB_COM_READ_RAW is answered with data alone, and while signing is active with none",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.24"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            let active = connection.activated.map_or(usize::MAX, |activated| activated.response);
            for (number, request) in connection.messages.iter().enumerate() {
                if request.way != Way::ToServer || request.command() != Command::READ_RAW {
                    continue;
                }
                let active = is_behind(active, request);
                let expected = if active { "a reply of no bytes" } else { "data without a header" };
                let reply = connection.raw_replies.iter().find(|reply| reply.request == number);
                let answered = request.responses.first().and_then(|first| connection.messages.get(*first));
                match (reply, answered) {
                    (Some(reply), _) => {
                        let at = FrameRef {
                            connection: index,
                            leg: None,
                            frame: reply.frame,
                            element: 0,
                            bytes: None,
                        };
                        report.check(at, !active || reply.length == 0, expected, || {
                            format!("{} bytes", reply.length)
                        });
                    }
                    (None, Some(message)) => report.check(place(index, message), false, expected, || {
                        format!("an SMB message with {}", message.header.status)
                    }),
                    (None, None) if active && view.server_ended(index) => {
                        report.check(place(index, request), false, expected, || {
                            "the end of the connection".to_owned()
                        });
                    }
                    (None, None) => {}
                }
            }
        }
    },
};
