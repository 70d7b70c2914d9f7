//! A response has the number behind its request's.

use super::super::Invariant;
use model::{CheckLevel, Subject};
use smb::smb1::follow::Signature;

/// [MS-CIFS] 3.3.5.2.3: a response is signed with the number of its request and one; a request takes two numbers, NT_CANCEL
/// one; a chain is one message and has one number (3.3.5.2.4).
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/sequence-number",
    title: "A response is signed with the sequence number behind that of its request",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.2.3", "MS-CIFS 3.2.4.1.3", "MS-CIFS 3.3.5.2.4"],
    check: |view, report| {
        for exchanged in view.smb1_signed_answers() {
            let (signature, number) = (exchanged.response.signature, exchanged.response.sequence);
            let holds = match signature {
                Signature::Valid => true,
                Signature::Invalid { other_sequence: Some(_), .. } => false,
                _ => continue,
            };
            report.check(
                super::signature_of(exchanged.at()),
                holds,
                match number {
                    Some(number) => format!("a signature with sequence number {number}"),
                    None => "a signature with the number behind its request's".to_owned(),
                },
                || super::describe(signature),
            );
        }
    },
};
