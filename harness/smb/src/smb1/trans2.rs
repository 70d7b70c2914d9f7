//! SMB_COM_TRANSACTION2 ([MS-CIFS] 2.2.4.46) with the two subcommands that are asked for here ([MS-CIFS] 2.2.6.4,
//! 2.2.6.16).

use super::block::{Block, Parts};
use super::body::Body;
use super::{Command, WireError};
use crate::numbers::{codes, flags};
use crate::reader::{Field, Reader, fit};
use crate::wire::utf16;

codes! {
    /// The subcommand of a transaction, its first setup word ([MS-CIFS] 2.2.2.2).
    Trans2Subcommand(u16, "0x{:04X}", "TRANS2_") {
        OPEN2 = 0x0000, FIND_FIRST2 = 0x0001, FIND_NEXT2 = 0x0002, QUERY_FS_INFORMATION = 0x0003,
        SET_FS_INFORMATION = 0x0004, QUERY_PATH_INFORMATION = 0x0005, SET_PATH_INFORMATION = 0x0006,
        QUERY_FILE_INFORMATION = 0x0007, SET_FILE_INFORMATION = 0x0008, FSCTL = 0x0009, IOCTL2 = 0x000A,
        FIND_NOTIFY_FIRST = 0x000B, FIND_NOTIFY_NEXT = 0x000C, CREATE_DIRECTORY = 0x000D, SESSION_SETUP = 0x000E,
        GET_DFS_REFERRAL = 0x0010, REPORT_DFS_INCONSISTENCY = 0x0011,
    }
}

codes! {
    /// What TRANS2_QUERY_FS_INFORMATION asks for ([MS-CIFS] 2.2.2.3.2).
    FsInformationLevel(u16, "0x{:04X}") {
        /// SMB_INFO_ALLOCATION: allocation units.
        INFO_ALLOCATION = 0x0001,
        /// SMB_INFO_VOLUME: serial number and label of the volume.
        INFO_VOLUME = 0x0002,
        /// SMB_QUERY_FS_VOLUME_INFO: the same, with the time of creation.
        QUERY_FS_VOLUME_INFO = 0x0102,
        /// SMB_QUERY_FS_SIZE_INFO: allocation units in 64 bits.
        QUERY_FS_SIZE_INFO = 0x0103,
        /// SMB_QUERY_FS_DEVICE_INFO: type and characteristics of the device.
        QUERY_FS_DEVICE_INFO = 0x0104,
        /// SMB_QUERY_FS_ATTRIBUTE_INFO: attributes and name of the file system.
        QUERY_FS_ATTRIBUTE_INFO = 0x0105,
    }
}

flags! {
    /// Flags of a transaction ([MS-CIFS] 2.2.4.46.1).
    Trans2Flags(u16) {
        /// Disconnect the tree connect afterwards.
        DISCONNECT_TID = 0x0001,
        /// Send no response.
        NO_RESPONSE = 0x0002,
    }
}

/// SMB_COM_TRANSACTION2 request ([MS-CIFS] 2.2.4.46.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trans2Request {
    /// The parameter bytes of the whole transaction; more than `parameters` has where secondary requests follow.
    pub total_parameter_count: u16,
    /// The data bytes of the whole transaction.
    pub total_data_count: u16,
    /// How many parameter bytes the client takes.
    pub max_parameter_count: u16,
    /// How many data bytes the client takes.
    pub max_data_count: u16,
    /// How many setup words the client takes.
    pub max_setup_count: u8,
    /// Reserved, 0.
    pub reserved1: u8,
    /// Options.
    pub flags: Trans2Flags,
    /// A timeout, in milliseconds.
    pub timeout: u32,
    /// Reserved, 0.
    pub reserved2: u16,
    /// Reserved, 0.
    pub reserved3: u8,
    /// The setup words, the subcommand first.
    pub setup: Vec<u16>,
    /// The parameters of the subcommand.
    pub parameters: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
}

impl Trans2Request {
    /// A transaction in one request.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] where a length does not fit.
    pub fn new(
        subcommand: Trans2Subcommand,
        parameters: Vec<u8>,
        data: Vec<u8>,
        max_data_count: u16,
    ) -> Result<Self, WireError> {
        Ok(Self {
            total_parameter_count: fit(parameters.len(), "total_parameter_count")?,
            total_data_count: fit(data.len(), "total_data_count")?,
            max_data_count,
            setup: vec![subcommand.0],
            parameters,
            data,
            ..Self::default()
        })
    }

