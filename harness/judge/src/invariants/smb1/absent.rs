//! A server that is set to speak no SMB1 speaks none.

use super::super::Invariant;
use crate::smb1::place;
use crate::view::Spoken;
use model::{CheckLevel, Dialect, NtStatus, Subject};
use smb::follow::Way;
use smb::smb1::{Command, NegotiateRefusal, parse};

/// The DialectIndex that takes none of the dialects ([MS-CIFS] 2.2.4.52.2).
const NO_DIALECT: u16 = 0xFFFF;

/// [MS-SMB2] 3.3.5.3.2: a server that does not implement SMB1 and finds no string of SMB2 in an SMB_COM_NEGOTIATE "MUST
/// disconnect the connection without sending a response". One that implements it and has it switched off takes no dialect
/// ([MS-CIFS] 3.3.5.42), or answers with an error. None of them selects NT LM 0.12.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/absent",
    title: "A server that is set to speak no SMB1 ends the connection of a client that offers nothing else, or takes no dialect",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.3.2", "MS-CIFS 3.3.5.42", "MS-CIFS 2.2.4.52.2"],
    check: |view, report| {
        if view.plan().is_none_or(|case| case.server.dialects.0 == Dialect::Nt1) {
            return;
        }
        for (index, connection) in view.of_smb1() {
            let asked = connection.messages.iter().find(|message| message.way == Way::ToServer);
            let Some(asked) = asked.filter(|message| message.command() == Command::NEGOTIATE) else {
                continue;
            };
            if view.spoken(index) == Spoken::Smb2 {
                continue; // SMB2 was offered as well, and taken.
            }
            let expected = "the end of the connection, or DialectIndex 0xFFFF";
            match asked.responses.first().and_then(|first| connection.messages.get(*first)) {
                Some(answer) => report.check(
                    place(index, answer),
                    answer.header.status != NtStatus::SUCCESS
                        || parse::<NegotiateRefusal>(&answer.bytes)
                            .is_ok_and(|(_, body)| body.dialect_index == NO_DIALECT),
                    expected,
                    || "a dialect that was selected".to_owned(),
                ),
                None if view.server_ended(index) => {
                    report.check(place(index, asked), true, expected, String::new);
                }
                None => {}
            }
        }
    },
};
