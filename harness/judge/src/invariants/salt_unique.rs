//! The salts of a server are not the same twice.

use super::Invariant;
use crate::view::place;
use model::{CheckLevel, Subject};
use smb::wire::{NegotiateContext, PreauthIntegrity};

/// 3.3.5.4: "The Salt buffer MUST be filled with SaltLength unique bytes that are generated for this response". With the same
/// salt twice, whoever recorded one connection can replay its NEGOTIATE on another.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/salt-unique",
    title: "The salt of the preauthentication context is another one in every response",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 2.2.3.1.1"],
    check: |view, report| {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for (connection, index) in view.connections().iter().zip(0..) {
            let Some(negotiated) = &connection.negotiated else { continue };
            let Some(message) = connection.messages.get(negotiated.response) else { continue };
            let context =
                NegotiateContext::find::<PreauthIntegrity>(&negotiated.response_body.negotiate_contexts);
            // How long it is is the server's choice; without any there is nothing that could be the same.
            let Some(Ok(PreauthIntegrity { salt, .. })) = context else { continue };
            if salt.is_empty() {
                continue;
            }
            // One response by itself proves nothing.
            if !seen.is_empty() {
                report.check(
                    place(index, message),
                    !seen.contains(&salt),
                    "a salt that no other response of the case has",
                    || super::hex(&salt),
                );
            }
            seen.push(salt);
        }
    },
};
