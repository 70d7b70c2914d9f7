//! A guest activates no signing.

use super::super::Invariant;
use crate::smb1::{identity, is_something, place};
use model::{As, CheckLevel, Subject};
use smb::follow::Way;
use smb::smb1::{Command, MacKey, Sequence};

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
            for response in connection.messages.iter().skip(first) {
                if response.way != Way::ToClient || response.is_oplock_break() {
                    continue;
                }
                // What stands in the field of a SESSION_SETUP response is arbitrary while signing is inactive ([MS-CIFS]
                // 3.3.4.1, <227>); a signature it must not be, and a guest's key is sixteen zero bytes.
                let setup = response.command() == Command::SESSION_SETUP_ANDX;
                let zero_key = MacKey::new(&[0; 16], &[]);
                let signed = response.signature.is_valid()
                    || setup && zero_key.verify(&response.bytes, Sequence::SETUP_RESPONSE).is_ok();
                report.check(
                    super::signature_of(place(index, response)),
                    !signed && (setup || !is_something(response.signature)),
                    "no signature: a guest has no key",
                    || {
                        if signed {
                            "a valid signature".to_owned()
                        } else {
                            super::describe(response.signature)
                        }
                    },
                );
            }
        }
    },
};
