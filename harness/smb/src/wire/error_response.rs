//! The ERROR response ([MS-SMB2] 2.2.2).

use super::{Body, Command, WireError};
use crate::reader::{Field, Reader, align8, fit, put_or_filler};

/// SMB2 ERROR Response ([MS-SMB2] 2.2.2): the body of most responses whose status is an error, and of the interim
/// response STATUS_PENDING.
///
/// Its `COMMAND` names no command, for it answers any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorResponse {
    /// How many [`ErrorContext`]s `error_data` holds; 0 below 3.1.1.
    pub error_context_count: u8,
    /// Reserved, 0.
    pub reserved: u8,
    /// ErrorData, less the one byte of filling that stands in for an empty one.
    pub error_data: Vec<u8>,
}

/// SMB2 ERROR Context ([MS-SMB2] 2.2.2.1), 3.1.1 only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorContext {
    /// 0, or 0x72645253 for a share redirect.
    pub error_id: u32,
    /// ErrorContextData.
    pub error_context_data: Vec<u8>,
}

impl ErrorResponse {
    /// The error contexts, as many as ErrorContextCount says.
    ///
    /// # Errors
    /// [`WireError::Truncated`] where `error_data` ends before them; its offsets count from the start of `error_data`.
    pub fn contexts(&self) -> Result<Vec<ErrorContext>, WireError> {
        let mut reader = Reader::new(&self.error_data);
        let mut contexts = Vec::new();
        for _ in 0..self.error_context_count {
            // ErrorData starts 8 bytes into the response, so alignment within the response is alignment here.
            reader.seek(align8(reader.at()), "error_context")?;
            let length: u32 = reader.field("error_data_length")?;
            let error_id = reader.field("error_id")?;
            let data = reader.take(usize::try_from(length).unwrap_or(usize::MAX), "error_context_data")?;
            contexts.push(ErrorContext { error_id, error_context_data: data.to_vec() });
        }
        Ok(contexts)
    }
}

impl Body for ErrorResponse {
    const COMMAND: Command = Command(0xFFFF);

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 9)?;
        let error_context_count = reader.field("error_context_count")?;
        let reserved = reader.field("reserved")?;
        let count: u32 = reader.field("byte_count")?;
        let error_data = reader.buffer(reader.at(), count, "error_data")?.to_vec();
        Ok(Self { error_context_count, reserved, error_data })
    }

    /// Empty ErrorData becomes one zero byte, with a ByteCount of 0, as servers send it (Samba sends 0x21 there in an
    /// interim response: that byte is not kept).
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        9u16.put(out);
        self.error_context_count.put(out);
        self.reserved.put(out);
        fit::<u32>(self.error_data.len(), "byte_count")?.put(out);
        put_or_filler(&self.error_data, 1, out);
        Ok(())
    }
}
