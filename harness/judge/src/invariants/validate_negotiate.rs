//! FSCTL_VALIDATE_NEGOTIATE_INFO is answered signed, and tells the same as NEGOTIATE did.

use super::Invariant;
use model::{CheckLevel, NtStatus, Subject};
use smb::wire::{Body, Command, CtlCode, IoctlRequest, IoctlResponse, ValidateNegotiateInfoResponse};

/// 3.3.5.15.12 says what the answer holds; 3.2.5.14.12 has the client end the connection where it differs or is neither
/// signed nor encrypted. Servers without SMB3 answer an error, which a client takes if it is signed.
pub(super) const RULE: Invariant = Invariant {
    id: "negotiate/validate",
    title: "The VALIDATE_NEGOTIATE_INFO answer is signed and repeats what NEGOTIATE said",
    level: CheckLevel::Must,
    subject: Subject::Server,
    cites: &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12"],
    check: |view, report| {
        for answer in view.answers().filter(|answer| answer.response.command() == Command::IOCTL) {
            let asked = IoctlRequest::parse(&answer.request.bytes)
                .is_ok_and(|request| request.ctl_code == CtlCode::FSCTL_VALIDATE_NEGOTIATE_INFO);
            let Some(negotiated) = answer.connection.negotiated.as_ref().filter(|_| asked) else { continue };
            if answer.response.is_interim() {
                continue;
            }
            let verifiable = answer.session().is_none_or(|s| view.verifiable(answer.index, s).is_ok());
            // Without the right key a signature says nothing; that there is none still does.
            let signed = answer.response.signature.is_valid()
                || (answer.response.signature.is_flagged() && !verifiable);
            let told = IoctlResponse::parse(&answer.response.bytes)
                .ok()
                .and_then(|response| ValidateNegotiateInfoResponse::parse(&response.output).ok());
            let said = &negotiated.response_body;
            let same = told.as_ref().is_some_and(|told| {
                told.capabilities == said.capabilities
                    && told.guid == said.server_guid
                    && told.security_mode == said.security_mode
                    && told.dialect == said.dialect_revision
            });
            let failed = answer.response.header.status != NtStatus::SUCCESS;
            report.check(
                answer.at(),
                signed && (same || failed),
                "a signed answer with the Capabilities, Guid, SecurityMode and Dialect of the NEGOTIATE response",
                || {
                    let signature = super::describe(answer.response.signature);
                    match told {
                        Some(told) if !same => format!("{signature}; {told:?}"),
                        _ => format!("{signature}, {}", answer.response.header.status),
                    }
                },
            );
        }
    },
};
