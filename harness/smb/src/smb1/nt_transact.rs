//! SMB_COM_NT_TRANSACT ([MS-CIFS] 2.2.4.62) with the one subcommand that is asked for here ([MS-CIFS] 2.2.7.4).

use super::block::{Block, Parts};
use super::body::Body;
use super::trans2::Layout;
use super::{Command, WireError};
use crate::numbers::{codes, flags};
use crate::reader::{Field, OutOfBounds, Reader, fit};

codes! {
    /// The Function of a transaction, its subcommand ([MS-CIFS] 2.2.2.2).
    NtTransactFunction(u16, "0x{:04X}", "NT_TRANSACT_") {
        CREATE = 0x0001, IOCTL = 0x0002, SET_SECURITY_DESC = 0x0003, NOTIFY_CHANGE = 0x0004, RENAME = 0x0005,
        QUERY_SECURITY_DESC = 0x0006,
    }
}

flags! {
    /// The changes to tell of ([MS-CIFS] 2.2.7.4.1 CompletionFilter).
    CompletionFilter(u32) {
        /// Names of files.
        FILE_NAME = 0x0000_0001,
        /// Names of directories.
        DIR_NAME = 0x0000_0002,
        /// Attributes.
        ATTRIBUTES = 0x0000_0004,
        /// Lengths.
        SIZE = 0x0000_0008,
        /// Times of the last write.
        LAST_WRITE = 0x0000_0010,
        /// Times of the last access.
        LAST_ACCESS = 0x0000_0020,
        /// Times of creation.
        CREATION = 0x0000_0040,
        /// Extended attributes.
        EA = 0x0000_0080,
        /// Security descriptors.
        SECURITY = 0x0000_0100,
        /// Names of streams.
        STREAM_NAME = 0x0000_0200,
        /// Lengths of streams.
        STREAM_SIZE = 0x0000_0400,
        /// Writes to streams.
        STREAM_WRITE = 0x0000_0800,
    }
}

/// SMB_COM_NT_TRANSACT request ([MS-CIFS] 2.2.4.62.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NtTransactRequest {
    /// How many setup words the client takes.
    pub max_setup_count: u8,
    /// Reserved, 0.
    pub reserved1: u16,
    /// The parameter bytes of the whole transaction; more than `parameters` has where secondary requests follow.
    pub total_parameter_count: u32,
    /// The data bytes of the whole transaction.
    pub total_data_count: u32,
    /// How many parameter bytes the client takes.
    pub max_parameter_count: u32,
    /// How many data bytes the client takes.
    pub max_data_count: u32,
    /// The subcommand.
    pub function: NtTransactFunction,
    /// The setup words.
    pub setup: Vec<u16>,
    /// The parameters of the subcommand.
    pub parameters: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
}

impl NtTransactRequest {
    /// NT_TRANSACT_NOTIFY_CHANGE ([MS-CIFS] 2.2.7.4.1): waits for a change in a directory, or below it with
    /// `watch_tree`. The names of what changed come as parameters, at most `max_parameter_count` bytes.
    #[must_use]
    pub fn notify_change(
        fid: u16,
        completion_filter: CompletionFilter,
        watch_tree: bool,
        max_parameter_count: u32,
    ) -> Self {
        let [a, b, c, d] = completion_filter.0.to_le_bytes();
        Self {
            max_parameter_count,
            function: NtTransactFunction::NOTIFY_CHANGE,
            setup: vec![u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]), fid, u16::from(watch_tree)],
            ..Self::default()
        }
    }
}

impl Body for NtTransactRequest {
    const COMMAND: Command = Command::NT_TRANSACT;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.any_parameters();
        let max_setup_count = words.field("max_setup_count")?;
        let reserved1 = words.field("reserved1")?;
        let total_parameter_count = words.field("total_parameter_count")?;
        let total_data_count = words.field("total_data_count")?;
        let max_parameter_count = words.field("max_parameter_count")?;
        let max_data_count = words.field("max_data_count")?;
        let parameters = buffer(block, &mut words, false, "parameters")?.0;
        let data = buffer(block, &mut words, false, "data")?.0;
        let setup_count = words.field("setup_count")?;
        let function = words.field("function")?;
        let setup = setup(&mut words, setup_count)?;
        Ok(Self {
            max_setup_count,
            reserved1,
            total_parameter_count,
            total_data_count,
            max_parameter_count,
            max_data_count,
            function,
            setup,
            parameters,
            data,
        })
    }

    /// The parameters, then the data, each at a multiple of 4.
    fn parts(&self, at: usize) -> Result<Parts, WireError> {
        let start = Parts::bytes_offset(at, 19 + self.setup.len());
        let layout = Layout::new(start, Vec::new(), &self.parameters, &self.data);
        let mut words = Vec::new();
        self.max_setup_count.put(&mut words);
        self.reserved1.put(&mut words);
        self.total_parameter_count.put(&mut words);
        self.total_data_count.put(&mut words);
        self.max_parameter_count.put(&mut words);
        self.max_data_count.put(&mut words);
        put_buffer(&self.parameters, layout.parameters, None, "parameter_count", &mut words)?;
        put_buffer(&self.data, layout.data, None, "data_count", &mut words)?;
        fit::<u8>(self.setup.len(), "setup_count")?.put(&mut words);
        self.function.put(&mut words);
        self.setup.iter().for_each(|word| word.put(&mut words));
        Ok(Parts { words, bytes: layout.bytes, word_count: None })
    }
}

