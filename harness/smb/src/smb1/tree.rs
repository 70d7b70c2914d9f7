//! SMB_COM_TREE_CONNECT_ANDX ([MS-CIFS] 2.2.4.55, [MS-SMB] 2.2.4.7).

use super::block::{AndX, Block, Parts};
use super::body::Body;
use super::text::{Text, encode, split};
use super::{Command, Header, WireError};
use crate::numbers::flags;
use crate::reader::{Field, fit};
use crate::wire::AccessMask;

flags! {
    /// Flags of the request ([MS-SMB] 2.2.4.7.1).
    TreeConnectFlags(u16) {
        /// Disconnect the tree connect of the header.
        DISCONNECT_TID = 0x0001,
        /// Signing key protection is asked for.
        EXTENDED_SIGNATURES = 0x0004,
        /// The extended response is asked for.
        EXTENDED_RESPONSE = 0x0008,
    }
}

flags! {
    /// OptionalSupport of the response ([MS-SMB] 2.2.4.7.2). The two bits 0x000C are one number, the caching mode.
    OptionalSupport(u16) {
        /// Exclusive search attributes.
        SUPPORT_SEARCH_BITS = 0x0001,
        /// The share is in DFS.
        SHARE_IS_IN_DFS = 0x0002,
        /// Caching mode, low bit.
        CSC_CACHE_AUTO_REINT = 0x0004,
        /// Caching mode, high bit.
        CSC_CACHE_VDO = 0x0008,
        /// No file has two names.
        UNIQUE_FILE_NAME = 0x0010,
        /// Signing key protection is in use.
        EXTENDED_SIGNATURES = 0x0020,
    }
}

/// SMB_COM_TREE_CONNECT_ANDX request ([MS-CIFS] 2.2.4.55.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeConnectRequest {
    /// What follows.
    pub andx: AndX,
    /// Options.
    pub flags: TreeConnectFlags,
    /// The password of the share; one zero byte where there is none.
    pub password: Vec<u8>,
    /// Path, and Service, which is OEM in any case.
    pub path: Text,
}

impl TreeConnectRequest {
    /// A request without a password, for a block at an even offset, such as the first. `service` is `?????` for any.
    #[must_use]
    pub fn new(unicode: bool, path: &str, service: &str) -> Self {
        let password = vec![0];
        let mut path = Text::new(Parts::bytes_offset(Header::LEN, 4) + password.len(), unicode, &[path]);
        path.bytes.extend(encode(service, false));
        Self { password, path, ..Self::default() }
    }

    /// The path, for showing.
    #[must_use]
    pub fn path(&self, unicode: bool) -> String {
        self.path.first(unicode).0
    }

    /// The service, for showing.
    #[must_use]
    pub fn service(&self, unicode: bool) -> String {
        split(self.path.first(unicode).1, false).0
    }
}

impl Body for TreeConnectRequest {
    const COMMAND: Command = Command::TREE_CONNECT_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[4])?;
        let (andx, flags) = (words.field("andx")?, words.field("flags")?);
        let length: u16 = words.field("password_length")?;
        let mut data = block.data();
        let password = data.take(usize::from(length), "password")?.to_vec();
        Ok(Self { andx, flags, password, path: Text::read(data, block) })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts::default();
        self.andx.put(&mut parts.words);
        self.flags.put(&mut parts.words);
        fit::<u16>(self.password.len(), "password_length")?.put(&mut parts.words);
        parts.bytes.extend_from_slice(&self.password);
        parts.bytes.extend_from_slice(&self.path.bytes);
        Ok(parts)
    }
}

/// SMB_COM_TREE_CONNECT_ANDX response ([MS-CIFS] 2.2.4.55.2, [MS-SMB] 2.2.4.7.2), of two, three or seven words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeConnectResponse {
    /// What follows.
    pub andx: AndX,
    /// Properties of the share; absent with two words. Then there are no rights either.
    pub optional_support: Option<OptionalSupport>,
    /// MaximalShareAccessRights and GuestMaximalShareAccessRights; only with seven words.
    pub rights: Option<(AccessMask, AccessMask)>,
    /// Service, which is OEM in any case, and NativeFileSystem, as they stand.
    pub names: Vec<u8>,
}

impl TreeConnectResponse {
    /// The service, for showing.
    #[must_use]
    pub fn service(&self) -> String {
        split(&self.names, false).0
    }
}

impl Body for TreeConnectResponse {
    const COMMAND: Command = Command::TREE_CONNECT_ANDX;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        let mut words = block.parameters(&[2, 3, 7])?;
        let andx = words.field("andx")?;
        let count = block.word_count;
        let optional_support = if count >= 3 { Some(words.field("optional_support")?) } else { None };
        let rights = if count == 7 {
            let maximal = AccessMask(words.field("maximal_share_access_rights")?);
            Some((maximal, AccessMask(words.field("guest_maximal_share_access_rights")?)))
        } else {
            None
        };
        Ok(Self { andx, optional_support, rights, names: block.bytes.to_vec() })
    }

    /// With rights but without OptionalSupport, that field goes out as 0.
    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        let mut parts = Parts { bytes: self.names.clone(), ..Parts::default() };
        self.andx.put(&mut parts.words);
        if let Some(support) = self.optional_support.or(self.rights.map(|_| OptionalSupport(0))) {
            support.put(&mut parts.words);
        }
        if let Some((maximal, guest)) = self.rights {
            maximal.0.put(&mut parts.words);
            guest.0.put(&mut parts.words);
        }
        Ok(parts)
    }
}
