//! SMB_COM_NT_CREATE_ANDX ([MS-CIFS] 2.2.4.64, [MS-SMB] 2.2.4.9).

use super::block::{AndX, Block, Parts};
use super::body::Body;
use super::text::Text;
use super::{Command, Header, WireError};
use crate::numbers::{codes, flags};
use crate::reader::{Field, fit};
use crate::wire::{
    AccessMask, CreateDisposition, CreateOptions, FileAttributes, ImpersonationLevel, ShareAccess,
};

flags! {
    /// Flags of the request ([MS-SMB] 2.2.4.9.1).
    CreateFlags(u32) {
        /// An exclusive oplock.
        REQUEST_OPLOCK = 0x0000_0002,
        /// A batch oplock.
        REQUEST_OPBATCH = 0x0000_0004,
        /// Open the parent directory.
        OPEN_TARGET_DIR = 0x0000_0008,
        /// The extended response is asked for.
        REQUEST_EXTENDED_RESPONSE = 0x0000_0010,
    }
}

codes! {
    /// The oplock granted ([MS-CIFS] 2.2.4.64.2 OpLockLevel). Other numbers than in SMB2.
    OplockLevel(u8, "0x{:02X}") {
        /// None.
        NONE = 0x00,
        /// An exclusive oplock.
        EXCLUSIVE = 0x01,
        /// A batch oplock.
        BATCH = 0x02,
        /// A level II oplock: shared, for reading.
        LEVEL_II = 0x03,
    }
}

codes! {
    /// What was opened ([MS-CIFS] 2.2.4.64.2 ResourceType).
    ResourceType(u16, "0x{:04X}") {
        /// A file or a directory.
        DISK = 0x0000,
        /// A named pipe in byte mode.
        BYTE_MODE_PIPE = 0x0001,
        /// A named pipe in message mode.
        MESSAGE_MODE_PIPE = 0x0002,
        /// A printer.
        PRINTER = 0x0003,
        /// A serial device.
        COMM_DEVICE = 0x0004,
    }
}

/// SMB_COM_NT_CREATE_ANDX request ([MS-CIFS] 2.2.4.64.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NtCreateRequest {
    /// What follows.
    pub andx: AndX,
    /// Reserved, 0.
    pub reserved: u8,
    /// The length of the name in bytes; senders differ in whether its terminator counts.
    pub name_length: u16,
    /// Oplock, form of the response.
    pub flags: CreateFlags,
    /// The directory the name is relative to; 0 is the root of the share.
    pub root_directory_fid: u32,
    /// The access asked for.
    pub desired_access: AccessMask,
    /// How much to allocate, in bytes.
    pub allocation_size: u64,
    /// Attributes of a new file.
    pub ext_file_attributes: FileAttributes,
    /// What others may do meanwhile.
    pub share_access: ShareAccess,
    /// What to do where the file exists, and where not.
    pub create_disposition: CreateDisposition,
    /// Options.
    pub create_options: CreateOptions,
    /// The impersonation level.
    pub impersonation_level: ImpersonationLevel,
    /// Security tracking.
    pub security_flags: u8,
    /// The name and its terminator.
    pub name: Text,
}

impl NtCreateRequest {
    /// The same with this name, for a block at an even offset, such as the first. Its length does not count the
    /// terminator.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] where the length does not fit.
    pub fn with_name(mut self, unicode: bool, name: &str) -> Result<Self, WireError> {
        self.name = Text::new(Parts::bytes_offset(Header::LEN, 24), unicode, &[name]);
        let extra = usize::from(self.name.padded) + if unicode { 2 } else { 1 };
        self.name_length = fit(self.name.bytes.len().saturating_sub(extra), "name_length")?;
        Ok(self)
    }
}

impl Body for NtCreateRequest {
    const COMMAND: Command = Command::NT_CREATE_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[24])?;
        Ok(Self {
            andx: words.field("andx")?,
            reserved: words.field("reserved")?,
            name_length: words.field("name_length")?,
            flags: words.field("flags")?,
            root_directory_fid: words.field("root_directory_fid")?,
            desired_access: AccessMask(words.field("desired_access")?),
            allocation_size: words.field("allocation_size")?,
            ext_file_attributes: FileAttributes(words.field("ext_file_attributes")?),
            share_access: ShareAccess(words.field("share_access")?),
            create_disposition: CreateDisposition(words.field("create_disposition")?),
            create_options: CreateOptions(words.field("create_options")?),
            impersonation_level: ImpersonationLevel(words.field("impersonation_level")?),
            security_flags: words.field("security_flags")?,
            name: Text::read(block.data(), block),
        })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts { bytes: self.name.bytes.clone(), ..Parts::default() };
        let words = &mut parts.words;
        self.andx.put(words);
        self.reserved.put(words);
        self.name_length.put(words);
        self.flags.put(words);
        self.root_directory_fid.put(words);
        self.desired_access.0.put(words);
        self.allocation_size.put(words);
        self.ext_file_attributes.0.put(words);
        self.share_access.0.put(words);
        self.create_disposition.0.put(words);
        self.create_options.0.put(words);
        self.impersonation_level.0.put(words);
        self.security_flags.put(words);
        Ok(parts)
    }
}

