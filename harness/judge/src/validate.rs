//! FSCTL_VALIDATE_NEGOTIATE_INFO: what was asked, and whether the answer repeats the NEGOTIATE response.

use model::NtStatus;
use smb::follow::{Message, Negotiated};
use smb::wire::{Body, Command, CtlCode, IoctlRequest, IoctlResponse, ValidateNegotiateInfoResponse};

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// What NEGOTIATE said.
    Same,
    /// Something else, or something that cannot be read.
    Other(String),
    /// A status.
    Status(NtStatus),
}

impl Told {
    /// Whether a client goes on after it (3.2.5.14.12): what differs ends the connection, and so does
    /// STATUS_ACCESS_DENIED; other errors are those of servers that do not know the request.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::Same => true,
            Self::Other(_) => false,
            Self::Status(status) => *status != NtStatus::ACCESS_DENIED,
        }
    }
}

/// Whether a request is this one.
pub(crate) fn is_asked(request: &Message) -> bool {
    request.command() == Command::IOCTL
        && IoctlRequest::parse(&request.bytes)
            .is_ok_and(|body| body.ctl_code == CtlCode::FSCTL_VALIDATE_NEGOTIATE_INFO)
}

/// What `response` tells, beside what NEGOTIATE said.
pub(crate) fn told(negotiated: &Negotiated, response: &Message) -> Told {
    let status = response.header.status;
    if status != NtStatus::SUCCESS {
        return Told::Status(status);
    }
    let said = &negotiated.response_body;
    let parsed = IoctlResponse::parse(&response.bytes)
        .and_then(|response| ValidateNegotiateInfoResponse::parse(&response.output));
    match parsed {
        Ok(told)
            if told.capabilities == said.capabilities
                && told.guid == said.server_guid
                && told.security_mode == said.security_mode
                && told.dialect == said.dialect_revision =>
        {
            Told::Same
        }
        Ok(told) => Told::Other(format!("{told:?}")),
        Err(error) => Told::Other(error.to_string()),
    }
}
