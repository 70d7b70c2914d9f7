//! Before signing is active the field is zero.

use super::super::Invariant;
use crate::smb1::place;
use model::{CheckLevel, Subject};
use smb::follow::Way;
use smb::smb1::{Command, Header};

/// [MS-CIFS] 3.3.4.1: "If signing is not active, the SecuritySignature field of the SMB Header for all messages sent, except
/// the SMB_COM_SESSION_SETUP_ANDX Response, MUST be set to 0x0000000000000000."
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/inactive-zero",
    title: "While signing is not active, SecuritySignature is zero in everything but SESSION_SETUP_ANDX responses",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.4.1"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            let inactive = connection.activated.map_or(usize::MAX, |activated| activated.response);
            for response in connection.messages.iter().take(inactive).filter(|m| m.way == Way::ToClient) {
                if response.command() == Command::SESSION_SETUP_ANDX {
                    continue;
                }
                report.check(
                    super::signature_of(place(index, response)),
                    response.bytes.get(Header::SIGNATURE).is_some_and(|field| field.iter().all(|b| *b == 0)),
                    "SecuritySignature zero",
                    || format!("{:02x?}", response.bytes.get(Header::SIGNATURE).unwrap_or_default()),
                );
            }
        }
    },
};
