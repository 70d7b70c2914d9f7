//! Parameters and data of a message, and chains of them ([MS-CIFS] 2.2.3.2 to 2.2.3.4).

use super::{Body, Command, Header, WireError};
use crate::reader::{Field, OutOfBounds, Reader, fit};

/// More blocks than this in one chain are not read.
pub const MAX_BLOCKS: usize = 64;

/// The WordCount of an extended NT_CREATE_ANDX response, and the bytes of the words that are really there: what stands
/// where ByteCount should be is a part of FileId ([MS-SMB] 2.2.4.9.2, <50>; Samba does as Windows).
const MISCOUNTED: u8 = 42;
const COUNTED: usize = 100;

/// The first parameters of an AndX command: what follows it in the chain ([MS-CIFS] 2.2.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AndX {
    /// The command that follows, or [`Command::NO_ANDX_COMMAND`].
    pub command: Command,
    /// Reserved, 0.
    pub reserved: u8,
    /// Where the WordCount of that command stands, from the first byte of the header. Without meaning where none
    /// follows.
    pub offset: u16,
}

impl AndX {
    /// Nothing follows.
    pub const NONE: Self = Self { command: Command::NO_ANDX_COMMAND, reserved: 0, offset: 0 };
}

impl Default for AndX {
    fn default() -> Self {
        Self::NONE
    }
}

impl Field for AndX {
    fn read(reader: &mut Reader<'_>, _: &'static str) -> Result<Self, OutOfBounds> {
        Ok(Self {
            command: reader.field("andx_command")?,
            reserved: reader.field("andx_reserved")?,
            offset: reader.field("andx_offset")?,
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.command.put(out);
        self.reserved.put(out);
        self.offset.put(out);
    }
}

/// The parameters and the data of one command: the whole message behind the header, or one link of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    /// The command.
    pub command: Command,
    /// Where its WordCount stands, from the first byte of the header.
    pub offset: usize,
    /// WordCount as sent.
    pub word_count: u8,
    /// SMB_Parameters.Words: as many as WordCount says, but for the one command whose servers miscount ([MS-SMB] <50>).
    pub words: &'a [u8],
    /// SMB_Data.Bytes, as many as ByteCount says.
    pub bytes: &'a [u8],
    /// Whether strings are UTF-16LE, by the Flags2 of the message.
    pub unicode: bool,
    /// The whole message.
    message: &'a [u8],
}

impl<'a> Block<'a> {
    /// The first, most often the only block of a message.
    ///
    /// # Errors
    /// Those of [`Header::parse`], and [`WireError::Truncated`] where WordCount or ByteCount announce more than there
    /// is.
    pub fn first(message: &'a [u8]) -> Result<Self, WireError> {
        let header = Header::parse(message)?;
        Self::read(message, header.command, Header::LEN, header.is_unicode())
    }

    fn read(message: &'a [u8], command: Command, offset: usize, unicode: bool) -> Result<Self, WireError> {
        let mut reader = Reader::part(message.get(offset..).unwrap_or_default(), offset);
        let word_count: u8 = reader.field("word_count")?;
        let mut len = 2 * usize::from(word_count);
        let there = message.len().saturating_sub(offset + 1);
        if command == Command::NT_CREATE_ANDX && word_count == MISCOUNTED && there >= COUNTED + 2 {
            len = COUNTED;
        }
        let words = reader.take(len, "words")?;
        let byte_count: u16 = reader.field("byte_count")?;
        let bytes = reader.take(usize::from(byte_count), "bytes")?;
        Ok(Self { command, offset, word_count, words, bytes, unicode, message })
    }

    /// Where Bytes start, from the first byte of the header.
    #[must_use]
    pub const fn bytes_offset(&self) -> usize {
        self.offset + 1 + self.words.len() + 2
    }

    /// What follows it: none where the command is no AndX command, or has not enough words to say so, as in an error.
    #[must_use]
    pub fn andx(&self) -> Option<AndX> {
        self.command.is_andx().then(|| Reader::new(self.words).field("andx").ok()).flatten()
    }

    /// The parameters, of which there have to be as many as one of `expected`.
    pub(super) fn parameters(&self, expected: &'static [u8]) -> Result<Reader<'a>, WireError> {
        let found = self.word_count;
        if expected.contains(&found) {
            return Ok(self.any_parameters());
        }
        Err(WireError::WordCount { offset: self.offset, expected, found })
    }

    /// The parameters, however many.
    pub(super) const fn any_parameters(&self) -> Reader<'a> {
        Reader::part(self.words, self.offset + 1)
    }

    /// The data.
    pub(super) const fn data(&self) -> Reader<'a> {
        Reader::part(self.bytes, self.bytes_offset())
    }

    /// The buffer that an offset and a length announce: behind ByteCount, anywhere in the message, for senders may move
    /// data behind the rest of the chain. Of an empty buffer the offset is ignored.
    pub(super) fn buffer(
        &self,
        offset: impl TryInto<usize>,
        len: impl TryInto<usize>,
        field: &'static str,
    ) -> Result<&'a [u8], WireError> {
        let start = self.bytes_offset();
        let behind = self.message.get(start..).unwrap_or_default();
        Ok(Reader::part(behind, start).buffer(offset, len, field)?)
    }

    /// The bytes in front of that buffer.
    pub(super) fn before(&self, offset: u16, len: usize) -> &'a [u8] {
        let gap = usize::from(offset).saturating_sub(self.bytes_offset());
        if len == 0 { self.bytes } else { self.bytes.get(..gap).unwrap_or(self.bytes) }
    }
}