    /// TRANS2_QUERY_FS_INFORMATION ([MS-CIFS] 2.2.6.4.1): what the file system of a share is like.
    #[must_use]
    pub fn query_fs_information(level: FsInformationLevel, max_data_count: u16) -> Self {
        Self {
            total_parameter_count: 2,
            max_data_count,
            setup: vec![Trans2Subcommand::QUERY_FS_INFORMATION.0],
            parameters: level.0.to_le_bytes().to_vec(),
            ..Self::default()
        }
    }

    /// TRANS2_GET_DFS_REFERRAL ([MS-CIFS] 2.2.6.16.1) for a path such as `\server\share`: MaxReferralLevel, and the
    /// path in UTF-16LE with its terminator.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] where the path does not fit.
    pub fn get_dfs_referral(max_level: u16, path: &str, max_data_count: u16) -> Result<Self, WireError> {
        let parameters = [&max_level.to_le_bytes()[..], &utf16(path), &[0, 0]].concat();
        Self::new(Trans2Subcommand::GET_DFS_REFERRAL, parameters, Vec::new(), max_data_count)
    }

    /// The subcommand, where there is one.
    #[must_use]
    pub fn subcommand(&self) -> Option<Trans2Subcommand> {
        self.setup.first().copied().map(Trans2Subcommand)
    }
}

impl Body for Trans2Request {
    const COMMAND: Command = Command::TRANSACTION2;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.any_parameters();
        let total_parameter_count = words.field("total_parameter_count")?;
        let total_data_count = words.field("total_data_count")?;
        let max_parameter_count = words.field("max_parameter_count")?;
        let max_data_count = words.field("max_data_count")?;
        let max_setup_count = words.field("max_setup_count")?;
        let reserved1 = words.field("reserved1")?;
        let flags = words.field("flags")?;
        let timeout = words.field("timeout")?;
        let reserved2 = words.field("reserved2")?;
        let parameters = buffer(block, &mut words, false, "parameters")?.0;
        let data = buffer(block, &mut words, false, "data")?.0;
        let (setup, reserved3) = setup(&mut words)?;
        Ok(Self {
            total_parameter_count,
            total_data_count,
            max_parameter_count,
            max_data_count,
            max_setup_count,
            reserved1,
            flags,
            timeout,
            reserved2,
            reserved3,
            setup,
            parameters,
            data,
        })
    }

    /// The parameters, then the data, each at a multiple of 4, behind an empty Name.
    fn parts(&self, at: usize) -> Result<Parts, WireError> {
        let start = Parts::bytes_offset(at, 14 + self.setup.len());
        let layout = Layout::new(start, vec![0], &self.parameters, &self.data);
        let mut words = Vec::new();
        self.total_parameter_count.put(&mut words);
        self.total_data_count.put(&mut words);
        self.max_parameter_count.put(&mut words);
        self.max_data_count.put(&mut words);
        self.max_setup_count.put(&mut words);
        self.reserved1.put(&mut words);
        self.flags.put(&mut words);
        self.timeout.put(&mut words);
        self.reserved2.put(&mut words);
        put_buffer(&self.parameters, layout.parameters, None, "parameter_count", &mut words)?;
        put_buffer(&self.data, layout.data, None, "data_count", &mut words)?;
        put_setup(&self.setup, self.reserved3, &mut words)?;
        Ok(Parts { words, bytes: layout.bytes, word_count: None })
    }
}

/// SMB_COM_TRANSACTION2 response ([MS-CIFS] 2.2.4.46.2). The interim response is a [`super::ErrorResponse`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trans2Response {
    /// The parameter bytes of the whole transaction.
    pub total_parameter_count: u16,
    /// The data bytes of the whole transaction.
    pub total_data_count: u16,
    /// Reserved, 0.
    pub reserved1: u16,
    /// Where in all parameter bytes those of this response belong.
    pub parameter_displacement: u16,
    /// Where in all data bytes those of this response belong.
    pub data_displacement: u16,
    /// Reserved, 0.
    pub reserved2: u8,
    /// The setup words.
    pub setup: Vec<u16>,
    /// Parameters.
    pub parameters: Vec<u8>,
    /// Data.
    pub data: Vec<u8>,
}

