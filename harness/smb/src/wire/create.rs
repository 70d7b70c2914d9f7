//! CREATE ([MS-SMB2] 2.2.13, 2.2.14).

use super::{
    AccessMask, Body, Command, CreateAction, CreateDisposition, CreateOptions, FileAttributes, Header,
    ImpersonationLevel, OplockLevel, ShareAccess, WireError,
};
use crate::reader::{Field, OutOfBounds, Reader, align8, fit, pad_to, slice};

/// SMB2_FILEID ([MS-SMB2] 2.2.14.1): an open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The half that survives a reconnect.
    pub persistent: u64,
    /// The half that may change at a reconnect.
    pub volatile: u64,
}

impl FileId {
    /// All ones: in a related compound, the open of the element before ([MS-SMB2] 3.2.4.1.4); in an IOCTL, none.
    pub const RELATED: Self = Self { persistent: u64::MAX, volatile: u64::MAX };
}

impl Field for FileId {
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, OutOfBounds> {
        Ok(Self { persistent: reader.field(field)?, volatile: reader.field(field)? })
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.persistent.put(out);
        self.volatile.put(out);
    }
}

/// SMB2_CREATE_CONTEXT ([MS-SMB2] 2.2.13.2, 2.2.14.2): name and data as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateContext {
    /// The name, such as `MxAc`, in network byte order.
    pub name: Vec<u8>,
    /// Reserved, 0.
    pub reserved: u16,
    /// The data.
    pub data: Vec<u8>,
}

impl CreateContext {
    /// A context.
    #[must_use]
    pub fn new(name: impl Into<Vec<u8>>, data: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), reserved: 0, data: data.into() }
    }
}

/// SMB2 CREATE Request ([MS-SMB2] 2.2.13).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateRequest {
    /// Reserved, 0.
    pub security_flags: u8,
    /// The oplock asked for.
    pub requested_oplock_level: OplockLevel,
    /// The impersonation level.
    pub impersonation_level: ImpersonationLevel,
    /// Reserved, 0.
    pub smb_create_flags: u64,
    /// Reserved, anything.
    pub reserved: u64,
    /// The access asked for.
    pub desired_access: AccessMask,
    /// Attributes of a new file.
    pub file_attributes: FileAttributes,
    /// What other opens may do meanwhile.
    pub share_access: ShareAccess,
    /// What to do where the file exists, and where not.
    pub create_disposition: CreateDisposition,
    /// Options.
    pub create_options: CreateOptions,
    /// The name, relative to the share, as UTF-16LE ([`utf16`](super::utf16)); empty for the root of the share.
    pub name: Vec<u8>,
    /// The create contexts, in order.
    pub create_contexts: Vec<CreateContext>,
}

/// Where the Buffer of the request starts.
const REQUEST_BUFFER: usize = Header::LEN + 56;

impl Body for CreateRequest {
    const COMMAND: Command = Command::CREATE;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 57)?;
        let mut body = Self {
            security_flags: reader.field("security_flags")?,
            requested_oplock_level: reader.field("requested_oplock_level")?,
            impersonation_level: reader.field("impersonation_level")?,
            smb_create_flags: reader.field("smb_create_flags")?,
            reserved: reader.field("reserved")?,
            desired_access: reader.field("desired_access")?,
            file_attributes: reader.field("file_attributes")?,
            share_access: reader.field("share_access")?,
            create_disposition: reader.field("create_disposition")?,
            create_options: reader.field("create_options")?,
            ..Self::default()
        };
        let offset: u16 = reader.field("name_offset")?;
        let length: u16 = reader.field("name_length")?;
        let contexts_offset: u32 = reader.field("create_contexts_offset")?;
        let contexts_length: u32 = reader.field("create_contexts_length")?;
        body.name = reader.buffer(offset, length, "name")?.to_vec();
        body.create_contexts =
            read_contexts(reader.buffer(contexts_offset, contexts_length, "create_contexts")?)?;
        Ok(body)
    }

    /// An empty name without contexts becomes two zero bytes, with a length of 0: the Buffer "MUST be at least one byte
    /// in length".
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let contexts = write_contexts(&self.create_contexts)?;
        let contexts_offset =
            if contexts.is_empty() { 0 } else { align8(REQUEST_BUFFER.saturating_add(self.name.len())) };
        let start = out.len().saturating_sub(Header::LEN);
        57u16.put(out);
        self.security_flags.put(out);
        self.requested_oplock_level.put(out);
        self.impersonation_level.put(out);
        self.smb_create_flags.put(out);
        self.reserved.put(out);
        self.desired_access.put(out);
        self.file_attributes.put(out);
        self.share_access.put(out);
        self.create_disposition.put(out);
        self.create_options.put(out);
        fit::<u16>(REQUEST_BUFFER, "name_offset")?.put(out);
        fit::<u16>(self.name.len(), "name_length")?.put(out);
        fit::<u32>(contexts_offset, "create_contexts_offset")?.put(out);
        fit::<u32>(contexts.len(), "create_contexts_length")?.put(out);
        out.extend_from_slice(&self.name);
        pad_to(out, start + contexts_offset);
        out.extend_from_slice(&contexts);
        pad_to(out, start + REQUEST_BUFFER + 2);
        Ok(())
    }
}

