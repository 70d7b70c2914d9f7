//! What a server sends to a client of SMB1 is SMB1, and answers something.

use super::super::Invariant;
use crate::smb1::place;
use crate::view::Spoken;
use model::{CheckLevel, FrameRef, Subject};
use smb::follow::Way;
use smb::smb1::Command;
use smb::smb1::follow::Message;

/// [MS-CIFS] 3.3.4.1: SMB_FLAGS_REPLY on every message but an oplock break, with the PID and MID of the request. The
/// command of an answer is that of its request (3.3.4.1.2 for errors).
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/well-formed",
    title: "Every message of the server is an SMB1 message that answers an outstanding request",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.4.1", "MS-CIFS 3.3.4.1.2", "MS-CIFS 2.2.3.1"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            let nowhere = |frame| FrameRef { connection: index, leg: None, frame, element: 0, bytes: None };
            for garbage in connection.garbage.iter().filter(|garbage| garbage.way == Way::ToClient) {
                report.check(nowhere(garbage.frame), false, "an SMB1 message", || garbage.what.clone());
            }
            if let (Some(frame), Spoken::Smb1) = (connection.smb2, view.spoken(index)) {
                report.check(nowhere(frame), false, "an SMB1 message: SMB2 was not offered", || {
                    "an SMB2 message".to_owned()
                });
            }
            for message in connection.messages.iter().filter(|message| message.way == Way::ToClient) {
                let request = message.request.and_then(|request| connection.messages.get(request));
                let answers = request.is_some_and(|request| {
                    request.command() == message.command() && has_its_identifiers(request, message)
                });
                report.check(
                    place(index, message),
                    answers || message.is_oplock_break(),
                    "SMB_FLAGS_REPLY, and the command, PID and MID of an outstanding request, of an error its UID and TID too",
                    || {
                        format!(
                            "{} with Flags 0x{:02x}, PID {}, MID {}, UID {} and TID {}, which answers {}",
                            message.command(),
                            message.header.flags.0,
                            message.header.pid,
                            message.header.mid,
                            message.header.uid,
                            message.header.tid,
                            request.map_or_else(|| "nothing".to_owned(), |r| r.command().to_string())
                        )
                    },
                );
            }
        }
    },
};

/// [MS-CIFS] 3.3.4.1.2: an error has the UID and TID of its request, too. SESSION_SETUP gives out a UID while it says that
/// it is to be carried on.
fn has_its_identifiers(request: &Message, response: &Message) -> bool {
    let plain = response.header.status.is_error() && response.command() != Command::SESSION_SETUP_ANDX;
    !plain || (response.header.uid, response.header.tid) == (request.header.uid, request.header.tid)
}
