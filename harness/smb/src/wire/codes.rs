//! The named numbers of negotiation, sessions and the header.

use crate::numbers::{codes, flags};
use model::Dialect;

codes! {
    /// The command code of a message ([MS-SMB2] 2.2.1.1 Command).
    Command(u16, "0x{:04X}") {
        /// Dialect and capabilities.
        NEGOTIATE = 0x0000,
        /// One leg of authentication.
        SESSION_SETUP = 0x0001,
        /// End of a session.
        LOGOFF = 0x0002,
        /// Access to a share.
        TREE_CONNECT = 0x0003,
        /// End of the access to a share.
        TREE_DISCONNECT = 0x0004,
        /// Open or create a file or pipe.
        CREATE = 0x0005,
        /// Close an open.
        CLOSE = 0x0006,
        /// Flush an open to storage.
        FLUSH = 0x0007,
        /// Read from an open.
        READ = 0x0008,
        /// Write to an open.
        WRITE = 0x0009,
        /// Byte-range locks.
        LOCK = 0x000A,
        /// Control codes.
        IOCTL = 0x000B,
        /// Cancel an earlier request. It is never answered itself.
        CANCEL = 0x000C,
        /// Is the server there?
        ECHO = 0x000D,
        /// Enumerate a directory.
        QUERY_DIRECTORY = 0x000E,
        /// Wait for changes of a directory.
        CHANGE_NOTIFY = 0x000F,
        /// Ask for information on an open.
        QUERY_INFO = 0x0010,
        /// Set information of an open.
        SET_INFO = 0x0011,
        /// Oplock and lease breaks, notifications and acknowledgments alike.
        OPLOCK_BREAK = 0x0012,
        /// Sent by a server without a request (2.2.44).
        SERVER_TO_CLIENT_NOTIFICATION = 0x0013,
    }
}

flags! {
    /// The flags of the header ([MS-SMB2] 2.2.1.1 Flags).
    Flags(u32) {
        /// The message is a response.
        SERVER_TO_REDIR = 0x0000_0001,
        /// The header has the ASYNC form: an AsyncId in place of Reserved and TreeId.
        ASYNC = 0x0000_0002,
        /// Related operation of a compound.
        RELATED = 0x0000_0004,
        /// The message is signed.
        SIGNED = 0x0000_0008,
        /// The three bits of the I/O priority (3.1.1 only), see [`Flags::priority`].
        PRIORITY_MASK = 0x0000_0070,
        /// A DFS operation.
        DFS = 0x1000_0000,
        /// A replay (3.x only).
        REPLAY = 0x2000_0000,
    }
}

impl Flags {
    /// The I/O priority, 0 to 7 (SMB2_FLAGS_PRIORITY_MASK).
    #[must_use]
    pub const fn priority(self) -> u32 {
        (self.0 & Self::PRIORITY_MASK.0) >> 4
    }
}

flags! {
    /// What a side says of signing ([MS-SMB2] 2.2.3, 2.2.4 SecurityMode; one byte wide in SESSION_SETUP, 2.2.5).
    SecurityMode(u16) {
        /// SMB2_NEGOTIATE_SIGNING_ENABLED.
        SIGNING_ENABLED = 0x0001,
        /// SMB2_NEGOTIATE_SIGNING_REQUIRED.
        SIGNING_REQUIRED = 0x0002,
    }
}

flags! {
    /// Capabilities of a client or a server ([MS-SMB2] 2.2.3, 2.2.4, 2.2.5 Capabilities).
    Capabilities(u32) {
        /// Distributed File System.
        DFS = 0x0000_0001,
        /// Leases.
        LEASING = 0x0000_0002,
        /// Multi-credit operations.
        LARGE_MTU = 0x0000_0004,
        /// Several channels for one session.
        MULTI_CHANNEL = 0x0000_0008,
        /// Persistent handles.
        PERSISTENT_HANDLES = 0x0000_0010,
        /// Leases on directories.
        DIRECTORY_LEASING = 0x0000_0020,
        /// Encryption, at 3.0 and 3.0.2.
        ENCRYPTION = 0x0000_0040,
        /// One-way notifications from the server.
        NOTIFICATIONS = 0x0000_0080,
    }
}

flags! {
    /// What kind of session SESSION_SETUP made ([MS-SMB2] 2.2.6 SessionFlags).
    SessionFlags(u16) {
        /// The user is guest.
        IS_GUEST = 0x0001,
        /// The user is anonymous.
        IS_NULL = 0x0002,
        /// The server demands encryption on this session (3.x only).
        ENCRYPT_DATA = 0x0004,
    }
}

flags! {
    /// The flags of a SESSION_SETUP request ([MS-SMB2] 2.2.5 Flags).
    SessionSetupFlags(u8) {
        /// Bind an existing session to this connection.
        BINDING = 0x01,
    }
}

