//! READ and WRITE ([MS-SMB2] 2.2.19 to 2.2.22).

use super::{Body, Command, FileId, Header, WireError, fixed_body};
use crate::reader::{Field, Reader, fit, put_or_filler};

/// SMB2 READ Request ([MS-SMB2] 2.2.19).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Where in the response the client would like the data, in bytes from the header; not binding.
    pub padding: u8,
    /// SMB2_READFLAG_READ_UNBUFFERED 1, SMB2_READFLAG_REQUEST_COMPRESSED 2 (3.0.2 and 3.1.1).
    pub flags: u8,
    /// How many bytes to read.
    pub length: u32,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What to read from.
    pub file_id: FileId,
    /// Fewer bytes than this are an error.
    pub minimum_count: u32,
    /// SMB2_CHANNEL_*: 0 without RDMA.
    pub channel: u32,
    /// With RDMA, the bytes to read.
    pub remaining_bytes: u32,
    /// The read channel information; empty without RDMA.
    pub read_channel_info: Vec<u8>,
}

/// Where the Buffer of a READ or WRITE request starts.
const REQUEST_BUFFER: usize = Header::LEN + 48;

impl Body for ReadRequest {
    const COMMAND: Command = Command::READ;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 49)?;
        let mut body = Self {
            padding: reader.field("padding")?,
            flags: reader.field("flags")?,
            length: reader.field("length")?,
            offset: reader.field("offset")?,
            file_id: reader.field("file_id")?,
            minimum_count: reader.field("minimum_count")?,
            channel: reader.field("channel")?,
            remaining_bytes: reader.field("remaining_bytes")?,
            read_channel_info: Vec::new(),
        };
        let offset: u16 = reader.field("read_channel_info_offset")?;
        let length: u16 = reader.field("read_channel_info_length")?;
        body.read_channel_info = reader.buffer(offset, length, "read_channel_info")?.to_vec();
        Ok(body)
    }

    /// Without channel information the Buffer is one zero byte, which servers insist on, and its offset 0.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        49u16.put(out);
        self.padding.put(out);
        self.flags.put(out);
        self.length.put(out);
        self.offset.put(out);
        self.file_id.put(out);
        self.minimum_count.put(out);
        self.channel.put(out);
        self.remaining_bytes.put(out);
        let offset = if self.read_channel_info.is_empty() { 0 } else { REQUEST_BUFFER };
        fit::<u16>(offset, "read_channel_info_offset")?.put(out);
        fit::<u16>(self.read_channel_info.len(), "read_channel_info_length")?.put(out);
        put_or_filler(&self.read_channel_info, 1, out);
        Ok(())
    }
}

/// SMB2 READ Response ([MS-SMB2] 2.2.20).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadResponse {
    /// Reserved, 0.
    pub reserved: u8,
    /// With RDMA, the bytes sent on the channel.
    pub data_remaining: u32,
    /// Flags at 3.1.1 (SMB2_READFLAG_RESPONSE_RDMA_TRANSFORM 1), else reserved.
    pub flags: u32,
    /// What was read.
    pub data: Vec<u8>,
}

impl Body for ReadResponse {
    const COMMAND: Command = Command::READ;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 17)?;
        let offset: u8 = reader.field("data_offset")?;
        let reserved = reader.field("reserved")?;
        let length: u32 = reader.field("data_length")?;
        let data_remaining = reader.field("data_remaining")?;
        let flags = reader.field("flags")?;
        let data = reader.buffer(offset, length, "data")?.to_vec();
        Ok(Self { reserved, data_remaining, flags, data })
    }

    /// Without data the Buffer is one zero byte.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        17u16.put(out);
        fit::<u8>(Header::LEN + 16, "data_offset")?.put(out);
        self.reserved.put(out);
        fit::<u32>(self.data.len(), "data_length")?.put(out);
        self.data_remaining.put(out);
        self.flags.put(out);
        put_or_filler(&self.data, 1, out);
        Ok(())
    }
}

/// SMB2 WRITE Request ([MS-SMB2] 2.2.21).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteRequest {
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What to write to.
    pub file_id: FileId,
    /// SMB2_CHANNEL_*: 0 without RDMA.
    pub channel: u32,
    /// With RDMA, the bytes to write.
    pub remaining_bytes: u32,
    /// SMB2_WRITEFLAG_WRITE_THROUGH 1 (2.1 on), SMB2_WRITEFLAG_WRITE_UNBUFFERED 2 (3.0.2 on).
    pub flags: u32,
    /// What to write.
    pub data: Vec<u8>,
    /// The write channel information; empty without RDMA. It is written behind the data.
    pub write_channel_info: Vec<u8>,
}

impl Body for WriteRequest {
    const COMMAND: Command = Command::WRITE;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 49)?;
        let data_offset: u16 = reader.field("data_offset")?;
        let length: u32 = reader.field("length")?;
        let offset = reader.field("offset")?;
        let file_id = reader.field("file_id")?;
        let channel = reader.field("channel")?;
        let remaining_bytes = reader.field("remaining_bytes")?;
        let info_offset: u16 = reader.field("write_channel_info_offset")?;
        let info_length: u16 = reader.field("write_channel_info_length")?;
        let flags = reader.field("flags")?;
        let data = reader.buffer(data_offset, length, "data")?.to_vec();
        let write_channel_info = reader.buffer(info_offset, info_length, "write_channel_info")?.to_vec();
        Ok(Self { offset, file_id, channel, remaining_bytes, flags, data, write_channel_info })
    }

    /// Without data and channel information the Buffer is one zero byte.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let info_offset = if self.write_channel_info.is_empty() {
            0
        } else {
            REQUEST_BUFFER.saturating_add(self.data.len())
        };
        49u16.put(out);
        fit::<u16>(REQUEST_BUFFER, "data_offset")?.put(out);
        fit::<u32>(self.data.len(), "length")?.put(out);
        self.offset.put(out);
        self.file_id.put(out);
        self.channel.put(out);
        self.remaining_bytes.put(out);
        fit::<u16>(info_offset, "write_channel_info_offset")?.put(out);
        fit::<u16>(self.write_channel_info.len(), "write_channel_info_length")?.put(out);
        self.flags.put(out);
        out.extend_from_slice(&self.data);
        put_or_filler(&self.write_channel_info, usize::from(self.data.is_empty()), out);
        Ok(())
    }
}

fixed_body! {
    /// SMB2 WRITE Response ([MS-SMB2] 2.2.22).
    WriteResponse: WRITE, 17 {
        /// Reserved, 0.
        reserved: u16,
        /// How many bytes were written.
        count: u32,
        /// Reserved, 0.
        remaining: u32,
        /// Reserved, 0.
        write_channel_info_offset: u16,
        /// Reserved, 0.
        write_channel_info_length: u16,
    }
}
