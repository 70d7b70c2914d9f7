//! SET_INFO ([MS-SMB2] 2.2.39, 2.2.40) and what it sets of a file ([MS-FSCC] 2.4).

use super::payload::fixed_payload;
use super::{Body, Command, FileAttributes, FileId, Header, InfoType, WireError};
use crate::reader::{Field, Reader, fit, put_or_filler};

/// SMB2 SET_INFO Request ([MS-SMB2] 2.2.39).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetInfoRequest {
    /// File, file system, security or quota.
    pub info_type: InfoType,
    /// The information class, of a file ([MS-FSCC] 2.4) or of a file system ([MS-FSCC] 2.5), as `info_type` says; 0
    /// for security and quota.
    pub file_info_class: u8,
    /// Reserved, 0.
    pub reserved: u16,
    /// For security information, which parts; else 0.
    pub additional_information: u32,
    /// What is changed.
    pub file_id: FileId,
    /// The information, in the format of its class.
    pub buffer: Vec<u8>,
}

impl SetInfoRequest {
    /// Sets information of a file: a class of [MS-FSCC] 2.4, and its structure.
    #[must_use]
    pub fn file(file_id: FileId, file_info_class: u8, buffer: impl Into<Vec<u8>>) -> Self {
        Self { info_type: InfoType::FILE, file_info_class, file_id, buffer: buffer.into(), ..Self::default() }
    }
}

impl Body for SetInfoRequest {
    const COMMAND: Command = Command::SET_INFO;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 33)?;
        let info_type = reader.field("info_type")?;
        let file_info_class = reader.field("file_info_class")?;
        let length: u32 = reader.field("buffer_length")?;
        let offset: u16 = reader.field("buffer_offset")?;
        let reserved = reader.field("reserved")?;
        let additional_information = reader.field("additional_information")?;
        let file_id = reader.field("file_id")?;
        let buffer = reader.buffer(offset, length, "buffer")?.to_vec();
        Ok(Self { info_type, file_info_class, reserved, additional_information, file_id, buffer })
    }

    /// An empty Buffer becomes one zero byte, with a length of 0; its offset is never 0 (Windows servers accept 0x60 to
    /// 0xA0 only).
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        33u16.put(out);
        self.info_type.put(out);
        self.file_info_class.put(out);
        fit::<u32>(self.buffer.len(), "buffer_length")?.put(out);
        fit::<u16>(Header::LEN + 32, "buffer_offset")?.put(out);
        self.reserved.put(out);
        self.additional_information.put(out);
        self.file_id.put(out);
        put_or_filler(&self.buffer, 1, out);
        Ok(())
    }
}

/// SMB2 SET_INFO Response ([MS-SMB2] 2.2.40): a StructureSize and nothing else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SetInfoResponse;

impl Body for SetInfoResponse {
    const COMMAND: Command = Command::SET_INFO;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        Reader::body(message, 2)?;
        Ok(Self)
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        2u16.put(out);
        Ok(())
    }
}

fixed_payload! {
    /// FileBasicInformation ([MS-FSCC] 2.4.7): times and attributes. All zero, which is the default, changes nothing;
    /// of a time, all ones and all ones but the lowest bit are further instructions to the server.
    FileBasicInformation: 40 {
        /// FILETIME, 0 for no change.
        creation_time: u64,
        /// FILETIME, 0 for no change.
        last_access_time: u64,
        /// FILETIME, 0 for no change.
        last_write_time: u64,
        /// FILETIME, 0 for no change.
        change_time: u64,
        /// Attributes, 0 for no change.
        file_attributes: FileAttributes,
        /// Reserved, anything.
        reserved: u32,
    }

    /// FileDispositionInformation ([MS-FSCC] 2.4.11): whether the file goes when its last open is closed.
    FileDispositionInformation: 1 {
        /// 1 to delete it, 0 to keep it.
        delete_pending: u8,
    }

    /// FileEndOfFileInformation ([MS-FSCC] 2.4.14): the length of the file.
    FileEndOfFileInformation: 8 {
        /// The length in bytes; the high bit, a sign, is 0.
        end_of_file: u64,
    }
}

/// The number of an information class, and the request that sets it.
macro_rules! file_information {
    ($($name:ident = $class:literal),+ $(,)?) => {$(
        impl $name {
            /// Its FileInfoClass ([MS-FSCC] 2.4).
            pub const CLASS: u8 = $class;

            /// The request that sets this.
            #[must_use]
            pub fn request(&self, file_id: FileId) -> SetInfoRequest {
                SetInfoRequest::file(file_id, Self::CLASS, self.encode())
            }
        }
    )+};
}

file_information! {
    FileBasicInformation = 4,
    FileDispositionInformation = 13,
    FileEndOfFileInformation = 20,
}