/// SMB2 CREATE Response ([MS-SMB2] 2.2.14).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateResponse {
    /// The oplock granted.
    pub oplock_level: OplockLevel,
    /// SMB2_CREATE_FLAG_REPARSEPOINT 1 (3.x).
    pub flags: u8,
    /// What was done.
    pub create_action: CreateAction,
    /// FILETIME.
    pub creation_time: u64,
    /// FILETIME.
    pub last_access_time: u64,
    /// FILETIME.
    pub last_write_time: u64,
    /// FILETIME.
    pub change_time: u64,
    /// Bytes allocated.
    pub allocation_size: u64,
    /// Length of the file in bytes.
    pub endof_file: u64,
    /// Attributes of the file.
    pub file_attributes: FileAttributes,
    /// Reserved, 0.
    pub reserved2: u32,
    /// The open.
    pub file_id: FileId,
    /// The create contexts, in order.
    pub create_contexts: Vec<CreateContext>,
}

impl Body for CreateResponse {
    const COMMAND: Command = Command::CREATE;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 89)?;
        let mut body = Self {
            oplock_level: reader.field("oplock_level")?,
            flags: reader.field("flags")?,
            create_action: reader.field("create_action")?,
            creation_time: reader.field("creation_time")?,
            last_access_time: reader.field("last_access_time")?,
            last_write_time: reader.field("last_write_time")?,
            change_time: reader.field("change_time")?,
            allocation_size: reader.field("allocation_size")?,
            endof_file: reader.field("endof_file")?,
            file_attributes: reader.field("file_attributes")?,
            reserved2: reader.field("reserved2")?,
            file_id: reader.field("file_id")?,
            create_contexts: Vec::new(),
        };
        let offset: u32 = reader.field("create_contexts_offset")?;
        let length: u32 = reader.field("create_contexts_length")?;
        body.create_contexts = read_contexts(reader.buffer(offset, length, "create_contexts")?)?;
        Ok(body)
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let contexts = write_contexts(&self.create_contexts)?;
        89u16.put(out);
        self.oplock_level.put(out);
        self.flags.put(out);
        self.create_action.put(out);
        self.creation_time.put(out);
        self.last_access_time.put(out);
        self.last_write_time.put(out);
        self.change_time.put(out);
        self.allocation_size.put(out);
        self.endof_file.put(out);
        self.file_attributes.put(out);
        self.reserved2.put(out);
        self.file_id.put(out);
        let offset = if contexts.is_empty() { 0 } else { Header::LEN + 88 };
        fit::<u32>(offset, "create_contexts_offset")?.put(out);
        fit::<u32>(contexts.len(), "create_contexts_length")?.put(out);
        out.extend_from_slice(&contexts);
        Ok(())
    }
}

/// Reads a list of contexts along Next. A context ends where the next one starts, and what it holds lies within it: so
/// neither the number of contexts nor the bytes copied exceed what the list has.
fn read_contexts(mut list: &[u8]) -> Result<Vec<CreateContext>, WireError> {
    const NEXT: &str = "create_context.next";
    let mut contexts = Vec::new();
    while !list.is_empty() {
        let next: u32 = Reader::new(list).field(NEXT)?;
        let next = usize::try_from(next).unwrap_or(usize::MAX);
        if (1..CONTEXT).contains(&next) {
            return Err(WireError::Overlap { field: NEXT, value: next, minimum: CONTEXT });
        }
        let end = if next == 0 { list.len() } else { next };
        contexts.push(read_context(slice(list, 0, end, NEXT)?)?);
        list = list.get(end..).unwrap_or_default();
        if next != 0 && list.is_empty() {
            return Err(WireError::Truncated { field: NEXT, offset: next, needed: CONTEXT, available: 0 });
        }
    }
    Ok(contexts)
}

/// Reads the one context that `bytes` are, Next included.
fn read_context(bytes: &[u8]) -> Result<CreateContext, WireError> {
    let mut reader = Reader::new(bytes);
    reader.take(4, "create_context.next")?;
    let name_offset: u16 = reader.field("create_context.name_offset")?;
    let name_length: u16 = reader.field("create_context.name_length")?;
    let reserved = reader.field("create_context.reserved")?;
    let data_offset: u16 = reader.field("create_context.data_offset")?;
    let data_length: u32 = reader.field("create_context.data_length")?;
    let name = reader.buffer(name_offset, name_length, "create_context.name")?.to_vec();
    let data = reader.buffer(data_offset, data_length, "create_context.data")?.to_vec();
    Ok(CreateContext { name, reserved, data })
}

/// The fixed part of a context.
const CONTEXT: usize = 16;

/// The bytes of a list of contexts. The last one is not padded.
fn write_contexts(contexts: &[CreateContext]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    let mut contexts = contexts.iter().peekable();
    while let Some(context) = contexts.next() {
        let data_offset = if context.data.is_empty() { 0 } else { align8(CONTEXT + context.name.len()) };
        let end = (CONTEXT + context.name.len()).max(data_offset + context.data.len());
        let next = if contexts.peek().is_some() { align8(end) } else { 0 };
        let start = out.len();
        fit::<u32>(next, "create_context.next")?.put(&mut out);
        fit::<u16>(CONTEXT, "create_context.name_offset")?.put(&mut out);
        fit::<u16>(context.name.len(), "create_context.name_length")?.put(&mut out);
        context.reserved.put(&mut out);
        fit::<u16>(data_offset, "create_context.data_offset")?.put(&mut out);
        fit::<u32>(context.data.len(), "create_context.data_length")?.put(&mut out);
        out.extend_from_slice(&context.name);
        pad_to(&mut out, start + data_offset);
        out.extend_from_slice(&context.data);
        pad_to(&mut out, start + next);
    }
    Ok(out)
}
