//! TREE_CONNECT ([MS-SMB2] 2.2.9, 2.2.10).

use super::{
    AccessMask, Body, Command, Header, ShareCapabilities, ShareFlags, ShareType, TreeConnectFlags, WireError,
    fixed_body,
};
use crate::reader::{Field, Reader, fit, put_or_filler};

/// SMB2 TREE_CONNECT Request ([MS-SMB2] 2.2.9).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeConnectRequest {
    /// Flags at 3.1.1; reserved in the other dialects.
    pub flags: TreeConnectFlags,
    /// The share, `\\server\share`, as UTF-16LE ([`utf16`](super::utf16)).
    pub path: Vec<u8>,
    /// The extension: read where [`TreeConnectFlags::EXTENSION_PRESENT`] is set, written where it is here.
    pub extension: Option<TreeConnectExtension>,
}

/// The extension of a TREE_CONNECT request, less its path ([MS-SMB2] 2.2.9.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeConnectExtension {
    /// TreeConnectContextOffset, in bytes from the start of the request: as sent, not followed.
    pub tree_connect_context_offset: u32,
    /// TreeConnectContextCount: as sent, not followed.
    pub tree_connect_context_count: u16,
    /// Reserved, zeros.
    pub reserved: [u8; 10],
    /// Everything behind the path: the contexts, with the padding around them.
    pub tree_connect_contexts: Vec<u8>,
}

/// Length of the extension in front of the path.
const EXTENSION: usize = 16;

impl Body for TreeConnectRequest {
    const COMMAND: Command = Command::TREE_CONNECT;

    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 9)?;
        let flags: TreeConnectFlags = reader.field("flags")?;
        let offset: u16 = reader.field("path_offset")?;
        let length: u16 = reader.field("path_length")?;
        let mut extension = None;
        if flags.contains(TreeConnectFlags::EXTENSION_PRESENT) {
            extension = Some(TreeConnectExtension {
                tree_connect_context_offset: reader.field("tree_connect_context_offset")?,
                tree_connect_context_count: reader.field("tree_connect_context_count")?,
                reserved: reader.field("reserved")?,
                tree_connect_contexts: Vec::new(),
            });
        }
        let path = reader.buffer(offset, length, "path")?.to_vec();
        if let Some(extension) = &mut extension {
            if !path.is_empty() {
                reader.seek(usize::from(offset) + path.len(), "path")?;
            }
            extension.tree_connect_contexts = reader.rest().to_vec();
        }
        Ok(Self { flags, path, extension })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        let extension = if self.extension.is_some() { EXTENSION } else { 0 };
        9u16.put(out);
        self.flags.put(out);
        fit::<u16>(Header::LEN + 8 + extension, "path_offset")?.put(out);
        fit::<u16>(self.path.len(), "path_length")?.put(out);
        let Some(extension) = &self.extension else {
            put_or_filler(&self.path, 1, out);
            return Ok(());
        };
        extension.tree_connect_context_offset.put(out);
        extension.tree_connect_context_count.put(out);
        extension.reserved.put(out);
        out.extend_from_slice(&self.path);
        out.extend_from_slice(&extension.tree_connect_contexts);
        Ok(())
    }
}

fixed_body! {
    /// SMB2 TREE_CONNECT Response ([MS-SMB2] 2.2.10). The tree is the one of the header.
    TreeConnectResponse: TREE_CONNECT, 16 {
        /// Disk, pipe or printer.
        share_type: ShareType,
        /// Reserved, 0.
        reserved: u8,
        /// Properties of the share.
        share_flags: ShareFlags,
        /// Capabilities of the share.
        capabilities: ShareCapabilities,
        /// What the user may do at most.
        maximal_access: AccessMask,
    }
}
