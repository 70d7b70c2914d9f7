//! Captures that somebody else made: no plan, no steps, and no session key but what can be found out.

mod keys;

pub use keys::{GivenKey, Secrets};

use crate::observe::{self, Observed};
use crate::view::{Spoken, View, begins_with_negotiate};
use crate::{Judged, evaluate_invariants, excuse};
use evidence::{Conversation, Direction};
use model::{CheckLevel, Verdict};
use smb::follow::{Signature, Way};
use smb::{smb1, wire};
use std::collections::BTreeMap;

/// Which way bytes go that begin as an SMB message does, of either generation; `None` where they do not.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<Direction> {
    const SHORTEST: u32 = 32;
    const REPLY: u8 = 0x80;
    let (framing, message) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*framing);
    if framing[0] != 0 || length < SHORTEST {
        return None;
    }
    let answers = match wire::Protocol::of(message) {
        wire::Protocol::Smb2 => message.get(16)? & 1 != 0,
        wire::Protocol::Smb1 => message.get(9)? & REPLY != 0,
        _ => return None,
    };
    Some(if answers { Direction::ToClient } else { Direction::ToServer })
}

/// Grades one connection of a capture: every invariant that needs no plan, and what the client experienced.
///
/// Where something is not there, it is inconclusive and says what; what can be seen until then is judged all the same.
#[must_use]
pub fn judge_capture(conversation: &Conversation, secrets: &Secrets) -> Judged {
    if let Some(why) = cannot_begin(conversation) {
        let problems = conversation.problems.iter().map(ToString::to_string);
        return unknown(&std::iter::once(why).chain(problems).collect::<Vec<_>>());
    }
    let found = keys::find(conversation, secrets);
    let view = View::of_capture(conversation, &found.keys);
    let (checks, mut findings) = evaluate_invariants(&view);
    let Observed { outcome, incomplete } = observe::observe(&view);
    findings.sort_by_key(|f| f.at.map_or((u64::MAX, 0), |at| (at.frame, at.element)));
    let faults = excuse(&view, &mut findings);
    let outcome = outcome.filter(|_| faults.is_empty());

    let mut why: Vec<String> = conversation.problems.iter().map(ToString::to_string).collect();
    let told = faults.iter().map(|fault| fault.what.clone());
    let unproved = faults.iter().any(|fault| fault.session.is_some() && !found.proved);
    for what in told.chain(incomplete.filter(|_| found.missing.is_empty())) {
        if !why.contains(&what) {
            why.push(what);
        }
    }
    if unproved {
        why.push("the session key that was given may be that of another session".to_owned());
    }
    why.extend(unseen(&view, found.missing.is_empty()));
    why.extend(found.missing);
    let deviates = findings.iter().any(|finding| finding.level >= CheckLevel::Should);
    if !deviates && why.is_empty() && checks.is_empty() {
        why.push("no invariant applied to what was captured".to_owned());
    }
    let verdict = if deviates {
        Verdict::Deviates
    } else if !why.is_empty() || outcome.is_none() {
        Verdict::Inconclusive
    } else {
        Verdict::Conforms
    };
    Judged {
        verdict,
        why: (!why.is_empty()).then(|| why.join("; ")),
        outcome,
        checks,
        frames: crate::frames::around(&view, &findings),
        findings,
    }
}

fn unknown(why: &[String]) -> Judged {
    Judged {
        verdict: Verdict::Inconclusive,
        why: Some(why.join("; ")),
        outcome: None,
        checks: BTreeMap::new(),
        frames: Vec::new(),
        findings: Vec::new(),
    }
}

/// Why nothing can be said of a connection from its first bytes on.
fn cannot_begin(conversation: &Conversation) -> Option<String> {
    let connection = &conversation.connection;
    if let Some(frame) = connection.refused {
        return Some(format!("the server's port refused the connection (frame {frame})"));
    }
    let Some(first) = connection.chunks.first() else {
        let why = match conversation.problems.is_empty() {
            true => "nothing was said on the connection",
            false => "the first bytes of the connection are not there",
        };
        return Some(why.to_owned());
    };
    (!begins_with_negotiate(connection)).then(|| {
        let frame = first.frame;
        match conversation.from_the_start {
            true => format!("the connection (frame {frame}) does not begin with a NEGOTIATE"),
            false => format!(
                "the capture began in the midst of the connection (frame {frame}): its NEGOTIATE and its logon are not in it, \
                 and without them there is neither dialect nor key; capture again, and then connect"
            ),
        }
    })
}

/// What is there and cannot be looked into. Why a session has no key is said elsewhere.
fn unseen(view: &View<'_>, has_keys: bool) -> Vec<String> {
    let mut all = Vec::new();
    if view.spoken(0) == Spoken::Smb1 {
        let Some(connection) = view.smb1().first() else { return all };
        let unverified = |message: &&smb1::follow::Message| {
            has_keys && matches!(message.signature, smb1::follow::Signature::NoKey)
        };
        all.extend(signed(connection.messages.iter().filter(unverified).map(|message| message.frame)));
        return all;
    }
    let Some(connection) = view.connections().first() else { return all };
    if let Some(frame) = connection.first_opaque {
        all.push(format!(
            "messages from frame {frame} on are {}, and what is in them is not judged",
            if connection.encrypted { "encrypted" } else { "compressed" }
        ));
    }
    // Of a session that was bound to this connection the logon is on another one (3.3.5.5.2).
    let unverified = connection.messages.iter().filter(|message| {
        message.signature == Signature::NoKey
            && !connection.sessions.contains_key(&message.session_id)
            && (message.way == Way::ToServer || message.request.is_some())
    });
    all.extend(signed(unverified.map(|message| message.frame)));
    all
}

fn signed(mut frames: impl Iterator<Item = u64>) -> Option<String> {
    let first = frames.next()?;
    let count = frames.count() + 1;
    Some(format!(
        "{count} signed messages could not be verified, the first in frame {first}: there is no key for them"
    ))
}
