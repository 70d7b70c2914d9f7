//! The order of steps.

use super::step::{Action, ShareRole, Step};
use crate::words::Dialect;

/// An order that no client could keep to would make a correct server look wrong. `steps` are those of one cell, with
/// their numbers in the scenario.
pub(super) fn check(steps: &[(usize, &Step)], dialect: Dialect) -> Result<(), String> {
    let (mut negotiated, mut logged_on) = (false, false);
    let (mut mounted, mut open, mut ended) = (None, false, false);
    // Which of the two writing steps came last: what it wrote is what its reading step must find.
    let mut written = None;
    for (number, step) in steps {
        let wrong = |mend: &str| Err(format!("step {} (`{}`): {mend}", number + 1, step.action.word()));
        if !step.action.is_of(dialect) {
            return wrong(&format!(
                "clients of dialect `{dialect}` have no such step: say `when` it is taken"
            ));
        }
        if ended {
            return wrong("nothing comes after logoff");
        }
        match step.action {
            Action::MultiProtocolNegotiate if negotiated => {
                return wrong("a connection negotiates once, first of all");
            }
            Action::MultiProtocolNegotiate => {
                negotiated = true;
                continue;
            }
            // A client that was refused may ask again (3.3.5.4), and one that was not is to be sent away.
            Action::Negotiate if logged_on || negotiated && step.deviate.is_none() => {
                return wrong("a connection negotiates once, first of all");
            }
            Action::Negotiate => {
                negotiated = step.deviate.is_none();
                continue;
            }
            Action::FailedSetup if logged_on => return wrong("it comes before session-setup"),
            Action::FailedSetup => {
                negotiated = true;
                continue;
            }
            Action::SessionSetup if logged_on => {
                return wrong(
                    "it is the first step, or the first after multi-protocol-negotiate, and no other is",
                );
            }
            Action::SessionSetup => {
                (negotiated, logged_on) = (true, true);
                continue;
            }
            // One without a session is the connection's (3.3.5.17).
            Action::Echo if negotiated && !logged_on && step.deviate.is_none() => continue,
            _ if !logged_on => return wrong("it comes after session-setup, which is the first step"),
            _ => {}
        }
        // What is done wrong on purpose is refused, and changes nothing.
        if step.deviate.is_some() {
            continue;
        }
        match step.action {
            Action::MultiProtocolNegotiate
            | Action::Negotiate
            | Action::FailedSetup
            | Action::SessionSetup
            | Action::Echo
            | Action::Elsewhere
            | Action::Pipeline
            | Action::CompoundUnrelated
            | Action::Reauthenticate => {}
            Action::TreeConnect if mounted.is_some() => return wrong("the share is mounted already"),
            Action::TreeConnect => mounted = step.share,
            Action::ValidateNegotiate => {
                // 3.3.5.15.12: at 3.1.1 the server MUST end the connection.
                if dialect == Dialect::Smb311 && !step.expect.takes_the_end() {
                    return wrong(
                        "say `when = { dialect = [...] }` without 3.1.1, where a server must disconnect, or expect that",
                    );
                }
                if mounted.is_none() {
                    return wrong("it comes after tree-connect");
                }
            }
            Action::Create if mounted.is_none() => return wrong("it comes after tree-connect"),
            Action::Create if open => return wrong("the file is open already"),
            Action::Create => (open, written) = (true, None),
            Action::Write
            | Action::Flush
            | Action::Read
            | Action::WriteLarge
            | Action::ReadLarge
            | Action::QueryInfo
            | Action::QueryShort
            | Action::SetInfo
            | Action::Lock
            | Action::Delete
            | Action::OpenReadClose
            | Action::ReadRaw
                if !open =>
            {
                return wrong("it needs the file that create opens");
            }
            Action::Delete => open = false,
            Action::Read if written == Some(Action::WriteLarge) => {
                return wrong("write-large came last: read that back with read-large");
            }
            Action::ReadLarge if written != Some(Action::WriteLarge) => {
                return wrong("it reads back what write-large wrote, and that did not come last");
            }
            Action::Write | Action::WriteLarge => written = Some(step.action),
            Action::Flush
            | Action::Read
            | Action::ReadLarge
            | Action::QueryInfo
            | Action::QueryShort
            | Action::SetInfo
            | Action::Lock
            | Action::OpenReadClose
            | Action::ReadRaw => {}
            Action::Reopen | Action::SecondSession if open => {
                return wrong("the file is still open: delete it first");
            }
            Action::SecondSession => mounted = None,
            Action::QueryDirectory
            | Action::Reopen
            | Action::QueryFs
            | Action::DfsReferral
            | Action::Cancel
            | Action::ChangeNotify
            | Action::OplockBreak
            | Action::LeaseBreak
            | Action::CompoundRelated
            | Action::CompoundFailing
            | Action::Pipe
            | Action::QueryInterfaces
            | Action::TreeDisconnect
                if mounted.is_none() =>
            {
                return wrong("it comes after tree-connect");
            }
            Action::Pipe if mounted != Some(ShareRole::Ipc) => {
                return wrong("it comes after a tree-connect to `IPC$`, where pipes are");
            }
            Action::QueryDirectory
            | Action::Reopen
            | Action::QueryFs
            | Action::DfsReferral
            | Action::Cancel
            | Action::ChangeNotify
            | Action::OplockBreak
            | Action::LeaseBreak
            | Action::CompoundRelated
            | Action::CompoundFailing
            | Action::QueryInterfaces
            | Action::Pipe => {}
            Action::TreeDisconnect => (mounted, open) = (None, false),
            Action::Logoff => ended = true,
        }
    }
    Ok(())
}
