//! The sequence numbers of signed messages ([MS-CIFS] 3.2.4.1.3, 3.3.5.2.3).

use super::{Command, Header};
use std::collections::BTreeMap;

/// The numbers one side of a connection signs and verifies with, from the activation of signing on.
///
/// A request has the next number, its response the one behind it, and the next request the one behind that, whether or
/// not the request is one that is answered. NT_CANCEL alone takes a single number. The number of a response is found by
/// the PID and MID of its request, so all responses to one ECHO have the same ([MS-CIFS] 3.3.5.33), and requests may be
/// answered in any order. A later message under the same PID and MID, such as the secondary request of a transaction,
/// takes the place of the earlier: that is what Samba's client and server do. The specification only says that a request
/// without a response moves the number by two.
///
/// A client calls [`Sequence::request`] for what it signs. A server verifies with [`Sequence::next`] and calls
/// [`Sequence::request`] once the signature was right: the number moves only then ([MS-CIFS] 3.3.5.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    next: u32,
    responses: BTreeMap<(u32, u16), u32>,
}

impl Default for Sequence {
    fn default() -> Self {
        Self::new()
    }
}

impl Sequence {
    /// The number of the SESSION_SETUP request whose success activates signing. Clients rarely sign it, for with extended
    /// security the key is not there yet ([MS-SMB] 4.3).
    pub const SETUP_REQUEST: u32 = 0;
    /// The number of its response, which is the first message that is signed in any case ([MS-CIFS] 3.2.5.3).
    pub const SETUP_RESPONSE: u32 = 1;
    /// The number of the first request behind it ([MS-CIFS] 3.2.3).
    pub const FIRST_REQUEST: u32 = 2;

    /// Numbers at the start of a connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: Self::FIRST_REQUEST, responses: BTreeMap::new() }
    }

    /// The same, where `setup` is the header of the SESSION_SETUP request that activates: its response has number 1.
    #[must_use]
    pub fn activated_by(setup: &Header) -> Self {
        let mut sequence = Self::new();
        sequence.responses.insert(key(setup), Self::SETUP_RESPONSE);
        sequence
    }

    /// The number of the next request.
    #[must_use]
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// Takes the number of the next request, remembers that of its response, and moves on.
    pub fn request(&mut self, header: &Header) -> u32 {
        let number = self.next;
        if header.command == Command::NT_CANCEL {
            // It has the PID and MID of what it cancels, whose response is still to come with its own number.
            self.next = number.wrapping_add(1);
        } else {
            self.responses.insert(key(header), number.wrapping_add(1));
            self.next = number.wrapping_add(2);
        }
        number
    }

    /// The number of a response, by the PID and MID of its header; none where no request has them.
    #[must_use]
    pub fn response(&self, header: &Header) -> Option<u32> {
        self.responses.get(&key(header)).copied()
    }

    /// Forgets the number of the response to a request that is answered completely.
    pub fn finish(&mut self, header: &Header) {
        self.responses.remove(&key(header));
    }

    /// Goes on with another number, such as the one a server still waits for after it refused a signature.
    pub fn resume_at(&mut self, next: u32) {
        self.next = next;
    }

    /// Sets the number of the response to a request.
    pub(super) fn expect_response(&mut self, header: &Header, number: u32) {
        self.responses.insert(key(header), number);
    }
}

fn key(header: &Header) -> (u32, u16) {
    (header.pid, header.mid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: Command, mid: u16) -> Header {
        Header { mid, ..Header::request(command) }
    }

    #[test]
    fn a_request_takes_two_and_nt_cancel_takes_one() {
        let setup = header(Command::SESSION_SETUP_ANDX, 1);
        let mut sequence = Sequence::activated_by(&setup);
        assert_eq!(sequence.response(&setup), Some(1));
        let (notify, cancel) = (header(Command::NT_TRANSACT, 2), header(Command::NT_CANCEL, 2));
        let echo = header(Command::ECHO, 3);
        assert_eq!(sequence.request(&notify), 2);
        assert_eq!(sequence.request(&cancel), 4);
        assert_eq!(sequence.request(&echo), 5);
        assert_eq!(sequence.response(&notify), Some(3), "of the request, not of its cancellation");
        assert_eq!((sequence.response(&echo), sequence.response(&echo)), (Some(6), Some(6)));
        assert_eq!(sequence.next(), 7);
        sequence.finish(&echo);
        assert_eq!(sequence.response(&echo), None);
    }

    #[test]
    fn a_process_id_tells_requests_apart() {
        let (one, other) =
            (header(Command::ECHO, 1), Header { pid: 0x0001_0000, ..header(Command::ECHO, 1) });
        let mut sequence = Sequence::new();
        sequence.request(&one);
        sequence.request(&other);
        assert_eq!((sequence.response(&one), sequence.response(&other)), (Some(3), Some(5)));
    }

    #[test]
    fn the_last_number_is_followed_by_the_first() {
        let mut sequence = Sequence::new();
        sequence.resume_at(u32::MAX);
        let echo = header(Command::ECHO, 1);
        assert_eq!(sequence.request(&echo), u32::MAX);
        assert_eq!((sequence.response(&echo), sequence.next()), (Some(0), 1));
    }
}
