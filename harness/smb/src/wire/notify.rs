//! CHANGE_NOTIFY ([MS-SMB2] 2.2.35, 2.2.36).

use super::{Body, Command, FileId, Header, WireError, fixed_body};
use crate::numbers::flags;
use crate::reader::{Field, Reader, fit};

flags! {
    /// Flags of a CHANGE_NOTIFY ([MS-SMB2] 2.2.35 Flags).
    ChangeNotifyFlags(u16) {
        /// Whatever is below the directory, not only what is in it.
        WATCH_TREE = 0x0001,
    }
}

flags! {
    /// The changes to wait for ([MS-SMB2] 2.2.35 CompletionFilter), each FILE_NOTIFY_CHANGE_ in the specification.
    CompletionFilter(u32) {
        /// A file is created, deleted or renamed.
        FILE_NAME = 0x0000_0001,
        /// A directory is created, deleted or renamed.
        DIR_NAME = 0x0000_0002,
        /// Attributes.
        ATTRIBUTES = 0x0000_0004,
        /// The size.
        SIZE = 0x0000_0008,
        /// The time of the last write.
        LAST_WRITE = 0x0000_0010,
        /// The time of the last access.
        LAST_ACCESS = 0x0000_0020,
        /// The time of creation.
        CREATION = 0x0000_0040,
        /// Extended attributes.
        EA = 0x0000_0080,
        /// The access control list.
        SECURITY = 0x0000_0100,
        /// A named stream is added.
        STREAM_NAME = 0x0000_0200,
        /// The size of a named stream.
        STREAM_SIZE = 0x0000_0400,
        /// The content of a named stream.
        STREAM_WRITE = 0x0000_0800,
    }
}

fixed_body! {
    /// SMB2 CHANGE_NOTIFY Request ([MS-SMB2] 2.2.35).
    ChangeNotifyRequest: CHANGE_NOTIFY, 32 {
        /// Flags.
        flags: ChangeNotifyFlags,
        /// How many bytes the answer may have.
        output_buffer_length: u32,
        /// The directory.
        file_id: FileId,
        /// The changes to wait for.
        completion_filter: CompletionFilter,
        /// Reserved, 0.
        reserved: u32,
    }
}

/// SMB2 CHANGE_NOTIFY Response ([MS-SMB2] 2.2.36).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeNotifyResponse {
    /// FILE_NOTIFY_INFORMATION structures ([MS-FSCC] 2.7.1); empty where there were more changes than fit.
    pub output_buffer: Vec<u8>,
}

impl Body for ChangeNotifyResponse {
    const COMMAND: Command = Command::CHANGE_NOTIFY;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 9)?;
        let offset: u16 = reader.field("output_buffer_offset")?;
        let length: u32 = reader.field("output_buffer_length")?;
        Ok(Self { output_buffer: reader.buffer(offset, length, "output_buffer")?.to_vec() })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        9u16.put(out);
        fit::<u16>(Header::LEN + 8, "output_buffer_offset")?.put(out);
        fit::<u32>(self.output_buffer.len(), "output_buffer_length")?.put(out);
        out.extend_from_slice(&self.output_buffer);
        Ok(())
    }
}
