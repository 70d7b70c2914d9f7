//! What the server sent, until somebody asks for it: answers come in any order, and breaks come unasked.

use super::exchange::Answer;
use model::NtStatus;
use smb::wire::{Command, Header};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many breaks are kept that nobody has asked for.
const MOST_BREAKS: usize = 16;

/// Messages of the server by what they answer. What answers nothing is dropped, so a server cannot fill it.
#[derive(Default)]
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
        } else if header.command == Command::CANCEL {
            // It answers the CANCEL, which has none (3.3.5.16), and not the request with the same MessageId.
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

#[cfg(test)]
mod tests {
    use super::*;
    use smb::wire::Flags;

    fn header(command: Command, message_id: u64, status: NtStatus) -> Header {
        Header { message_id, status, flags: Flags::SERVER_TO_REDIR, ..Header::request(command) }
    }

    #[test]
    fn answers_are_there_for_whoever_asked_and_once() {
        let mut inbox = Inbox::default();
        inbox.expect(3);
        inbox.expect(4);
        inbox.put(header(Command::ECHO, 4, NtStatus::SUCCESS), vec![4]);
        inbox.put(header(Command::ECHO, 5, NtStatus::SUCCESS), vec![5]);
        inbox.put(header(Command::ECHO, 4, NtStatus::ACCESS_DENIED), vec![44]);
        assert!(inbox.take_final(3).is_none() && inbox.take_final(5).is_none());
        assert_eq!(inbox.take_final(4).map(|answer| answer.message), Some(vec![4]));
        assert!(inbox.take_final(4).is_none());
    }

    #[test]
    fn an_interim_response_is_no_answer() {
        let mut inbox = Inbox::default();
        inbox.expect(7);
        let waits = header(Command::CHANGE_NOTIFY, 7, NtStatus::PENDING).with_async_id(99);
        inbox.put(waits, Vec::new());
        assert_eq!((inbox.async_id(7), inbox.has_final(7)), (Some(99), false));
        // One that names no AsyncId is what the server says last of it.
        inbox.put(header(Command::CHANGE_NOTIFY, 7, NtStatus::PENDING), Vec::new());
        assert!(inbox.has_final(7) && inbox.take_final(7).is_some());
        assert_eq!(inbox.async_id(7), None);
    }

    #[test]
    fn breaks_are_kept_up_to_a_bound_and_other_notifications_are_not() {
        let mut inbox = Inbox::default();
        inbox.put(header(Command::SERVER_TO_CLIENT_NOTIFICATION, u64::MAX, NtStatus::SUCCESS), Vec::new());
        for number in 0..100 {
            inbox.put(header(Command::OPLOCK_BREAK, u64::MAX, NtStatus::SUCCESS), vec![number]);
        }
        let kept: Vec<u8> = std::iter::from_fn(|| inbox.take_break()).map(|it| it.message[0]).collect();
        assert_eq!(kept, (0..16).collect::<Vec<u8>>());
    }
}