codes! {
    /// A dialect revision number ([MS-SMB2] 2.2.3 Dialects, 2.2.4 DialectRevision).
    DialectRevision(u16, "0x{:04X}") {
        /// SMB 2.0.2.
        SMB_2_0_2 = 0x0202,
        /// SMB 2.1.
        SMB_2_1 = 0x0210,
        /// SMB 3.0.
        SMB_3_0 = 0x0300,
        /// SMB 3.0.2.
        SMB_3_0_2 = 0x0302,
        /// SMB 3.1.1.
        SMB_3_1_1 = 0x0311,
        /// "SMB 2.???": the answer to a multi-protocol negotiate; a second NEGOTIATE decides.
        WILDCARD = 0x02FF,
    }
}

impl DialectRevision {
    /// The dialect with this number; none for the wildcard and for unknown numbers.
    #[must_use]
    pub const fn to_dialect(self) -> Option<Dialect> {
        match self {
            Self::SMB_2_0_2 => Some(Dialect::Smb202),
            Self::SMB_2_1 => Some(Dialect::Smb21),
            Self::SMB_3_0 => Some(Dialect::Smb30),
            Self::SMB_3_0_2 => Some(Dialect::Smb302),
            Self::SMB_3_1_1 => Some(Dialect::Smb311),
            _ => None,
        }
    }

    /// The number of this dialect; SMB1 has none.
    #[must_use]
    pub const fn from_dialect(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Nt1 => None,
            Dialect::Smb202 => Some(Self::SMB_2_0_2),
            Dialect::Smb21 => Some(Self::SMB_2_1),
            Dialect::Smb30 => Some(Self::SMB_3_0),
            Dialect::Smb302 => Some(Self::SMB_3_0_2),
            Dialect::Smb311 => Some(Self::SMB_3_1_1),
        }
    }
}

codes! {
    /// The type of a negotiate context ([MS-SMB2] 2.2.3.1 ContextType).
    ContextType(u16, "0x{:04X}") {
        /// [`PreauthIntegrity`](super::PreauthIntegrity).
        PREAUTH_INTEGRITY_CAPABILITIES = 0x0001,
        /// [`EncryptionCapabilities`](super::EncryptionCapabilities).
        ENCRYPTION_CAPABILITIES = 0x0002,
        /// [`CompressionCapabilities`](super::CompressionCapabilities).
        COMPRESSION_CAPABILITIES = 0x0003,
        /// [`NetName`](super::NetName).
        NETNAME_NEGOTIATE_CONTEXT_ID = 0x0005,
        /// [`TransportCapabilities`](super::TransportCapabilities).
        TRANSPORT_CAPABILITIES = 0x0006,
        /// [`RdmaTransformCapabilities`](super::RdmaTransformCapabilities).
        RDMA_TRANSFORM_CAPABILITIES = 0x0007,
        /// [`SigningCapabilities`](super::SigningCapabilities).
        SIGNING_CAPABILITIES = 0x0008,
        /// Reserved: a receiver ignores it.
        CONTEXTTYPE_RESERVED = 0x0100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_survive_and_show_as_hex() {
        assert_eq!(Command::ECHO.to_string(), "ECHO");
        assert_eq!(Command(0x99).to_string(), "0x0099");
        assert_eq!(Command(0x99).name(), None);
        assert_eq!(format!("{:?}", Command::CREATE), "CREATE (0x5)");
        assert_eq!(Command::NAMED.len(), 20);
        assert_eq!(Flags(0x8000_0009).to_string(), "SERVER_TO_REDIR|SIGNED|0x80000000");
        assert_eq!(Flags(0).to_string(), "0");
        assert_eq!(Flags(0x30).to_string(), "0x30");
    }

    #[test]
    fn flags_are_sets() {
        let flags = Flags::ASYNC.with(Flags::SIGNED) | Flags(0x50);
        assert!(flags.contains(Flags::SIGNED) && !flags.contains(Flags::RELATED));
        assert_eq!(flags.without(Flags::ASYNC), Flags(0x58));
        assert_eq!(flags.priority(), 5);
        assert!(Flags(0).is_empty());
    }

    #[test]
    fn dialects_go_there_and_back() {
        for &dialect in Dialect::SMB2 {
            assert_eq!(
                DialectRevision::from_dialect(dialect).and_then(DialectRevision::to_dialect),
                Some(dialect)
            );
        }
        assert_eq!(DialectRevision::from_dialect(Dialect::Nt1), None);
        assert_eq!(DialectRevision::WILDCARD.to_dialect(), None);
        assert_eq!(DialectRevision(0x0312).to_dialect(), None);
    }
}
