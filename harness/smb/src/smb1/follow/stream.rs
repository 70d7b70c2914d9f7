//! One direction of a connection, cut into messages.

use crate::nbss::{NbssError, Splitter};

/// The longest message that is followed: what the 24-bit length of the transport can announce. The bytes themselves are
/// already at hand, so this is no allocation.
const LONGEST: usize = crate::nbss::MAX_LEN;

/// A message out of a stream.
pub(super) struct Cut {
    /// The packet in which its transport header begins.
    pub(super) frame: u64,
    /// Where that is in the stream.
    pub(super) offset: u64,
    /// The message without the transport header.
    pub(super) bytes: Vec<u8>,
}

/// What makes the rest of a stream unreadable.
pub(super) struct Lost {
    /// The packet where it does.
    pub(super) frame: u64,
    /// What it is.
    pub(super) error: NbssError,
}

/// One direction's stream: its splitter, and where in it each packet begins.
pub(super) struct Stream {
    splitter: Splitter,
    offset: u64,
    packets: Vec<(u64, u64)>,
    pub(super) lost: bool,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { splitter: Splitter::new(LONGEST), offset: 0, packets: Vec::new(), lost: false }
    }

    pub(super) fn push(&mut self, frame: u64, bytes: &[u8]) {
        self.packets.push((self.offset, frame));
        self.offset += bytes.len() as u64;
        self.splitter.push(bytes);
    }

    /// The next message, or none until more bytes are pushed.
    pub(super) fn next(&mut self) -> Result<Option<Cut>, Lost> {
        match self.splitter.next_message() {
            Ok(None) => Ok(None),
            Ok(Some(framed)) => {
                let offset = framed.offset.saturating_sub(4);
                Ok(Some(Cut { frame: self.frame_at(offset), offset, bytes: framed.bytes }))
            }
            Err(error) => {
                self.lost = true;
                let frame = match error {
                    NbssError::UnknownType { offset, .. } => self.frame_at(offset),
                    NbssError::TooLong { .. } => self.packets.last().map_or(0, |(_, frame)| *frame),
                };
                Err(Lost { frame, error })
            }
        }
    }

    /// How many bytes of a message that never ended are there, and how many it announced, where that is known.
    pub(super) fn unfinished(&self) -> Option<(usize, Option<usize>)> {
        let (pending, announced) = (self.splitter.pending(), self.splitter.announced());
        // What is pending counts the four bytes of the transport header, what is announced does not.
        let came = if announced.is_some() { pending.saturating_sub(4) } else { pending };
        (pending > 0).then_some((came, announced))
    }

    fn frame_at(&self, offset: u64) -> u64 {
        let after = self.packets.partition_point(|(start, _)| *start <= offset);
        after.checked_sub(1).and_then(|i| self.packets.get(i)).map_or(0, |(_, frame)| *frame)
    }
}
