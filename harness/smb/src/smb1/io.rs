//! SMB_COM_READ_ANDX ([MS-CIFS] 2.2.4.42, [MS-SMB] 2.2.4.2), SMB_COM_WRITE_ANDX ([MS-CIFS] 2.2.4.43, [MS-SMB] 2.2.4.3)
//! and SMB_COM_READ_RAW ([MS-CIFS] 2.2.4.22).

use super::block::{AndX, Block, Parts};
use super::body::{Body, words_body};
use super::{Command, WireError};
use crate::numbers::flags;
use crate::reader::{Field, fit};

flags! {
    /// WriteMode of a WRITE_ANDX request ([MS-CIFS] 2.2.4.43.1).
    WriteMode(u16) {
        /// Answer only once the data are on disk.
        WRITE_THROUGH = 0x0001,
        /// Set Available in the response.
        READ_BYTES_AVAILABLE = 0x0002,
        /// A pipe is to be written raw.
        RAW_MODE = 0x0004,
        /// The data start a message of a pipe.
        MSG_START = 0x0008,
    }
}

/// SMB_COM_READ_ANDX request ([MS-CIFS] 2.2.4.42.1), of ten or twelve words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// What follows.
    pub andx: AndX,
    /// What to read from.
    pub fid: u16,
    /// Where from, the low half.
    pub offset: u32,
    /// How many bytes at most, the low half.
    pub max_count: u16,
    /// How many bytes at least; for pipes.
    pub min_count: u16,
    /// A timeout, or MaxCountHigh in the low half.
    pub timeout_or_max_count_high: u32,
    /// Unused.
    pub remaining: u16,
    /// Where from, the high half; absent with ten words.
    pub offset_high: Option<u32>,
}

impl Body for ReadRequest {
    const COMMAND: Command = Command::READ_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[10, 12])?;
        Ok(Self {
            andx: words.field("andx")?,
            fid: words.field("fid")?,
            offset: words.field("offset")?,
            max_count: words.field("max_count")?,
            min_count: words.field("min_count")?,
            timeout_or_max_count_high: words.field("timeout_or_max_count_high")?,
            remaining: words.field("remaining")?,
            offset_high: if block.word_count == 12 { Some(words.field("offset_high")?) } else { None },
        })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts::default();
        let words = &mut parts.words;
        self.andx.put(words);
        self.fid.put(words);
        self.offset.put(words);
        self.max_count.put(words);
        self.min_count.put(words);
        self.timeout_or_max_count_high.put(words);
        self.remaining.put(words);
        if let Some(high) = self.offset_high {
            high.put(words);
        }
        Ok(parts)
    }
}

/// SMB_COM_READ_ANDX response ([MS-CIFS] 2.2.4.42.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadResponse {
    /// What follows.
    pub andx: AndX,
    /// How much is left in a pipe, in bytes.
    pub available: u16,
    /// Reserved, 0.
    pub data_compaction_mode: u16,
    /// Reserved, 0.
    pub reserved1: u16,
    /// Reserved, 0.
    pub reserved2: [u8; 8],
    /// What is in front of the data; one byte where it aligns them.
    pub pad: Vec<u8>,
    /// What was read.
    pub data: Vec<u8>,
}

impl Body for ReadResponse {
    const COMMAND: Command = Command::READ_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[12])?;
        let andx = words.field("andx")?;
        let available = words.field("available")?;
        let data_compaction_mode = words.field("data_compaction_mode")?;
        let reserved1 = words.field("reserved1")?;
        let low: u16 = words.field("data_length")?;
        let offset = words.field("data_offset")?;
        let high: u16 = words.field("data_length_high")?;
        let reserved2 = words.field("reserved2")?;
        let (pad, data) = data(block, offset, low, high)?;
        Ok(Self { andx, available, data_compaction_mode, reserved1, reserved2, pad, data })
    }

    fn parts(&self, at: usize) -> Result<Parts, WireError> {
        let mut parts = Parts { bytes: [&self.pad[..], &self.data].concat(), ..Parts::default() };
        let words = &mut parts.words;
        self.andx.put(words);
        self.available.put(words);
        self.data_compaction_mode.put(words);
        self.reserved1.put(words);
        let (low, high) = halves(self.data.len())?;
        low.put(words);
        fit::<u16>(Parts::bytes_offset(at, 12) + self.pad.len(), "data_offset")?.put(words);
        high.put(words);
        self.reserved2.put(words);
        Ok(parts)
    }
}

