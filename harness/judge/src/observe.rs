//! What a client with the case's profile experiences, from the bytes alone.
//!
//! The walk follows the life of the connection and stops at the message where that client gives up; what comes after it
//! does not count. Where the bytes do not say, there is no outcome, only a reason.

mod furthest;
mod smb1;
mod smb2;

use crate::line::Line;
use crate::view::{Spoken, View};
use model::outcome::{By, Why};
use model::predict::invalid_signature_shown;
use model::{NtStatus, Outcome};

/// The outcome, or why there is none.
pub(crate) struct Observed {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) incomplete: Option<String>,
}

/// Computes the outcome of the case.
pub(crate) fn observe(view: &View<'_>) -> Observed {
    match walk(view) {
        Ok(outcome) => Observed { outcome: Some(outcome), incomplete: None },
        Err(why) => Observed { outcome: None, incomplete: Some(why) },
    }
}

fn walk(view: &View<'_>) -> Result<Outcome, String> {
    const NONE: &str = "no connection was recorded";
    let index = furthest::index(view);
    let Some(recorded) = view.recorded().get(index as usize) else {
        return match view.software() {
            Some(_) => Ok(left()),
            None => Err(NONE.to_owned()),
        };
    };
    if let Some(frame) = recorded.refused {
        return Err(format!("the server's port refused the connection (frame {frame})"));
    }
    match view.spoken(index) {
        Spoken::Smb1 => {
            let connection = view.smb1().get(index as usize).ok_or(NONE)?;
            smb1::Walk(Line { view, index, connection }).run()
        }
        Spoken::Smb2 => {
            let connection = view.connections().get(index as usize).ok_or(NONE)?;
            smb2::Walk(Line { view, index, connection }).run()
        }
    }
}

/// Why a server refuses that answers SESSION_SETUP with this status.
const fn why_refused(status: NtStatus) -> Why {
    match status {
        NtStatus::LOGON_FAILURE
        | NtStatus::NO_SUCH_USER
        | NtStatus::WRONG_PASSWORD
        | NtStatus::ACCOUNT_RESTRICTION
        | NtStatus::ACCOUNT_DISABLED
        | NtStatus::ACCOUNT_LOCKED_OUT
        | NtStatus::PASSWORD_EXPIRED
        | NtStatus::LOGON_TYPE_NOT_GRANTED => Why::LogonFailure,
        NtStatus::ACCESS_DENIED => Why::AccessDenied,
        _ => Why::SessionSetupFailed,
    }
}

/// A client that people run went away, and nothing on the wire says why.
fn left() -> Outcome {
    Outcome::refused(By::Client, Why::Left, None)
}

/// The refusal of a client that needs a signature and does not get a valid one.
fn invalid_signature() -> Outcome {
    Outcome {
        shown: Some(invalid_signature_shown()),
        ..Outcome::refused(By::Client, Why::InvalidSignature, Some(NtStatus::INVALID_SIGNATURE))
    }
}
