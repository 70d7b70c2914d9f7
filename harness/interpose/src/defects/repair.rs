//! What the server lets pass: a request that the client broke is made right for the server behind.

use super::Act;
use crate::smb2::{Check, Reply, Request, Seal, demands};
use crate::{Defect, SMB2};
use smb::wire::{Command, Header};

/// Whether a signature is demanded of a request that has none.
fn lacks_signature(request: &Request<'_>) -> bool {
    let demands =
        request.session().is_some_and(|session| demands(session, request.dialect, request.header.command));
    demands && request.check == Check::Unsigned && request.header.command != Command::SESSION_SETUP
}

/// A server that takes what is not signed answers it so ([MS-SMB2] 3.3.4.1.1: it signs the answers to what is).
fn answers_in_kind(reply: &mut Reply<'_>) -> bool {
    if reply.asked.repaired && reply.asked.check == Check::Unsigned && reply.is_ordinary() {
        reply.seal(Seal::Unsigned);
    }
    false
}

/// A request with a SessionId that the server never gave becomes one of the only session there is.
fn adopt(request: &mut Request<'_>) -> bool {
    let unknown = *request.session_id != 0 && request.session().is_none();
    let mut known = request.sessions.keys();
    let (Some(own), None) = (known.next().copied(), known.next()) else { return false };
    if !unknown || [Command::NEGOTIATE, Command::SESSION_SETUP].contains(&request.header.command) {
        return false;
    }
    *request.session_id = own;
    request.bytes[40..48].copy_from_slice(&own.to_le_bytes());
    // It is not answered to this session in the client's eyes, but it is the server's.
    request.asked.session_id = own;
    request.repair()
}

/// The answer to such a request has its SessionId again.
fn give_back(reply: &mut Reply<'_>) -> bool {
    let sent = reply.asked.session_id_sent;
    if reply.asked.repaired && sent != reply.asked.session_id {
        reply.bytes[40..48].copy_from_slice(&sent.to_le_bytes());
    }
    false
}

const _: () = assert!(Header::LEN == 64, "SessionId stands at 40");

pub(super) fn defects() -> Vec<Defect> {
    vec![
        Defect {
            id: "accepts-unsigned",
            title: "Where a signature is demanded, a request without one is carried out",
            cites: &["MS-SMB2 3.3.5.2.4", "MS-SMB2 3.3.5.7"],
            trips: &["step/status"],
            protocols: SMB2,
            act: Act::Both(|r| lacks_signature(r) && r.repair(), answers_in_kind),
        },
        Defect {
            id: "ignores-bad-signature",
            title: "A request with a wrong signature is carried out",
            cites: &["MS-SMB2 3.3.5.2.4", "MS-SMB2 3.1.5.1"],
            trips: &["step/status", "cancel/verified"],
            protocols: SMB2,
            act: Act::Request(|r| r.check == Check::Invalid && r.repair()),
        },
        Defect {
            id: "accepts-unknown-session",
            title: "A request with a SessionId that was never given is carried out",
            cites: &["MS-SMB2 3.3.5.2.9", "MS-SMB2 3.3.5.2.4"],
            trips: &["step/status"],
            protocols: SMB2,
            act: Act::Both(adopt, give_back),
        },
    ]
}
