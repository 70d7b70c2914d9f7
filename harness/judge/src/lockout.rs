//! An account that the server has locked, so that nothing it answers says how it treats the user.

use crate::view::View;
use evidence::Evidence;
use model::NtStatus;
use smb::follow::Way;
use smb::smb1;
use smb::wire::Command;

/// Where a logon is answered with STATUS_ACCOUNT_LOCKED_OUT, as a sentence; nothing where none is.
#[must_use]
pub fn locked_out(evidence: &Evidence) -> Option<String> {
    of(&View::new(evidence))
}

pub(crate) fn of(view: &View<'_>) -> Option<String> {
    let new = view.messages().filter(|(_, _, message)| {
        message.way == Way::ToClient
            && message.command() == Command::SESSION_SETUP
            && message.header.status == NtStatus::ACCOUNT_LOCKED_OUT
    });
    let old = view.smb1().iter().flat_map(|connection| &connection.messages).filter(|message| {
        message.way == Way::ToClient
            && message.command() == smb1::Command::SESSION_SETUP_ANDX
            && message.header.status == NtStatus::ACCOUNT_LOCKED_OUT
    });
    let frame = new.map(|(_, _, message)| message.frame).chain(old.map(|message| message.frame)).min()?;
    Some(format!(
        "the server has locked the account: it answers a logon with {} (frame {frame})",
        NtStatus::ACCOUNT_LOCKED_OUT
    ))
}
