//! Signing once it is active: the key and both sides' numbers.

use super::{Message, OTHER_SEQUENCE_RANGE, Signature};
use crate::smb1::{BadSignature, Command, Header, MacKey, Sequence};

/// The state of signing on a connection where it is active.
pub(super) struct Active {
    key: Option<MacKey>,
    /// The client's count: every signed request takes a number ([MS-CIFS] 3.2.4.1.3).
    sequence: Sequence,
    /// The server's count: a request takes a number only if its signature was right ([MS-CIFS] 3.3.5.2.3).
    accepted: u32,
}

impl Active {
    pub(super) fn new(key: Option<MacKey>, setup: &Header) -> Self {
        let sequence = Sequence::activated_by(setup);
        Self { key, accepted: sequence.next(), sequence }
    }

    /// The number and the signature of a request.
    ///
    /// After a request that did not verify, the two counts differ, and which one the client goes on with is its choice:
    /// either is right.
    pub(super) fn request(&mut self, message: &Message) -> (u32, Signature) {
        let mut number = self.sequence.next();
        let mut signature = self.check(message, Some(number));
        if !signature.is_valid() && self.accepted != number {
            let accepted = self.check(message, Some(self.accepted));
            if accepted.is_valid() {
                (number, signature) = (self.accepted, accepted);
                self.sequence.resume_at(number);
            }
        }
        let verified = matches!(signature, Signature::Valid | Signature::NoKey);
        // Also of a message whose flag or signature is missing: a client that broke it on purpose may count it.
        self.sequence.request(&message.header);
        if verified {
            self.accepted = self.sequence.next();
        } else if message.header.command != Command::NT_CANCEL {
            // The server has but its own count to answer with.
            self.sequence.expect_response(&message.header, self.accepted.wrapping_add(1));
        }
        (number, signature)
    }

    /// The number and the signature of what the server sent.
    pub(super) fn response(&self, message: &Message) -> (Option<u32>, Signature) {
        if message.is_oplock_break() {
            return (None, Signature::unsigned(&message.header));
        }
        let number = message.request.and_then(|_| self.sequence.response(&message.header));
        (number, self.check(message, number))
    }

    fn check(&self, message: &Message, number: Option<u32>) -> Signature {
        let verified = match (&self.key, number) {
            (Some(key), Some(number)) => key.verify(&message.bytes, number),
            _ if !message.is_flagged() => return Signature::unsigned(&message.header),
            (None, _) => return Signature::NoKey,
            (_, None) => return Signature::NoSequence,
        };
        match verified {
            Ok(()) => Signature::Valid,
            Err(BadSignature::Mismatch { expected, got }) if message.is_flagged() => {
                let other_sequence = self
                    .key
                    .as_ref()
                    .zip(number)
                    .and_then(|(key, number)| other(key, &message.bytes, number));
                Signature::Invalid { expected, got, other_sequence }
            }
            Err(_) => Signature::unsigned(&message.header),
        }
    }
}

/// Whether a signature is that of a message as number `number`.
pub(super) fn verifies(key: &MacKey, bytes: &[u8], number: u32) -> bool {
    key.verify(bytes, number).is_ok()
}

/// A number around `number` with which a message verifies, the nearest first.
fn other(key: &MacKey, bytes: &[u8], number: u32) -> Option<u32> {
    (1..=OTHER_SEQUENCE_RANGE)
        .flat_map(|by| [number.checked_sub(by), number.checked_add(by)])
        .flatten()
        .find(|other| verifies(key, bytes, *other))
}
