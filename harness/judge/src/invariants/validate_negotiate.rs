//! FSCTL_VALIDATE_NEGOTIATE_INFO is answered signed, and tells the same as NEGOTIATE did.

use super::Invariant;
use crate::validate::{self, Told};
use model::{CheckLevel, Subject};

/// 3.3.5.15.12 says what the answer holds; 3.2.5.14.12 has the client end the connection where it differs or is neither
/// signed nor encrypted. Servers without SMB3 answer an error, which a client takes if it is signed.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/validate",
    title: "The VALIDATE_NEGOTIATE_INFO answer is signed and repeats what NEGOTIATE said",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12"],
    check: |view, report| {
        for answer in view.answers().filter(|answer| validate::is_asked(answer.request)) {
            let Some(negotiated) = &answer.connection.negotiated else { continue };
            // What is answered to one that was broken on purpose is what its step expects.
            if answer.response.is_interim() || view.is_on_purpose(answer.index, answer.request) {
                continue;
            }
            let verifiable = answer.session().is_none_or(|s| view.verifiable(answer.index, s).is_ok());
            // Without the right key a signature says nothing; that there is none still does.
            let signed = answer.response.signature.is_valid()
                || (answer.response.signature.is_flagged() && !verifiable);
            let told = validate::told(negotiated, answer.response);
            report.check(
                answer.at(),
                signed && told.is_taken(),
                "a signed answer with the Capabilities, Guid, SecurityMode and Dialect of the NEGOTIATE response",
                || {
                    let signature = super::describe(answer.response.signature);
                    match told {
                        Told::Same => signature,
                        Told::Other(what) => format!("{signature}; {what}"),
                        Told::Status(status) => format!("{signature}; {status}"),
                    }
                },
            );
        }
    },
};
