//! A guest activates no signing.

use super::super::Invariant;
use crate::smb1::{identity, is_something, place};
use model::{As, CheckLevel, Subject};
use smb::follow::Way;
use smb::smb1::{BSRSPYL, Header};

/// [MS-SMB] 3.3.5.3: where the Action says guest, "signing MUST NOT be activated"; [MS-CIFS] 3.2.4.2.4 says the same of
/// nobody. There is no secret to sign with.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/guest-unsigned",
    title: "Nothing is signed on a connection where only guests, or nobody, have logged on",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB 3.3.5.3", "MS-CIFS 3.2.4.2.4"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            if connection.sessions.values().any(|session| identity(session) == As::User) {
                continue;
            }
            let Some(first) = connection.sessions.values().map(|session| session.established).min() else {
                continue;
            };
            for (at, response) in connection.messages.iter().enumerate().skip(first) {
                if response.way != Way::ToClient || response.is_oplock_break() {
                    continue;
                }
                // The answer to SESSION_SETUP may repeat what the request had in the field ([MS-CIFS] 3.3.4.1).
                let asked = response.request.and_then(|request| connection.messages.get(request));
                let repeats = at == first
                    && asked.is_some_and(|asked| {
                        asked.bytes.get(Header::SIGNATURE) == response.bytes.get(Header::SIGNATURE)
                    });
                let filler = response.bytes.get(Header::SIGNATURE) == Some(&BSRSPYL[..]);
                report.check(
                    super::signature_of(place(index, response)),
                    !response.signature.is_valid()
                        && (repeats || at == first && filler || !is_something(response.signature)),
                    "no signature: a guest has no key",
                    || super::describe(response.signature),
                );
            }
        }
    },
};
