//! The framing on TCP ([MS-SMB2] 2.1; RFC 1002 4.3 for the types): four bytes, a type and a 24-bit length, in front of
//! each message.

use std::collections::VecDeque;

/// The largest length the framing can say, in bytes.
pub const MAX_LEN: usize = 0x00FF_FFFF;

/// Length of the framing header in bytes.
const HEADER: usize = 4;
/// The type of a message.
const MESSAGE: u8 = 0x00;
/// The type of a keepalive, which carries nothing.
const KEEPALIVE: u8 = 0x85;

/// A message longer than the framing can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes does not fit into a frame of {MAX_LEN} at most")]
pub struct FrameTooLong {
    /// The length of the message in bytes.
    pub length: usize,
}

/// A message with the framing in front: 0x00 and the length in 24 bits, big-endian.
///
/// # Errors
/// [`FrameTooLong`] above [`MAX_LEN`] bytes.
pub fn wrap(message: &[u8]) -> Result<Vec<u8>, FrameTooLong> {
    let length = message.len();
    if length > MAX_LEN {
        return Err(FrameTooLong { length });
    }
    let [_, a, b, c] = u32::try_from(length).map_err(|_| FrameTooLong { length })?.to_be_bytes();
    let mut out = Vec::with_capacity(HEADER + length);
    out.extend_from_slice(&[MESSAGE, a, b, c]);
    out.extend_from_slice(message);
    Ok(out)
}

/// A message out of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// Where its first byte, the one behind the framing, was in the stream; the first byte of the stream is 0.
    pub offset: u64,
    /// The message, without the framing. May be empty.
    pub bytes: Vec<u8>,
}

/// What makes the rest of a stream unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NbssError {
    /// The type is neither that of a message (0x00) nor that of a keepalive (0x85).
    #[error(
        "the frame at byte {offset} of the stream has type 0x{frame_type:02X}, neither message nor keepalive"
    )]
    UnknownType {
        /// The type.
        frame_type: u8,
        /// Where the framing starts in the stream.
        offset: u64,
    },
    /// A frame announces more than the limit. None of it has been buffered.
    #[error("a frame announces {announced} bytes, the limit is {max}")]
    TooLong {
        /// The length announced, in bytes.
        announced: usize,
        /// The limit given to [`Splitter::new`].
        max: usize,
    },
}

/// Cuts a stream into messages, however its bytes arrive. Keepalives are left out.
///
/// After an error the stream is lost: what is pushed then is dropped, and [`Splitter::next_message`] returns the
/// messages before the error, then the error, again and again.
#[derive(Debug, Clone)]
pub struct Splitter {
    max_len: usize,
    /// Bytes of the stream consumed so far.
    consumed: u64,
    /// The framing, as far as it has arrived: fewer than four bytes between calls, or four with `body`.
    header: Vec<u8>,
    /// The frame behind a whole framing header.
    body: Option<Partial>,
    ready: VecDeque<Framed>,
    failed: Option<NbssError>,
}

/// A frame whose header has arrived.
#[derive(Debug, Clone)]
struct Partial {
    announced: usize,
    received: usize,
    offset: u64,
    /// Where the bytes go; none for a keepalive.
    bytes: Option<Vec<u8>>,
}

impl Splitter {
    /// A splitter at the start of a stream that refuses frames above `max_len` bytes.
    #[must_use]
    pub fn new(max_len: usize) -> Self {
        Self {
            max_len,
            consumed: 0,
            header: Vec::with_capacity(HEADER),
            body: None,
            ready: VecDeque::new(),
            failed: None,
        }
    }

    /// Takes the next bytes of the stream, as many as there are.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while self.failed.is_none() && !bytes.is_empty() {
            match &mut self.body {
                Some(body) => {
                    let (now, later) = split(bytes, body.announced - body.received);
                    body.received += now.len();
                    if let Some(buffer) = &mut body.bytes {
                        buffer.extend_from_slice(now);
                    }
                    self.consumed += now.len() as u64;
                    bytes = later;
                }
                None => {
                    let (now, later) = split(bytes, HEADER - self.header.len());
                    self.header.extend_from_slice(now);
                    self.consumed += now.len() as u64;
                    bytes = later;
                    self.open();
                }
            }
            self.close();
        }
    }

    /// The next whole message, or none until more bytes are pushed.
    ///
    /// # Errors
    /// [`NbssError`], for good, once the messages before it are out.
    pub fn next_message(&mut self) -> Result<Option<Framed>, NbssError> {
        match (self.ready.pop_front(), self.failed) {
            (Some(framed), _) => Ok(Some(framed)),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }

    /// How many bytes of an unfinished frame have arrived, its four bytes of framing included. 0 means that the stream
    /// may end here.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.header.len() + self.body.as_ref().map_or(0, |body| body.received)
    }

    /// The length that the unfinished frame announces, in bytes without the framing; none while its framing is not
    /// whole.
    #[must_use]
    pub fn announced(&self) -> Option<usize> {
        self.body.as_ref().map(|body| body.announced)
    }

    /// Starts a frame once its header is whole.
    fn open(&mut self) {
        let [frame_type, a, b, c] = *self.header else { return };
        let announced = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        if frame_type != MESSAGE && frame_type != KEEPALIVE {
            let offset = self.consumed - HEADER as u64;
            self.failed = Some(NbssError::UnknownType { frame_type, offset });
        } else if announced > self.max_len {
            self.failed = Some(NbssError::TooLong { announced, max: self.max_len });
        } else {
            let bytes = (frame_type == MESSAGE).then(Vec::new);
            self.body = Some(Partial { announced, received: 0, offset: self.consumed, bytes });
        }
    }

    /// Ends a frame once it is whole.
    fn close(&mut self) {
        if let Some(body) = self.body.take_if(|body| body.received == body.announced) {
            self.header.clear();
            self.ready.extend(body.bytes.map(|bytes| Framed { offset: body.offset, bytes }));
        }
    }
}

/// At most `len` bytes, and the rest.
fn split(bytes: &[u8], len: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(len).unwrap_or((bytes, &[]))
}
