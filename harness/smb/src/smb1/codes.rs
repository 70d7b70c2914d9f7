//! The named numbers of the header, of negotiation and of sessions.

use crate::numbers::{codes, flags};

codes! {
    /// The command code of a message ([MS-CIFS] 2.2.2.1).
    Command(u8, "0x{:02X}", "SMB_COM_") {
        CREATE_DIRECTORY = 0x00, DELETE_DIRECTORY = 0x01, OPEN = 0x02, CREATE = 0x03, CLOSE = 0x04, FLUSH = 0x05,
        DELETE = 0x06, RENAME = 0x07, QUERY_INFORMATION = 0x08, SET_INFORMATION = 0x09, READ = 0x0A, WRITE = 0x0B,
        LOCK_BYTE_RANGE = 0x0C, UNLOCK_BYTE_RANGE = 0x0D, CREATE_TEMPORARY = 0x0E, CREATE_NEW = 0x0F,
        CHECK_DIRECTORY = 0x10, PROCESS_EXIT = 0x11, SEEK = 0x12, LOCK_AND_READ = 0x13, WRITE_AND_UNLOCK = 0x14,
        READ_RAW = 0x1A, READ_MPX = 0x1B, READ_MPX_SECONDARY = 0x1C, WRITE_RAW = 0x1D, WRITE_MPX = 0x1E,
        WRITE_MPX_SECONDARY = 0x1F, WRITE_COMPLETE = 0x20, QUERY_SERVER = 0x21, SET_INFORMATION2 = 0x22,
        QUERY_INFORMATION2 = 0x23, LOCKING_ANDX = 0x24, TRANSACTION = 0x25, TRANSACTION_SECONDARY = 0x26,
        IOCTL = 0x27, IOCTL_SECONDARY = 0x28, COPY = 0x29, MOVE = 0x2A, ECHO = 0x2B, WRITE_AND_CLOSE = 0x2C,
        OPEN_ANDX = 0x2D, READ_ANDX = 0x2E, WRITE_ANDX = 0x2F, NEW_FILE_SIZE = 0x30, CLOSE_AND_TREE_DISC = 0x31,
        TRANSACTION2 = 0x32, TRANSACTION2_SECONDARY = 0x33, FIND_CLOSE2 = 0x34, FIND_NOTIFY_CLOSE = 0x35,
        TREE_CONNECT = 0x70, TREE_DISCONNECT = 0x71, NEGOTIATE = 0x72, SESSION_SETUP_ANDX = 0x73,
        LOGOFF_ANDX = 0x74, TREE_CONNECT_ANDX = 0x75, SECURITY_PACKAGE_ANDX = 0x7E, QUERY_INFORMATION_DISK = 0x80,
        SEARCH = 0x81, FIND = 0x82, FIND_UNIQUE = 0x83, FIND_CLOSE = 0x84, NT_TRANSACT = 0xA0,
        NT_TRANSACT_SECONDARY = 0xA1, NT_CREATE_ANDX = 0xA2, NT_CANCEL = 0xA4, NT_RENAME = 0xA5,
        OPEN_PRINT_FILE = 0xC0, WRITE_PRINT_FILE = 0xC1, CLOSE_PRINT_FILE = 0xC2, GET_PRINT_QUEUE = 0xC3,
        READ_BULK = 0xD8, WRITE_BULK = 0xD9, WRITE_BULK_DATA = 0xDA, INVALID = 0xFE, NO_ANDX_COMMAND = 0xFF,
    }
}

impl Command {
    /// Whether its parameters begin with AndXCommand, AndXReserved and AndXOffset ([MS-CIFS] 2.2.3.4).
    #[must_use]
    pub const fn is_andx(self) -> bool {
        matches!(
            self,
            Self::LOCKING_ANDX
                | Self::OPEN_ANDX
                | Self::READ_ANDX
                | Self::WRITE_ANDX
                | Self::SESSION_SETUP_ANDX
                | Self::LOGOFF_ANDX
                | Self::TREE_CONNECT_ANDX
                | Self::SECURITY_PACKAGE_ANDX
                | Self::NT_CREATE_ANDX
        )
    }

    /// Whether it carries on a transaction that another request has begun, under the same PID and MID ([MS-CIFS]
    /// 3.2.4.1.5).
    #[must_use]
    pub const fn is_secondary(self) -> bool {
        matches!(
            self,
            Self::TRANSACTION_SECONDARY | Self::TRANSACTION2_SECONDARY | Self::NT_TRANSACT_SECONDARY
        )
    }
}

flags! {
    /// The Flags of the header ([MS-CIFS] 2.2.3.1).
    Flags(u8) {
        /// The server supports LOCK_AND_READ and WRITE_AND_UNLOCK.
        LOCK_AND_READ_OK = 0x01,
        /// Obsolete: a receive buffer is posted.
        BUF_AVAIL = 0x02,
        /// Pathnames are case-insensitive.
        CASE_INSENSITIVE = 0x08,
        /// Pathnames are in canonical form.
        CANONICALIZED_PATHS = 0x10,
        /// An exclusive oplock is asked for, or granted.
        OPLOCK = 0x20,
        /// A batch oplock is asked for, or granted.
        OPBATCH = 0x40,
        /// The message is a response.
        REPLY = 0x80,
    }
}

