//! What the server sent, until somebody asks for it: answers come in any order, and breaks come unasked.

use super::exchange::Answer;
use model::NtStatus;
use smb::wire::{Command, Header};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many breaks are kept that nobody has asked for.
const MOST_BREAKS: usize = 16;

/// Messages of the server by what they answer. What answers nothing is dropped, so a server cannot fill it.
pub(super) struct Inbox {
    /// The MessageIds of the requests that have no final response yet.
    outstanding: BTreeSet<u64>,
    /// The AsyncId of each interim response to one of them.
    interim: BTreeMap<u64, u64>,
    /// The final responses.
    finals: BTreeMap<u64, Answer>,
    /// OPLOCK_BREAK notifications.
    breaks: VecDeque<Answer>,
}

impl Inbox {
    pub(super) const fn new() -> Self {
        Self {
            outstanding: BTreeSet::new(),
            interim: BTreeMap::new(),
            finals: BTreeMap::new(),
            breaks: VecDeque::new(),
        }
    }

    /// Notes that a request was sent.
    pub(super) fn expect(&mut self, message_id: u64) {
        self.outstanding.insert(message_id);
    }

    /// Takes in one message, or one element of a compound.
    pub(super) fn put(&mut self, header: Header, message: Vec<u8>) {
        let id = header.message_id;
        // No request has it: it is what all notifications have (3.3.4.6, 3.3.4.7).
        if id == u64::MAX {
            if header.command == Command::OPLOCK_BREAK && self.breaks.len() < MOST_BREAKS {
                self.breaks.push_back(Answer { header, message });
            }
        } else if self.outstanding.contains(&id) {
            match header.async_id() {
                Some(async_id) if header.status == NtStatus::PENDING => {
                    self.interim.insert(id, async_id);
                }
                _ => {
                    self.outstanding.remove(&id);
                    self.finals.insert(id, Answer { header, message });
                }
            }
        }
    }

    /// The final response to a request, if it came.
    pub(super) fn take_final(&mut self, message_id: u64) -> Option<Answer> {
        let answer = self.finals.remove(&message_id)?;
        self.interim.remove(&message_id);
        Some(answer)
    }

    /// Whether the final response to a request came.
    pub(super) fn has_final(&self, message_id: u64) -> bool {
        self.finals.contains_key(&message_id)
    }

    /// The AsyncId of a request, if an interim response to it came.
    pub(super) fn async_id(&self, message_id: u64) -> Option<u64> {
        self.interim.get(&message_id).copied()
    }

    /// The oldest break that nobody has taken.
    pub(super) fn take_break(&mut self) -> Option<Answer> {
        self.breaks.pop_front()
    }
}