/// The blocks of a message, in the order of the chain ([MS-CIFS] 2.2.3.4). After an error there are no more.
#[derive(Debug, Clone)]
pub struct Chain<'a> {
    message: &'a [u8],
    unicode: bool,
    next: Option<(Command, usize)>,
    /// Where the next block may start at the earliest.
    minimum: usize,
    count: usize,
}

impl<'a> Chain<'a> {
    /// The chain of a message; a message that is no chain is one block.
    ///
    /// # Errors
    /// Those of [`Header::parse`].
    pub fn new(message: &'a [u8]) -> Result<Self, WireError> {
        let header = Header::parse(message)?;
        let next = Some((header.command, Header::LEN));
        Ok(Self { message, unicode: header.is_unicode(), next, minimum: Header::LEN, count: 0 })
    }
}

impl<'a> Iterator for Chain<'a> {
    type Item = Result<Block<'a>, WireError>;

    /// The next block. An error is [`WireError::Overlap`] where AndXOffset does not lead behind the parameters of the
    /// block before, [`WireError::Truncated`] where a block leaves the message, [`WireError::TooMany`] above
    /// [`MAX_BLOCKS`].
    fn next(&mut self) -> Option<Self::Item> {
        let (command, offset) = self.next.take()?;
        if offset < self.minimum {
            let (field, minimum) = ("andx_offset", self.minimum);
            return Some(Err(WireError::Overlap { field, value: offset, minimum }));
        }
        if self.count == MAX_BLOCKS {
            return Some(Err(WireError::TooMany { field: "andx", max: MAX_BLOCKS }));
        }
        let block = match Block::read(self.message, command, offset, self.unicode) {
            Ok(block) => block,
            Err(error) => return Some(Err(error)),
        };
        self.count += 1;
        self.minimum = block.bytes_offset();
        self.next = block
            .andx()
            .filter(|andx| andx.command != Command::NO_ANDX_COMMAND)
            .map(|andx| (andx.command, usize::from(andx.offset)));
        Some(Ok(block))
    }
}

/// Every block of a message.
///
/// # Errors
/// What [`Chain::new`] says, and the first error of the [`Chain`].
pub fn blocks(message: &[u8]) -> Result<Vec<Block<'_>>, WireError> {
    Chain::new(message)?.collect()
}

/// The two halves of a block on the way out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// SMB_Parameters.Words, a whole number of words.
    pub words: Vec<u8>,
    /// SMB_Data.Bytes.
    pub bytes: Vec<u8>,
    /// A WordCount other than the number of words. [MS-SMB] 2.2.4.9.2 has the one case in practice.
    pub word_count: Option<u8>,
}

impl Parts {
    /// Where Bytes will start in a block at `at`.
    pub(super) const fn bytes_offset(at: usize, words: usize) -> usize {
        at + 1 + 2 * words + 2
    }
}

/// Writes a message of one or more blocks.
#[derive(Debug, Clone)]
pub struct ChainBuilder {
    out: Vec<u8>,
    /// The last block: its command, and where its words start and end.
    last: Option<(Command, usize, usize)>,
    first: Command,
}

impl ChainBuilder {
    /// A message with this header, which goes out as given, its command included.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let mut out = Vec::with_capacity(Header::LEN + 64);
        header.write(&mut out);
        Self { out, last: None, first: header.command }
    }

    /// Appends a block. Behind another one it starts at a multiple of 4, and AndXCommand and AndXOffset of that one are
    /// set to it.
    ///
    /// # Errors
    /// [`WireError::NotAndX`] where nothing can follow the block before, [`WireError::TooLarge`] where a length, an
    /// offset or a value does not fit, [`WireError::OddWords`]. What was appended before stays.
    pub fn push<B: Body>(&mut self, body: &B) -> Result<&mut Self, WireError> {
        let command = if self.last.is_some() { B::COMMAND } else { self.first };
        self.push_as(command, body)
    }

    /// The same under another command than the body's own.
    ///
    /// # Errors
    /// As [`ChainBuilder::push`].
    pub fn push_as<B: Body>(&mut self, command: Command, body: &B) -> Result<&mut Self, WireError> {
        let mut at = self.out.len();
        if let Some((before, start, end)) = self.last {
            if !before.is_andx() || end - start < 4 {
                return Err(WireError::NotAndX(before));
            }
            at = at.next_multiple_of(4);
            fit::<u16>(at, "andx_offset")?;
        }
        let parts = body.parts(at)?;
        if !parts.words.len().is_multiple_of(2) {
            return Err(WireError::OddWords(parts.words.len()));
        }
        let word_count = match parts.word_count {
            Some(count) => count,
            None => fit(parts.words.len() / 2, "word_count")?,
        };
        let byte_count: u16 = fit(parts.bytes.len(), "byte_count")?;
        if let Some((_, start, _)) = self.last {
            let offset: u16 = fit(at, "andx_offset")?;
            if let Some(andx) = self.out.get_mut(start..start + 4) {
                andx[0] = command.0;
                andx[2..].copy_from_slice(&offset.to_le_bytes());
            }
        }
        self.out.resize(at, 0);
        word_count.put(&mut self.out);
        self.last = Some((command, at + 1, at + 1 + parts.words.len()));
        self.out.extend_from_slice(&parts.words);
        byte_count.put(&mut self.out);
        self.out.extend_from_slice(&parts.bytes);
        Ok(self)
    }

    /// The message so far.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}
