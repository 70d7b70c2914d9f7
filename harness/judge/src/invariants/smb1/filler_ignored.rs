//! What stands in the field before signing is active is ignored.

use super::super::Invariant;
use crate::smb1::{Exchanged, is_behind};
use model::{CheckLevel, Login, NtStatus, Subject};
use smb::smb1::{BSRSPYL, Command, Header};

/// [MS-CIFS] 3.3.5.2.3 has signatures verified only once signing is active. [MS-SMB] <81>: Windows clients put the filler
/// there, and servers ignore it; there is no key yet that a signature could be made with. A server that checks it refuses the logon of every such client.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/filler-ignored",
    title: "The filler BSRSPYL in a SESSION_SETUP_ANDX request, before signing is active, is not taken for a bad signature",
    level: CheckLevel::Should,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.2.3", "MS-SMB 3.2.4.2.4"],
    check: |view, report| {
        // Who is to be refused anyway says nothing of the filler.
        if view.plan().is_none_or(|case| case.login != Login::User) {
            return;
        }
        for exchanged in view.smb1_answers() {
            let Exchanged { connection, request, response, .. } = exchanged;
            let before = connection.activated.is_none_or(|on| !is_behind(on.request, request));
            if request.command() != Command::SESSION_SETUP_ANDX
                || request.bytes.get(Header::SIGNATURE) != Some(&BSRSPYL[..])
                || !before
            {
                continue;
            }
            let status = response.header.status;
            let refused = [NtStatus::ACCESS_DENIED, NtStatus::INVALID_SIGNATURE, NtStatus::INVALID_SMB];
            report.check(
                exchanged.at(),
                !refused.contains(&status),
                "a logon that succeeds or fails for another reason than its signature field",
                || status.to_string(),
            );
        }
    },
};