/// SMB_COM_NT_TRANSACT response ([MS-CIFS] 2.2.4.62.2). The interim response is a [`super::ErrorResponse`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NtTransactResponse {
    /// Reserved, 0.
    pub reserved1: [u8; 3],
    /// The parameter bytes of the whole transaction.
    pub total_parameter_count: u32,
    /// The data bytes of the whole transaction.
    pub total_data_count: u32,
    /// Where in all parameter bytes those of this response belong.
    pub parameter_displacement: u32,
    /// Where in all data bytes those of this response belong.
    pub data_displacement: u32,
    /// The setup words.
    pub setup: Vec<u16>,
    /// Parameters.
    pub parameters: Vec<u8>,
    /// Data.
    pub data: Vec<u8>,
}

impl Body for NtTransactResponse {
    const COMMAND: Command = Command::NT_TRANSACT;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.any_parameters();
        let reserved1 = words.field("reserved1")?;
        let total_parameter_count = words.field("total_parameter_count")?;
        let total_data_count = words.field("total_data_count")?;
        let (parameters, parameter_displacement) = buffer(block, &mut words, true, "parameters")?;
        let (data, data_displacement) = buffer(block, &mut words, true, "data")?;
        let setup_count = words.field("setup_count")?;
        let setup = setup(&mut words, setup_count)?;
        Ok(Self {
            reserved1,
            total_parameter_count,
            total_data_count,
            parameter_displacement,
            data_displacement,
            setup,
            parameters,
            data,
        })
    }

    /// The parameters, then the data, each at a multiple of 4.
    fn parts(&self, at: usize) -> Result<Parts, WireError> {
        let start = Parts::bytes_offset(at, 18 + self.setup.len());
        let layout = Layout::new(start, Vec::new(), &self.parameters, &self.data);
        let mut words = Vec::new();
        self.reserved1.put(&mut words);
        self.total_parameter_count.put(&mut words);
        self.total_data_count.put(&mut words);
        let (parameters, data) = (Some(self.parameter_displacement), Some(self.data_displacement));
        put_buffer(&self.parameters, layout.parameters, parameters, "parameter_count", &mut words)?;
        put_buffer(&self.data, layout.data, data, "data_count", &mut words)?;
        fit::<u8>(self.setup.len(), "setup_count")?.put(&mut words);
        self.setup.iter().for_each(|word| word.put(&mut words));
        Ok(Parts { words, bytes: layout.bytes, word_count: None })
    }
}

/// A buffer by its count and offset, and its displacement, which only responses have.
fn buffer(
    block: &Block<'_>,
    words: &mut Reader<'_>,
    displaced: bool,
    field: &'static str,
) -> Result<(Vec<u8>, u32), WireError> {
    let count: u32 = words.field(field)?;
    let offset: u32 = words.field(field)?;
    let displacement = if displaced { words.field(field)? } else { 0 };
    Ok((block.buffer(offset, count, field)?.to_vec(), displacement))
}

fn setup(words: &mut Reader<'_>, count: u8) -> Result<Vec<u16>, OutOfBounds> {
    words.u16s(u16::from(count), "setup")
}

fn put_buffer(
    buffer: &[u8],
    offset: usize,
    displacement: Option<u32>,
    field: &'static str,
    words: &mut Vec<u8>,
) -> Result<(), WireError> {
    fit::<u32>(buffer.len(), field)?.put(words);
    fit::<u32>(offset, field)?.put(words);
    if let Some(displacement) = displacement {
        displacement.put(words);
    }
    Ok(())
}