impl Body for Trans2Response {
    const COMMAND: Command = Command::TRANSACTION2;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.any_parameters();
        let total_parameter_count = words.field("total_parameter_count")?;
        let total_data_count = words.field("total_data_count")?;
        let reserved1 = words.field("reserved1")?;
        let (parameters, parameter_displacement) = buffer(block, &mut words, true, "parameters")?;
        let (data, data_displacement) = buffer(block, &mut words, true, "data")?;
        let (setup, reserved2) = setup(&mut words)?;
        Ok(Self {
            total_parameter_count,
            total_data_count,
            reserved1,
            parameter_displacement,
            data_displacement,
            reserved2,
            setup,
            parameters,
            data,
        })
    }

    /// The parameters, then the data, each at a multiple of 4.
    fn parts(&self, at: usize) -> Result<Parts, WireError> {
        let start = Parts::bytes_offset(at, 10 + self.setup.len());
        let layout = Layout::new(start, Vec::new(), &self.parameters, &self.data);
        let mut words = Vec::new();
        self.total_parameter_count.put(&mut words);
        self.total_data_count.put(&mut words);
        self.reserved1.put(&mut words);
        let (parameters, data) = (Some(self.parameter_displacement), Some(self.data_displacement));
        put_buffer(&self.parameters, layout.parameters, parameters, "parameter_count", &mut words)?;
        put_buffer(&self.data, layout.data, data, "data_count", &mut words)?;
        put_setup(&self.setup, self.reserved2, &mut words)?;
        Ok(Parts { words, bytes: layout.bytes, word_count: None })
    }
}

/// A buffer by its count and offset, and its displacement, which only responses have.
fn buffer(
    block: &Block<'_>,
    words: &mut Reader<'_>,
    displaced: bool,
    field: &'static str,
) -> Result<(Vec<u8>, u16), WireError> {
    let count: u16 = words.field(field)?;
    let offset: u16 = words.field(field)?;
    let displacement = if displaced { words.field(field)? } else { 0 };
    Ok((block.buffer(offset, usize::from(count), field)?.to_vec(), displacement))
}

/// The setup words and the byte in front of them.
fn setup(words: &mut Reader<'_>) -> Result<(Vec<u16>, u8), WireError> {
    let count: u8 = words.field("setup_count")?;
    let reserved = words.field("reserved")?;
    let setup = (0..count).map(|_| words.field("setup")).collect::<Result<_, _>>()?;
    Ok((setup, reserved))
}

fn put_buffer(
    buffer: &[u8],
    offset: usize,
    displacement: Option<u16>,
    field: &'static str,
    words: &mut Vec<u8>,
) -> Result<(), WireError> {
    fit::<u16>(buffer.len(), field)?.put(words);
    fit::<u16>(offset, field)?.put(words);
    if let Some(displacement) = displacement {
        displacement.put(words);
    }
    Ok(())
}

fn put_setup(setup: &[u16], reserved: u8, words: &mut Vec<u8>) -> Result<(), WireError> {
    fit::<u8>(setup.len(), "setup_count")?.put(words);
    reserved.put(words);
    setup.iter().for_each(|word| word.put(words));
    Ok(())
}

/// Where parameters and data go, each at a multiple of 4; also where they are empty, as Windows does ([MS-CIFS] <113>).
pub(super) struct Layout {
    pub(super) bytes: Vec<u8>,
    pub(super) parameters: usize,
    pub(super) data: usize,
}

impl Layout {
    /// The layout of data that start at `start` and begin with `bytes`.
    pub(super) fn new(start: usize, mut bytes: Vec<u8>, parameters: &[u8], data: &[u8]) -> Self {
        let mut append = |buffer: &[u8]| {
            let at = (start + bytes.len()).next_multiple_of(4);
            bytes.resize(at - start, 0);
            bytes.extend_from_slice(buffer);
            at
        };
        let (parameters, data) = (append(parameters), append(data));
        Self { bytes, parameters, data }
    }
}
