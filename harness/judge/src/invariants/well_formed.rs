//! What a server sends is SMB2, and answers something.

use super::Invariant;
use crate::view::place;
use model::{CheckLevel, FrameRef, NtStatus, Subject};
use smb::follow::{Message, Way};
use smb::wire::{Command, Flags};

/// 2.2.1.2: ProtocolId, StructureSize, SMB2_FLAGS_SERVER_TO_REDIR on every response, the Command and MessageId of the
/// request it answers (3.3.4.1.2). The only messages without a request are oplock and lease breaks and notifications, whose
/// MessageId is all ones (3.3.4.6, 3.3.4.7, 3.3.4.25). The request of one response may be an SMB_COM_NEGOTIATE (3.3.5.3).
pub(super) const RULE: Invariant = Invariant {
    id: "wire/well-formed",
    title: "Every message of the server is an SMB2 message that answers an outstanding request, with the body of that answer",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 2.2.1.2", "MS-SMB2 2.1", "MS-SMB2 3.2.5.1.2"],
    check: |view, report| {
        for (connection, index) in view.connections().iter().zip(0..) {
            for garbage in connection.garbage.iter().filter(|garbage| garbage.way == Way::ToClient) {
                let at =
                    FrameRef { connection: index, leg: None, frame: garbage.frame, element: 0, bytes: None };
                report.check(at, false, "an SMB2 message", || garbage.what.clone());
            }
            let sent =
                connection.messages.iter().enumerate().filter(|(_, message)| message.way == Way::ToClient);
            for (number, message) in sent {
                let request = message.request.and_then(|request| connection.messages.get(request));
                let unsolicited = message.header.message_id == u64::MAX
                    && [Command::OPLOCK_BREAK, Command::SERVER_TO_CLIENT_NOTIFICATION]
                        .contains(&message.command());
                // What is said of a CANCEL that was broken on purpose has a rule of its own.
                let may = |request: &Message| {
                    request.command() != Command::CANCEL || view.is_on_purpose(index, request)
                };
                let answers = request
                    .is_some_and(|request| request.command() == message.command() && may(request))
                    || connection.answers_multi_protocol(number);
                let response = message.header.flags.contains(Flags::SERVER_TO_REDIR);
                report.check(
                    place(index, message),
                    response && (answers || unsolicited),
                    "SMB2_FLAGS_SERVER_TO_REDIR, and the Command and MessageId of an outstanding request",
                    || {
                        format!(
                            "{} with Flags 0x{:08x} and MessageId {}, which answers {}",
                            message.command(),
                            message.header.flags.0,
                            message.header.message_id,
                            request.map_or_else(|| "nothing".to_owned(), |r| r.command().to_string())
                        )
                    },
                );
                let shapes = shapes(message, request);
                if response && !shapes.is_empty() {
                    let due: Vec<String> = shapes.iter().map(u16::to_string).collect();
                    report.check(
                        FrameRef { bytes: Some((64, 66)), ..place(index, message) },
                        structure_size(message).is_some_and(|size| shapes.contains(&size)),
                        format!(
                            "the body of {} response, StructureSize {}",
                            message.command(),
                            due.join(" or ")
                        ),
                        || {
                            format!(
                                "the bytes {:02x?}",
                                message
                                    .bytes
                                    .get(64..)
                                    .unwrap_or_default()
                                    .iter()
                                    .take(8)
                                    .collect::<Vec<_>>()
                            )
                        },
                    );
                }
            }
        }
    },
};

/// The StructureSize that a response's body may have (2.2.2 to 2.2.40): of a success that of its command, and of a break
/// that of an oplock or of a lease, whichever was acknowledged (2.2.23, 2.2.25). An error has the body of an ERROR Response
/// or, for a few statuses, the command's own (3.3.4.4), and is not looked at.
fn shapes(message: &Message, request: Option<&Message>) -> &'static [u16] {
    if message.header.status != NtStatus::SUCCESS {
        return &[];
    }
    match message.command() {
        Command::NEGOTIATE => &[65],
        Command::SESSION_SETUP | Command::QUERY_DIRECTORY | Command::CHANGE_NOTIFY | Command::QUERY_INFO => {
            &[9]
        }
        Command::LOGOFF | Command::TREE_DISCONNECT | Command::FLUSH | Command::LOCK | Command::ECHO => &[4],
        Command::TREE_CONNECT => &[16],
        Command::CREATE => &[89],
        Command::CLOSE => &[60],
        Command::READ | Command::WRITE => &[17],
        Command::IOCTL => &[49],
        Command::SET_INFO => &[2],
        Command::OPLOCK_BREAK => match request.map(structure_size) {
            None => &[24, 44],
            Some(Some(36)) => &[36],
            Some(_) => &[24],
        },
        _ => &[],
    }
}

/// The first two bytes of a body.
fn structure_size(message: &Message) -> Option<u16> {
    match message.bytes.get(64..66) {
        Some(&[low, high]) => Some(u16::from_le_bytes([low, high])),
        _ => None,
    }
}