/// SMB_COM_NT_CREATE_ANDX response ([MS-CIFS] 2.2.4.64.2, [MS-SMB] 2.2.4.9.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NtCreateResponse {
    /// What follows.
    pub andx: AndX,
    /// The oplock granted.
    pub oplock_level: OplockLevel,
    /// The open.
    pub fid: u16,
    /// What was done: 1 opened, 2 created, 3 overwritten.
    pub create_disposition: u32,
    /// When it was created, in 100 ns since 1601.
    pub create_time: u64,
    /// When it was last accessed.
    pub last_access_time: u64,
    /// When it was last written.
    pub last_write_time: u64,
    /// When it was last changed.
    pub last_change_time: u64,
    /// Its attributes.
    pub ext_file_attributes: FileAttributes,
    /// How much is allocated, in bytes.
    pub allocation_size: u64,
    /// Its length in bytes.
    pub end_of_file: u64,
    /// What it is.
    pub resource_type: ResourceType,
    /// Of a pipe its state, of a file whether it has attributes, streams or a reparse point.
    pub status_flags: u16,
    /// Whether it is a directory; any number but 0.
    pub directory: u8,
    /// The extended response.
    pub extended: Option<NtCreateExtended>,
}

/// What the extended response adds ([MS-SMB] 2.2.4.9.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NtCreateExtended {
    /// WordCount as sent: 42, though there are 50 words ([MS-SMB] <50>); ByteCount stands behind the fiftieth.
    pub word_count: u8,
    /// The volume.
    pub volume_guid: [u8; 16],
    /// The file on the volume.
    pub file_id: u64,
    /// What the user may do.
    pub maximal_access_rights: AccessMask,
    /// What the guest account may do.
    pub guest_maximal_access_rights: AccessMask,
}

impl Body for NtCreateResponse {
    const COMMAND: Command = Command::NT_CREATE_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[34, 42, 50])?;
        let count = block.word_count;
        Ok(Self {
            andx: words.field("andx")?,
            oplock_level: words.field("oplock_level")?,
            fid: words.field("fid")?,
            create_disposition: words.field("create_disposition")?,
            create_time: words.field("create_time")?,
            last_access_time: words.field("last_access_time")?,
            last_write_time: words.field("last_write_time")?,
            last_change_time: words.field("last_change_time")?,
            ext_file_attributes: FileAttributes(words.field("ext_file_attributes")?),
            allocation_size: words.field("allocation_size")?,
            end_of_file: words.field("end_of_file")?,
            resource_type: words.field("resource_type")?,
            status_flags: words.field("status_flags")?,
            directory: words.field("directory")?,
            extended: if count == 34 {
                None
            } else {
                Some(NtCreateExtended {
                    word_count: count,
                    volume_guid: words.field("volume_guid")?,
                    file_id: words.field("file_id")?,
                    maximal_access_rights: AccessMask(words.field("maximal_access_rights")?),
                    guest_maximal_access_rights: AccessMask(words.field("guest_maximal_access_rights")?),
                })
            },
        })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts::default();
        let words = &mut parts.words;
        self.andx.put(words);
        self.oplock_level.put(words);
        self.fid.put(words);
        self.create_disposition.put(words);
        self.create_time.put(words);
        self.last_access_time.put(words);
        self.last_write_time.put(words);
        self.last_change_time.put(words);
        self.ext_file_attributes.0.put(words);
        self.allocation_size.put(words);
        self.end_of_file.put(words);
        self.resource_type.put(words);
        self.status_flags.put(words);
        self.directory.put(words);
        if let Some(extended) = &self.extended {
            extended.volume_guid.put(words);
            extended.file_id.put(words);
            extended.maximal_access_rights.0.put(words);
            extended.guest_maximal_access_rights.0.put(words);
            parts.word_count = Some(extended.word_count);
        }
        Ok(parts)
    }
}
