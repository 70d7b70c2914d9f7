//! QUERY_DIRECTORY and QUERY_INFO ([MS-SMB2] 2.2.33, 2.2.34, 2.2.37, 2.2.38).

use super::{Body, Command, FileId, FileInformationClass, Header, InfoType, QueryDirectoryFlags, WireError};
use crate::reader::{Field, Reader, fit, put_or_filler};

/// SMB2 QUERY_DIRECTORY Request ([MS-SMB2] 2.2.33).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryDirectoryRequest {
    /// The format of the answer.
    pub file_information_class: FileInformationClass,
    /// Flags.
    pub flags: QueryDirectoryFlags,
    /// Where to resume, with [`QueryDirectoryFlags::INDEX_SPECIFIED`]; else 0.
    pub file_index: u32,
    /// The directory.
    pub file_id: FileId,
    /// How many bytes the answer may have.
    pub output_buffer_length: u32,
    /// The search pattern, as UTF-16LE ([`utf16`](super::utf16)); may be empty.
    pub file_name: Vec<u8>,
}

impl Body for QueryDirectoryRequest {
    const COMMAND: Command = Command::QUERY_DIRECTORY;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 33)?;
        let file_information_class = reader.field("file_information_class")?;
        let flags = reader.field("flags")?;
        let file_index = reader.field("file_index")?;
        let file_id = reader.field("file_id")?;
        let offset: u16 = reader.field("file_name_offset")?;
        let length: u16 = reader.field("file_name_length")?;
        let output_buffer_length = reader.field("output_buffer_length")?;
        let file_name = reader.buffer(offset, length, "file_name")?.to_vec();
        Ok(Self { file_information_class, flags, file_index, file_id, output_buffer_length, file_name })
    }

    /// An empty pattern becomes one zero byte, with offset and length 0.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        33u16.put(out);
        self.file_information_class.put(out);
        self.flags.put(out);
        self.file_index.put(out);
        self.file_id.put(out);
        let offset = if self.file_name.is_empty() { 0 } else { Header::LEN + 32 };
        fit::<u16>(offset, "file_name_offset")?.put(out);
        fit::<u16>(self.file_name.len(), "file_name_length")?.put(out);
        self.output_buffer_length.put(out);
        put_or_filler(&self.file_name, 1, out);
        Ok(())
    }
}

/// SMB2 QUERY_INFO Request ([MS-SMB2] 2.2.37).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryInfoRequest {
    /// File, file system, security or quota.
    pub info_type: InfoType,
    /// The information class, of a file ([MS-FSCC] 2.4) or of a file system ([MS-FSCC] 2.5), as `info_type` says.
    pub file_info_class: u8,
    /// How many bytes the answer may have.
    pub output_buffer_length: u32,
    /// Reserved, 0.
    pub reserved: u16,
    /// For security queries, which parts; for EA queries, the index to start at.
    pub additional_information: u32,
    /// SL_* flags of EA queries, else 0.
    pub flags: u32,
    /// What is asked about.
    pub file_id: FileId,
    /// The input buffer of quota and EA queries; else empty.
    pub input_buffer: Vec<u8>,
}

impl Body for QueryInfoRequest {
    const COMMAND: Command = Command::QUERY_INFO;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 41)?;
        let info_type = reader.field("info_type")?;
        let file_info_class = reader.field("file_info_class")?;
        let output_buffer_length = reader.field("output_buffer_length")?;
        let offset: u16 = reader.field("input_buffer_offset")?;
        let reserved = reader.field("reserved")?;
        let length: u32 = reader.field("input_buffer_length")?;
        let additional_information = reader.field("additional_information")?;
        let flags = reader.field("flags")?;
        let file_id = reader.field("file_id")?;
        let input_buffer = reader.buffer(offset, length, "input_buffer")?.to_vec();
        Ok(Self {
            info_type,
            file_info_class,
            output_buffer_length,
            reserved,
            additional_information,
            flags,
            file_id,
            input_buffer,
        })
    }

    /// Without an input buffer its offset is 0.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        41u16.put(out);
        self.info_type.put(out);
        self.file_info_class.put(out);
        self.output_buffer_length.put(out);
        let offset = if self.input_buffer.is_empty() { 0 } else { Header::LEN + 40 };
        fit::<u16>(offset, "input_buffer_offset")?.put(out);
        self.reserved.put(out);
        fit::<u32>(self.input_buffer.len(), "input_buffer_length")?.put(out);
        self.additional_information.put(out);
        self.flags.put(out);
        self.file_id.put(out);
        out.extend_from_slice(&self.input_buffer);
        Ok(())
    }
}

macro_rules! output_buffer {
    ($($(#[$meta:meta])* $name:ident: $command:ident;)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            /// The answer, in the format of the class asked for.
            pub output_buffer: Vec<u8>,
        }

        impl Body for $name {
            const COMMAND: Command = Command::$command;

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
    )+};
}

output_buffer! {
    /// SMB2 QUERY_DIRECTORY Response ([MS-SMB2] 2.2.34).
    QueryDirectoryResponse: QUERY_DIRECTORY;

    /// SMB2 QUERY_INFO Response ([MS-SMB2] 2.2.38).
    QueryInfoResponse: QUERY_INFO;
}
