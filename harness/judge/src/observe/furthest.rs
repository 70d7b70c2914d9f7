//! Which of several connections says what the client experienced.

use crate::view::{View, is_beyond};
use smb::follow::{self, Way};
use smb::smb1;
use smb::wire::Command;

/// The probe makes one connection that counts, the first. A client that people run may try several, with other dialects or
/// as nobody: what it experienced is what it came to on the one that got furthest, the first of those.
pub(super) fn index(view: &View<'_>) -> u32 {
    if view.software().is_none() {
        return 0;
    }
    let reached = |index: usize| {
        let new = view.connections().get(index).map(of_smb2).unwrap_or_default();
        let old = view.smb1().get(index).map(of_smb1).unwrap_or_default();
        new.max(old)
    };
    let near = (0_u32..).zip(view.recorded()).filter(|(_, recorded)| !is_beyond(recorded));
    let mut best = (0, [0; 4]);
    for (index, _) in near {
        let reached = reached(index as usize);
        if reached > best.1 {
            best = (index, reached);
        }
    }
    best.0
}

/// How far a connection of SMB2 got: files, shares, sessions, anything.
fn of_smb2(connection: &follow::Connection) -> [usize; 4] {
    let sent = || connection.messages.iter().filter(|message| message.way == Way::ToServer);
    let count = |command: Command| sent().filter(|message| message.command() == command).count();
    let files = count(Command::WRITE) + count(Command::READ) + count(Command::CREATE);
    [files, count(Command::TREE_CONNECT), connection.sessions.len(), connection.messages.len()]
}

fn of_smb1(connection: &smb1::follow::Connection) -> [usize; 4] {
    let sent = || connection.messages.iter().filter(|message| message.way == Way::ToServer);
    let count = |command: smb1::Command| sent().filter(|message| message.command() == command).count();
    let logon =
        [smb1::Command::NEGOTIATE, smb1::Command::SESSION_SETUP_ANDX, smb1::Command::TREE_CONNECT_ANDX];
    let files = sent().filter(|message| !logon.contains(&message.command())).count();
    let shares = count(smb1::Command::TREE_CONNECT_ANDX);
    [files, shares, connection.sessions.len(), connection.messages.len()]
}
