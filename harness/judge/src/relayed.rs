//! What somebody could do with a logon that he relayed, from the server's side of the interposer.

use crate::line::final_response;
use crate::view::{View, feed, is_beyond};
use crate::{RELAYED_RULE, cites_of};
use model::{CheckLevel, Finding, FrameRef, NtStatus, Subject};
use smb::follow::{Connection, Message, Way};
use smb::wire::Command;
use std::collections::BTreeMap;

/// What the evidence says of it.
pub(crate) enum Relayed {
    /// Nothing of what he sent was carried out.
    Useless,
    /// Something was.
    Used(Finding),
    /// It does not say, and why.
    Unknown(String),
}

/// Looks at what was sent into the session that the relayed logon brought.
pub(crate) fn relayed(view: &View<'_>) -> Relayed {
    let recorded = view.recorded().iter().zip(0_u32..);
    let mut unknown = "the evidence has nothing of the server's side".to_owned();
    for (recorded, index) in recorded.filter(|(recorded, _)| is_beyond(recorded)) {
        // Nobody there has a key: that is the point.
        let mut connection = Connection::new(BTreeMap::new());
        feed(recorded, false, |way, frame, bytes| connection.push(way, frame, bytes));
        let Some(session) = connection.sessions.values().next() else {
            unknown = "the logon that was relayed did not bring a session".to_owned();
            continue;
        };
        let own = |message: &&Message| {
            message.way == Way::ToServer
                && message.header.session_id == session.id
                && !message.signature.is_flagged()
                && message.command() != Command::SESSION_SETUP
        };
        let Some(request) = connection.messages.iter().skip(session.established + 1).find(own) else {
            unknown = "nothing was sent into the session that the relayed logon brought".to_owned();
            continue;
        };
        let Some(answer) = final_response(&connection, request) else {
            if view.server_ended(index) {
                return Relayed::Useless;
            }
            unknown = format!("no answer to {} (frame {})", request.command(), request.frame);
            continue;
        };
        match answer.header.status {
            // 3.3.5.2.4, or a session that is gone.
            NtStatus::ACCESS_DENIED | NtStatus::USER_SESSION_DELETED => return Relayed::Useless,
            NtStatus::SUCCESS => {}
            // Why it failed is not that it was not signed: so it may have come that far.
            status => {
                unknown =
                    format!("{} (frame {}) was answered with {status}", request.command(), request.frame);
                continue;
            }
        }
        return Relayed::Used(Finding {
            rule: RELAYED_RULE.to_owned(),
            level: CheckLevel::Must,
            subject: Subject::Server,
            at: Some(FrameRef {
                connection: index,
                leg: recorded.leg,
                frame: answer.frame,
                element: answer.element,
                bytes: None,
            }),
            expected: format!("an error, or the end of the connection: {} is not signed", request.command()),
            got: format!("{} answered with {}", answer.command(), answer.header.status),
            cites: cites_of(RELAYED_RULE, view),
        });
    }
    Relayed::Unknown(unknown)
}