/// SMB_COM_WRITE_ANDX request ([MS-CIFS] 2.2.4.43.1), of twelve or fourteen words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteRequest {
    /// What follows.
    pub andx: AndX,
    /// What to write to.
    pub fid: u16,
    /// Where to, the low half.
    pub offset: u32,
    /// A timeout, for pipes.
    pub timeout: u32,
    /// Options.
    pub write_mode: WriteMode,
    /// About how many bytes are to follow.
    pub remaining: u16,
    /// Where to, the high half; absent with twelve words.
    pub offset_high: Option<u32>,
    /// What is in front of the data; one byte by the specification, none with some clients.
    pub pad: Vec<u8>,
    /// What to write.
    pub data: Vec<u8>,
}

impl Body for WriteRequest {
    const COMMAND: Command = Command::WRITE_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[12, 14])?;
        let andx = words.field("andx")?;
        let fid = words.field("fid")?;
        let file_offset = words.field("offset")?;
        let timeout = words.field("timeout")?;
        let write_mode = words.field("write_mode")?;
        let remaining = words.field("remaining")?;
        let high: u16 = words.field("data_length_high")?;
        let low: u16 = words.field("data_length")?;
        let offset = words.field("data_offset")?;
        let offset_high = if block.word_count == 14 { Some(words.field("offset_high")?) } else { None };
        let (pad, data) = data(block, offset, low, high)?;
        Ok(Self { andx, fid, offset: file_offset, timeout, write_mode, remaining, offset_high, pad, data })
    }

    fn parts(&self, at: usize) -> Result<Parts, WireError> {
        let mut parts = Parts { bytes: [&self.pad[..], &self.data].concat(), ..Parts::default() };
        let words = &mut parts.words;
        self.andx.put(words);
        self.fid.put(words);
        self.offset.put(words);
        self.timeout.put(words);
        self.write_mode.put(words);
        self.remaining.put(words);
        let (low, high) = halves(self.data.len())?;
        high.put(words);
        low.put(words);
        let count = if self.offset_high.is_some() { 14 } else { 12 };
        fit::<u16>(Parts::bytes_offset(at, count) + self.pad.len(), "data_offset")?.put(words);
        if let Some(high) = self.offset_high {
            high.put(words);
        }
        Ok(parts)
    }
}

words_body! {
    /// SMB_COM_WRITE_ANDX response ([MS-CIFS] 2.2.4.43.2, [MS-SMB] 2.2.4.3.2).
    WriteResponse: WRITE_ANDX, 6 {
        /// What follows.
        andx: AndX,
        /// How many bytes were written, the low half.
        count: u16,
        /// How much is left in a pipe, in bytes.
        available: u16,
        /// How many bytes were written, the high half.
        count_high: u16,
        /// Reserved, 0.
        reserved: u16,
    }
}

/// SMB_COM_READ_RAW request ([MS-CIFS] 2.2.4.22.1), of eight or ten words. What answers it is no SMB message (2.2.4.22.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRawRequest {
    /// What to read from.
    pub fid: u16,
    /// Where from, the low half.
    pub offset: u32,
    /// How many bytes at most.
    pub max_count: u16,
    /// How many bytes at least; for pipes.
    pub min_count: u16,
    /// A timeout in milliseconds, for pipes.
    pub timeout: u32,
    /// Reserved, 0.
    pub reserved: u16,
    /// Where from, the high half; absent with eight words.
    pub offset_high: Option<u32>,
}

impl Body for ReadRawRequest {
    const COMMAND: Command = Command::READ_RAW;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[8, 10])?;
        Ok(Self {
            fid: words.field("fid")?,
            offset: words.field("offset")?,
            max_count: words.field("max_count")?,
            min_count: words.field("min_count")?,
            timeout: words.field("timeout")?,
            reserved: words.field("reserved")?,
            offset_high: if block.word_count == 10 { Some(words.field("offset_high")?) } else { None },
        })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts::default();
        let words = &mut parts.words;
        self.fid.put(words);
        self.offset.put(words);
        self.max_count.put(words);
        self.min_count.put(words);
        self.timeout.put(words);
        self.reserved.put(words);
        if let Some(high) = self.offset_high {
            high.put(words);
        }
        Ok(parts)
    }
}

/// The data a READ_ANDX response or a WRITE_ANDX request announces, and what is in front of them.
fn data(block: &Block<'_>, offset: u16, low: u16, high: u16) -> Result<(Vec<u8>, Vec<u8>), WireError> {
    let len = usize::from(high) << 16 | usize::from(low);
    let data = block.buffer(offset, len, "data")?;
    Ok((block.before(offset, len).to_vec(), data.to_vec()))
}

/// The halves of a length.
fn halves(len: usize) -> Result<(u16, u16), WireError> {
    let [a, b, c, d] = fit::<u32>(len, "data_length")?.to_le_bytes();
    Ok((u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))
}
