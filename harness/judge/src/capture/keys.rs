//! The session keys of a capture: given, or derived from a password and the logon in it.

use crate::view::{Spoken, View};
use evidence::{Conversation, SessionKey};
use model::As;
use smb::ntlm::Password;
use smb::ntlm::overheard::{Heard, KeyUnknown, Known};
use std::fmt;

/// What is known besides a capture.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// The password of the account that logs on.
    pub password: Option<Password>,
    /// Session keys.
    pub keys: Vec<GivenKey>,
}

/// A session key that somebody gave.
#[derive(Clone, PartialEq, Eq)]
pub struct GivenKey {
    /// The SessionId, or the UID of SMB1, that it belongs to; without one it is tried for every session.
    pub session: Option<u64>,
    /// The key.
    pub key: [u8; 16],
}

/// Without the key: what is printed ends up in logs.
impl fmt::Debug for GivenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenKey").field("session", &self.session).finish_non_exhaustive()
    }
}

/// The keys of a connection's sessions.
pub(super) struct Found {
    pub(super) keys: Vec<SessionKey>,
    /// Why others have none.
    pub(super) missing: Vec<String>,
    /// Whether every key was proved to be its session's.
    pub(super) proved: bool,
}

/// A session that can have a key.
struct Candidate {
    id: u64,
    frame: u64,
    heard: Heard,
}

/// Looks for the key of every session of a user.
pub(super) fn find(conversation: &Conversation, secrets: &Secrets) -> Found {
    let mut found = Found { keys: Vec::new(), missing: Vec::new(), proved: true };
    for candidate in candidates(&View::of_capture(conversation, &[])) {
        let Candidate { id, frame, ref heard } = candidate;
        let of = |key: [u8; 16]| SessionKey { connection: 0, session_id: id, key };
        let fits = |key: &&GivenKey| verifies(conversation, &of(key.key));
        let named = secrets.keys.iter().find(|key| key.session == Some(id));
        let tried = || secrets.keys.iter().filter(|key| key.session.is_none()).find(fits);
        if let Some(given) = named {
            found.proved &= fits(&given);
            found.keys.push(of(given.key));
            continue;
        }
        if let Some(given) = tried() {
            found.keys.push(of(given.key));
            continue;
        }
        let derived =
            secrets.password.as_ref().map(|password| heard.session_key(Known { user: None, password }));
        match derived {
            Some(Ok(key)) => found.keys.push(of(key)),
            Some(Err(why)) => found.missing.push(unknown(&candidate, why, secrets)),
            None if secrets.keys.is_empty() => found.missing.push(format!(
                "there is no key for session {id:#x}{} (frame {frame}): set COUNTERSIGN_PASSWORD, or give --session-key",
                by(heard)
            )),
            None => found.missing.push(format!(
                "no session key that was given fits session {id:#x}{} (frame {frame})",
                by(heard)
            )),
        }
    }
    found
}

fn unknown(candidate: &Candidate, why: KeyUnknown, secrets: &Secrets) -> String {
    let Candidate { id, frame, heard } = candidate;
    let given = if secrets.keys.is_empty() { "" } else { ", and no session key that was given fits" };
    let what = match why {
        KeyUnknown::OtherPassword => {
            format!("the password in COUNTERSIGN_PASSWORD is not the one{}", by(heard))
        }
        KeyUnknown::NotNtlm => {
            "it was not made with NTLM (with Kerberos, probably): give --session-key".to_owned()
        }
        KeyUnknown::NotNtlmV2 => format!("{why}{}: give --session-key", by(heard)),
        why => format!("{why}{}", by(heard)),
    };
    format!("no key fits session {id:#x} (frame {frame}): {what}{given}")
}

/// Who logged on, for a person.
fn by(heard: &Heard) -> String {
    match heard.who() {
        Some(who) if who.domain.is_empty() => format!(" of {}", who.user),
        Some(who) => format!(" of {}\\{}", who.domain, who.user),
        None => String::new(),
    }
}

/// The sessions of users, of whichever generation was spoken.
fn candidates(view: &View<'_>) -> Vec<Candidate> {
    if view.spoken(0) == Spoken::Smb1 {
        let Some(connection) = view.smb1().first() else { return Vec::new() };
        let users = connection.sessions.values().filter(|session| crate::smb1::identity(session) == As::User);
        return users
            .map(|session| Candidate {
                id: session.uid.into(),
                frame: connection.messages.get(session.established).map_or(0, |message| message.frame),
                heard: connection.logon(session),
            })
            .collect();
    }
    let Some(connection) = view.connections().first() else { return Vec::new() };
    let users = connection.sessions.values().filter(|session| view.identity(session) == As::User);
    users
        .map(|session| Candidate {
            id: session.id,
            frame: connection.messages.get(session.established).map_or(0, |message| message.frame),
            heard: connection.logon(session),
        })
        .collect()
}

/// Whether anything that was signed in the session verifies with a key.
fn verifies(conversation: &Conversation, key: &SessionKey) -> bool {
    let view = View::of_capture(conversation, std::slice::from_ref(key));
    let of_it = |id: u64| id == key.session_id;
    let new = view.connections().iter().flat_map(|connection| &connection.messages);
    let old = view.smb1().iter().flat_map(|connection| &connection.messages);
    new.into_iter().any(|message| of_it(message.session_id) && message.signature.is_valid())
        || old.into_iter().any(|message| message.signature.is_valid())
}
