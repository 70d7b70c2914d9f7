//! As whom a server takes a logon, out of the recorded bytes.

use super::{Asked, Fact, at_smb1, last_answer};
use crate::view::place;
use model::{FrameRef, Login, NtStatus};
use smb::follow::Way;
use smb::smb1;
use smb::wire::{Command, SessionFlags};

impl Asked<'_> {
    /// As whom the server took a logon.
    pub(super) fn logon(&self, connection: u32, login: Login) -> Fact {
        if let Some(followed) = self.smb2(connection)
            && let Some(session) = followed.sessions.values().next()
        {
            let anonymous = session.flags.contains(SessionFlags::IS_NULL) || session.anonymous_logon;
            let word = word_of(session.flags.contains(SessionFlags::IS_GUEST), anonymous);
            let at = followed.messages.get(session.established).map(|message| place(connection, message));
            return whose(login, session.anonymous_logon, word, at);
        }
        if let Some(old) = self.old(connection)
            && let Some(session) = old.sessions.values().next()
        {
            let at = old.messages.get(session.established).map(|message| at_smb1(connection, message));
            let word = word_of(session.is_guest(), session.anonymous_logon);
            return whose(login, session.anonymous_logon, word, at);
        }
        match (self.refusal(connection), self.refused_at(connection)) {
            (Some(_), at) => (Ok("refused"), at),
            (None, _) if self.negotiated(connection).is_some() => (
                Err("the client did not get as far as a logon, or the server did not answer it".to_owned()),
                None,
            ),
            (None, _) => match self.refused(connection) {
                (Ok(_), _) => (Err("NEGOTIATE was refused, so nobody could log on".to_owned()), None),
                unknown => unknown,
            },
        }
    }

    /// The status with which a logon was refused.
    pub(super) fn refusal(&self, connection: u32) -> Option<NtStatus> {
        let of_smb2 = self.smb2(connection).and_then(|it| last_answer(it, Command::SESSION_SETUP));
        let of_smb1 = || {
            let old = self.old(connection)?;
            let of_setup = |it: &&smb1::follow::Message| {
                it.way == Way::ToClient && it.command() == smb1::Command::SESSION_SETUP_ANDX
            };
            old.messages.iter().rfind(of_setup).map(|message| message.header.status)
        };
        let status = of_smb2.map(|message| message.header.status).or_else(of_smb1)?;
        (status != NtStatus::MORE_PROCESSING_REQUIRED && status != NtStatus::SUCCESS).then_some(status)
    }

    fn refused_at(&self, connection: u32) -> Option<FrameRef> {
        let message = self.smb2(connection).and_then(|it| last_answer(it, Command::SESSION_SETUP))?;
        Some(place(connection, message))
    }

    /// Whether sessions are encrypted. SMB1 has nothing that encrypts them.
    pub(super) fn encryption(&self, connection: u32) -> Option<Fact> {
        if let Some(old) = self.old(connection)
            && let Some(session) = old.sessions.values().next()
        {
            let at = old.messages.get(session.established).map(|message| at_smb1(connection, message));
            return Some((Ok("off"), at));
        }
        let followed = self.smb2(connection)?;
        let session = followed.sessions.values().next()?;
        let at = followed.messages.get(session.established).map(|message| place(connection, message));
        let word = if session.flags.contains(SessionFlags::ENCRYPT_DATA) { "required" } else { "off" };
        Some((Ok(word), at))
    }
}

const fn word_of(guest: bool, anonymous: bool) -> &'static str {
    match (guest, anonymous) {
        (true, _) => "guest",
        (_, true) => "anonymous",
        _ => "user",
    }
}

/// A logon that the bytes show to be that of somebody else answers nothing.
fn whose(login: Login, anonymous_logon: bool, word: &'static str, at: Option<FrameRef>) -> Fact {
    if anonymous_logon == (login == Login::Anonymous) {
        (Ok(word), at)
    } else {
        (Err("the client logged on as somebody else".to_owned()), None)
    }
}
