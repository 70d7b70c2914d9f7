//! One direction of a connection, cut into messages: what both followers read.

use crate::nbss::{NbssError, Splitter};

/// The longest message that is followed: what the 24-bit length of the transport can announce ([MS-SMB2] 2.1). The
/// bytes themselves are already at hand, so this is no allocation.
const LONGEST: usize = crate::nbss::MAX_LEN;

/// A message out of a stream.
pub(crate) struct Cut {
    /// The packet in which its transport header begins.
    pub(crate) frame: u64,
    /// Where that is in the stream.
    pub(crate) offset: u64,
    /// The message without the transport header.
    pub(crate) bytes: Vec<u8>,
}

/// What makes the rest of a stream unreadable.
pub(crate) struct Lost {
    /// The packet where it does.
    pub(crate) frame: u64,
    /// What it is.
    pub(crate) error: NbssError,
}

/// One direction's stream: its splitter, and where in it each packet begins.
pub(crate) struct Stream {
    splitter: Splitter,
    offset: u64,
    /// Where each packet begins in the stream, and its number.
    packets: Vec<(u64, u64)>,
    /// Whether the rest is not read.
    pub(crate) lost: bool,
}

impl Stream {
    /// The stream at its first byte.
    pub(crate) fn new() -> Self {
        Self { splitter: Splitter::new(LONGEST), offset: 0, packets: Vec::new(), lost: false }
    }

    /// Takes the bytes of one packet.
    pub(crate) fn push(&mut self, frame: u64, bytes: &[u8]) {
        self.packets.push((self.offset, frame));
        self.offset += bytes.len() as u64;
        self.splitter.push(bytes);
    }

    /// The next message, or none until more bytes are pushed.
    pub(crate) fn next(&mut self) -> Result<Option<Cut>, Lost> {
        match self.splitter.next_message() {
            Ok(None) => Ok(None),
            Ok(Some(framed)) => {
                // The four bytes of the transport header belong to the packet in which the message begins.
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
    pub(crate) fn unfinished(&self) -> Option<(usize, Option<usize>)> {
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
