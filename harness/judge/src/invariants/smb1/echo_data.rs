//! An answer to ECHO repeats what it was asked.

use super::super::Invariant;
use crate::smb1::place;
use model::{CheckLevel, Subject};
use smb::smb1::{Command, EchoRequest, EchoResponse, parse};

/// [MS-CIFS] 3.3.5.33: SequenceNumber counts the answers from 1, and Data is that of the request. The SequenceNumber of an
/// ECHO has nothing to do with signing.
pub(super) const RULE: Invariant = Invariant {
    id: "smb1/echo-data",
    title: "The responses to one ECHO are counted from 1 and repeat its data",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-CIFS 3.3.5.33", "MS-CIFS 2.2.4.39.2"],
    check: |view, report| {
        for (index, connection) in view.of_smb1() {
            for request in connection.messages.iter().filter(|m| m.command() == Command::ECHO) {
                let Ok((_, asked)) = parse::<EchoRequest>(&request.bytes) else { continue };
                for (number, response) in (1_u16..).zip(&request.responses) {
                    let Some(response) = connection.messages.get(*response) else { continue };
                    if response.header.status.is_error() {
                        continue; // The step says what that means.
                    }
                    let said = parse::<EchoResponse>(&response.bytes).ok().map(|(_, body)| body);
                    report.check(
                        place(index, response),
                        said.as_ref()
                            .is_some_and(|said| said.sequence_number == number && said.data == asked.data),
                        format!(
                            "response number {number} with the {} bytes that were sent",
                            asked.data.len()
                        ),
                        || match said {
                            Some(said) => {
                                format!("number {} with {} bytes", said.sequence_number, said.data.len())
                            }
                            None => "no ECHO response".to_owned(),
                        },
                    );
                }
            }
        }
    },
};
