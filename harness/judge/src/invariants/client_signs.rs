//! A client that people run signs what it has to sign, and what it signs verifies.

use super::{Invariant, describe, signature_of};
use crate::view::place;
use model::{As, CheckLevel, Subject};
use smb::follow::{Signature, Way};
use smb::wire::{Command, SecurityMode, SessionFlags};

/// 3.2.4.1.1: where Session.SigningRequired, every request is signed; and a signature is that of 3.1.4.1. The duty of a
/// client: our own one is held to its plan instead.
pub(super) const RULE: Invariant = Invariant {
    id: "client/request-signed",
    title: "A client signs every request of a session that requires it, and what it signs verifies",
    level: CheckLevel::Must,
    subject: Subject::Client,
    cites: &["MS-SMB2 3.2.4.1.1", "MS-SMB2 3.2.5.3.1", "MS-SMB2 3.1.4.1"],
    check: |view, report| {
        if view.software().is_none() {
            return;
        }
        for (index, connection, message) in view.messages() {
            let Some(session) = connection.sessions.get(&message.session_id) else { continue };
            let behind =
                connection.messages.get(session.established).is_some_and(|last| message.frame > last.frame);
            if message.way != Way::ToServer || !behind || view.identity(session) != As::User {
                continue;
            }
            let server = connection.negotiated.as_ref().map(|negotiated| negotiated.server_mode);
            let required = view.client().requires_signing()
                || server.is_some_and(|mode| mode.contains(SecurityMode::SIGNING_REQUIRED));
            let encrypted = connection.encrypted || session.flags.contains(SessionFlags::ENCRYPT_DATA);
            // A logon that begins again has a key of its own.
            if encrypted || message.command() == Command::SESSION_SETUP {
                continue;
            }
            let unverified = matches!(message.signature, Signature::NoKey);
            if unverified || !required && !message.signature.is_flagged() {
                continue;
            }
            report.check(
                signature_of(place(index, message)),
                message.signature.is_valid(),
                format!("{} signed, and its signature verifies", message.command()),
                || describe(message.signature),
            );
        }
    },
};
