//! What a server sends to a client of SMB1 is SMB1, and answers something.

use super::super::Invariant;
use crate::smb1::place;
use crate::view::Spoken;
use model::{CheckLevel, FrameRef, NtStatus, Subject};
use smb::follow::Way;
use smb::smb1::follow::Message;
use smb::smb1::{
    self, Block, Body, CloseResponse, Command, EchoResponse, LogoffResponse, NegotiateRefusal,
    NegotiateResponse, NtCreateResponse, ReadResponse, SessionSetupResponse, Trans2Response,
    TreeConnectResponse, TreeDisconnectResponse, WireError, WriteResponse, blocks,
};

/// [MS-CIFS] 3.3.4.1: SMB_FLAGS_REPLY on every message but an oplock break, with the PID and MID of the request. The
/// command of an answer is that of its request (3.3.4.1.2 for errors).
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/well-formed",
    title: "Every message of the server is an SMB1 message that answers an outstanding request, with the body of that answer",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.4.1", "MS-CIFS 3.3.4.1.2", "MS-CIFS 3.1.4.1", "MS-CIFS 2.2.3.1"],
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
                if let Some(request) = request {
                    let broken = broken_body(request, message);
                    report.check(
                        place(index, message),
                        broken.is_none(),
                        "the parameters and data of an answer to what was asked",
                        || broken.unwrap_or_default(),
                    );
                }
            }
        }
    },
};

/// What is wrong with what stands behind the header: counts that lie (3.1.4.1), a chain that is not the request's
/// (3.3.5.2.4), or the body of something else where the status says success.
fn broken_body(request: &Message, response: &Message) -> Option<String> {
    let blocks = match blocks(&response.bytes) {
        Ok(blocks) => blocks,
        Err(error) => return Some(error.to_string()),
    };
    let commands =
        |blocks: &[Block<'_>]| -> Vec<Command> { blocks.iter().map(|block| block.command).collect() };
    let chain = commands(&blocks);
    // What cannot be read of a request is the client's doing.
    let asked = smb1::blocks(&request.bytes).map_or_else(|_| chain.clone(), |asked| commands(&asked));
    if !asked.starts_with(&chain) {
        return Some(format!("a chain of {} where {} was asked", names(&chain), names(&asked)));
    }
    // The status is that of the last command of a chain: those before it succeeded (3.2.5.1.3).
    let succeeded = match response.header.status {
        NtStatus::SUCCESS => blocks.len(),
        _ => blocks.len().saturating_sub(1),
    };
    blocks
        .iter()
        .take(succeeded)
        .find_map(|block| read(block).err().map(|error| format!("{}: {error}", block.command)))
}

fn names(commands: &[Command]) -> String {
    let names: Vec<String> = commands.iter().map(ToString::to_string).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Reads the body of a success, where it is one of those that clients ask for here.
fn read(block: &Block<'_>) -> Result<(), WireError> {
    match block.command {
        // A refusal of all dialects has a body of its own.
        Command::NEGOTIATE => NegotiateRefusal::parse(block)
            .map(|_| ())
            .or_else(|_| NegotiateResponse::parse(block).map(|_| ())),
        Command::SESSION_SETUP_ANDX => SessionSetupResponse::parse(block).map(|_| ()),
        Command::LOGOFF_ANDX => LogoffResponse::parse(block).map(|_| ()),
        Command::TREE_CONNECT_ANDX => TreeConnectResponse::parse(block).map(|_| ()),
        Command::TREE_DISCONNECT => TreeDisconnectResponse::parse(block).map(|_| ()),
        Command::NT_CREATE_ANDX => NtCreateResponse::parse(block).map(|_| ()),
        Command::READ_ANDX => ReadResponse::parse(block).map(|_| ()),
        Command::WRITE_ANDX => WriteResponse::parse(block).map(|_| ()),
        Command::CLOSE => CloseResponse::parse(block).map(|_| ()),
        Command::ECHO => EchoResponse::parse(block).map(|_| ()),
        // An interim response has nothing ([MS-CIFS] 2.2.4.46.2).
        Command::TRANSACTION2 if block.word_count > 0 => Trans2Response::parse(block).map(|_| ()),
        _ => Ok(()),
    }
}

/// [MS-CIFS] 3.3.4.1.2: an error has the UID and TID of its request, too. SESSION_SETUP gives out a UID while it says that
/// it is to be carried on.
fn has_its_identifiers(request: &Message, response: &Message) -> bool {
    let plain = response.header.status.is_error() && response.command() != Command::SESSION_SETUP_ANDX;
    !plain || (response.header.uid, response.header.tid) == (request.header.uid, request.header.tid)
}