flags! {
    /// The Flags2 of the header ([MS-CIFS] 2.2.3.1, [MS-SMB] 2.2.3.1).
    Flags2(u16) {
        /// The message may contain long names.
        LONG_NAMES = 0x0001,
        /// The client is aware of extended attributes.
        EAS = 0x0002,
        /// The message is signed; in a SESSION_SETUP request before signing is active: the client asks for signing.
        SECURITY_SIGNATURE = 0x0004,
        /// Compressed data of a READ_ANDX.
        COMPRESSED = 0x0008,
        /// In the first SESSION_SETUP request: the client requires signing ([MS-SMB] 2.2.3.1).
        SECURITY_SIGNATURE_REQUIRED = 0x0010,
        /// Paths contain long names.
        IS_LONG_NAME = 0x0040,
        /// The path contains a previous version token.
        REPARSE_PATH = 0x0400,
        /// SPNEGO authentication is supported ([MS-SMB] 2.2.3.1).
        EXTENDED_SECURITY = 0x0800,
        /// Paths are to be resolved in DFS.
        DFS = 0x1000,
        /// Reading is permitted with the right to execute.
        PAGING_IO = 0x2000,
        /// Status is an NTSTATUS.
        NT_STATUS = 0x4000,
        /// Strings are UTF-16LE.
        UNICODE = 0x8000,
    }
}

flags! {
    /// The SecurityMode of a NEGOTIATE response ([MS-CIFS] 2.2.4.52.2).
    SecurityMode(u8) {
        /// NEGOTIATE_USER_SECURITY: access control by user, not by share.
        USER_SECURITY = 0x01,
        /// NEGOTIATE_ENCRYPT_PASSWORDS: challenge/response authentication.
        ENCRYPT_PASSWORDS = 0x02,
        /// NEGOTIATE_SECURITY_SIGNATURES_ENABLED: the server supports signing.
        SECURITY_SIGNATURES_ENABLED = 0x04,
        /// NEGOTIATE_SECURITY_SIGNATURES_REQUIRED: the server requires signing. Clear where ENABLED is.
        SECURITY_SIGNATURES_REQUIRED = 0x08,
    }
}

flags! {
    /// Capabilities of a NEGOTIATE response and of a SESSION_SETUP request ([MS-CIFS] 2.2.4.52.2, [MS-SMB]
    /// 2.2.4.5.2.1).
    Capabilities(u32) {
        /// READ_RAW and WRITE_RAW.
        RAW_MODE = 0x0000_0001,
        /// READ_MPX and WRITE_MPX.
        MPX_MODE = 0x0000_0002,
        /// UTF-16LE strings.
        UNICODE = 0x0000_0004,
        /// 64-bit offsets.
        LARGE_FILES = 0x0000_0008,
        /// The commands of NT LM 0.12.
        NT_SMBS = 0x0000_0010,
        /// RPC.
        RPC_REMOTE_APIS = 0x0000_0020,
        /// NTSTATUS codes.
        STATUS32 = 0x0000_0040,
        /// Level II oplocks.
        LEVEL_II_OPLOCKS = 0x0000_0080,
        /// LOCK_AND_READ.
        LOCK_AND_READ = 0x0000_0100,
        /// TRANS2_FIND_FIRST2 and what belongs to it.
        NT_FIND = 0x0000_0200,
        /// DFS referrals.
        DFS = 0x0000_1000,
        /// Pass-through information levels.
        INFOLEVEL_PASSTHRU = 0x0000_2000,
        /// READ_ANDX beyond MaxBufferSize; not while signing is active.
        LARGE_READX = 0x0000_4000,
        /// WRITE_ANDX beyond MaxBufferSize; not while signing is active.
        LARGE_WRITEX = 0x0000_8000,
        /// Light-weight I/O control.
        LWIO = 0x0001_0000,
        /// UNIX extensions.
        UNIX = 0x0080_0000,
        /// Reserved: compressed messages.
        COMPRESSED_DATA = 0x0200_0000,
        /// Reauthentication.
        DYNAMIC_REAUTH = 0x2000_0000,
        /// Reserved: persistent handles.
        PERSISTENT_HANDLES = 0x4000_0000,
        /// Extended security.
        EXTENDED_SECURITY = 0x8000_0000,
    }
}

flags! {
    /// The Action of a SESSION_SETUP response ([MS-CIFS] 2.2.4.53.2).
    Action(u16) {
        /// SMB_SETUP_GUEST: the logon failed, and the server lets the user in as guest.
        GUEST = 0x0001,
        /// SMB_SETUP_USE_LANMAN_KEY: the response in OEMPassword was the one that was accepted, and signs.
        USE_LANMAN_KEY = 0x0002,
    }
}
