//! A client that requires signing says so, and does not stay without it.

use super::super::Invariant;
use crate::smb1::{identity, is_behind, place};
use model::{As, CheckLevel, Signing, Subject};
use smb::follow::Way;
use smb::smb1::{Command, Flags2};

/// [MS-SMB] 3.2.4.2.4: a client whose policy is Required MUST set SMB_FLAGS2_SMB_SECURITY_SIGNATURE_REQUIRED in
/// SESSION_SETUP_ANDX; 2.2.3.1: if it then receives a response that is not signed, it MUST disconnect. The duty of a client:
/// nothing that a server does breaks it.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/client-requires",
    title: "A client that requires signing says so in SESSION_SETUP_ANDX, and sends nothing more after an unsigned answer",
    level: CheckLevel::Must,
    subject: Subject::Client,
    cites: &["MS-SMB 3.2.4.2.4", "MS-SMB 2.2.3.1"],
    check: |view, report| {
        if view.client().signing != Signing::Required {
            return;
        }
        for (index, connection) in view.of_smb1() {
            for request in connection.messages.iter().filter(|m| m.way == Way::ToServer) {
                let before = connection.activated.is_none_or(|on| !is_behind(on.response, request));
                if request.command() != Command::SESSION_SETUP_ANDX || !before {
                    continue;
                }
                report.check(
                    super::flags2_of(place(index, request)),
                    request.header.flags2.contains(Flags2::SECURITY_SIGNATURE_REQUIRED),
                    "SMB_FLAGS2_SMB_SECURITY_SIGNATURE_REQUIRED set",
                    || format!("Flags2 0x{:04x}", request.header.flags2.0),
                );
            }
            let user = connection.sessions.values().filter(|session| identity(session) == As::User);
            for session in user {
                let Some(answer) = connection.messages.get(session.established) else { continue };
                if crate::smb1::is_something(answer.signature)
                    || connection.activated.is_some_and(|on| on.uid != session.uid)
                {
                    continue;
                }
                let more = connection
                    .messages
                    .iter()
                    .skip(session.established + 1)
                    .find(|message| message.way == Way::ToServer);
                report.check(
                    place(index, more.unwrap_or(answer)),
                    more.is_none(),
                    "nothing after a SESSION_SETUP_ANDX response without a signature",
                    || more.map_or_else(String::new, |request| request.command().to_string()),
                );
            }
        }
    },
};
