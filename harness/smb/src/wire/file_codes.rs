//! The named numbers of shares, files and their operations.

use crate::numbers::{codes, flags};

flags! {
    /// Flags of a TREE_CONNECT request ([MS-SMB2] 2.2.9 Flags), 3.1.1 only.
    TreeConnectFlags(u16) {
        /// The client has been connected to this cluster share before.
        CLUSTER_RECONNECT = 0x0001,
        /// The client can handle a share redirect.
        REDIRECT_TO_OWNER = 0x0002,
        /// The Buffer starts with an extension (2.2.9.1).
        EXTENSION_PRESENT = 0x0004,
    }
}

codes! {
    /// What a share gives access to ([MS-SMB2] 2.2.10 ShareType).
    ShareType(u8, "0x{:02X}") {
        /// Files.
        DISK = 0x01,
        /// Named pipes.
        PIPE = 0x02,
        /// A printer.
        PRINT = 0x03,
    }
}

flags! {
    /// Properties of a share ([MS-SMB2] 2.2.10 ShareFlags). The two bits 0x30 are one number, the caching mode:
    /// 0 manual, 0x10 auto, 0x20 VDO, 0x30 none.
    ShareFlags(u32) {
        /// No offline caching.
        NO_CACHING = 0x0000_0030,
        /// Automatic offline caching.
        AUTO_CACHING = 0x0000_0010,
        /// Automatic offline caching, offline use even where the share is available.
        VDO_CACHING = 0x0000_0020,
        /// In a DFS tree.
        DFS = 0x0000_0001,
        /// In a DFS root.
        DFS_ROOT = 0x0000_0002,
        /// No exclusive opens that deny reads.
        RESTRICT_EXCLUSIVE_OPENS = 0x0000_0100,
        /// No opens that prevent deletion.
        FORCE_SHARED_DELETE = 0x0000_0200,
        /// To be ignored.
        ALLOW_NAMESPACE_CACHING = 0x0000_0400,
        /// Entries are filtered by the user's access.
        ACCESS_BASED_DIRECTORY_ENUM = 0x0000_0800,
        /// No exclusive caching rights.
        FORCE_LEVELII_OPLOCK = 0x0000_1000,
        /// Branch cache hashes, version 1.
        ENABLE_HASH_V1 = 0x0000_2000,
        /// Branch cache hashes, version 2.
        ENABLE_HASH_V2 = 0x0000_4000,
        /// The server demands encryption (3.x).
        ENCRYPT_DATA = 0x0000_8000,
        /// Identity remoting.
        IDENTITY_REMOTING = 0x0004_0000,
        /// Compression of reads and writes (3.1.1).
        COMPRESS_DATA = 0x0010_0000,
        /// Separate connections are preferable.
        ISOLATED_TRANSPORT = 0x0020_0000,
    }
}

flags! {
    /// Capabilities of a share ([MS-SMB2] 2.2.10 Capabilities).
    ShareCapabilities(u32) {
        /// In a DFS tree.
        DFS = 0x0000_0008,
        /// Continuously available (3.x).
        CONTINUOUS_AVAILABILITY = 0x0000_0010,
        /// Scale-out (3.x).
        SCALEOUT = 0x0000_0020,
        /// Monitored by the Witness service (3.x).
        CLUSTER = 0x0000_0040,
        /// Ownership may move (3.0.2 on).
        ASYMMETRIC = 0x0000_0080,
        /// Synchronous share redirects (3.1.1).
        REDIRECT_TO_OWNER = 0x0000_0100,
    }
}

flags! {
    /// An access mask ([MS-SMB2] 2.2.13.1). The names are those for files; the low bits of a directory mean the same
    /// rights under other names (0x1 list, 0x2 add a file, 0x4 add a directory, 0x20 traverse).
    AccessMask(u32) {
        /// Read data.
        FILE_READ_DATA = 0x0000_0001,
        /// Write data.
        FILE_WRITE_DATA = 0x0000_0002,
        /// Append data.
        FILE_APPEND_DATA = 0x0000_0004,
        /// Read extended attributes.
        FILE_READ_EA = 0x0000_0008,
        /// Write extended attributes.
        FILE_WRITE_EA = 0x0000_0010,
        /// Execute.
        FILE_EXECUTE = 0x0000_0020,
        /// Delete entries of a directory.
        FILE_DELETE_CHILD = 0x0000_0040,
        /// Read attributes.
        FILE_READ_ATTRIBUTES = 0x0000_0080,
        /// Write attributes.
        FILE_WRITE_ATTRIBUTES = 0x0000_0100,
        /// Delete.
        DELETE = 0x0001_0000,
        /// Read the security descriptor.
        READ_CONTROL = 0x0002_0000,
        /// Change the DACL.
        WRITE_DAC = 0x0004_0000,
        /// Change the owner.
        WRITE_OWNER = 0x0008_0000,
        /// Ignored by servers.
        SYNCHRONIZE = 0x0010_0000,
        /// Read or change the SACL.
        ACCESS_SYSTEM_SECURITY = 0x0100_0000,
        /// As much as the user may have.
        MAXIMUM_ALLOWED = 0x0200_0000,
        /// Everything.
        GENERIC_ALL = 0x1000_0000,
        /// What executing takes.
        GENERIC_EXECUTE = 0x2000_0000,
        /// What writing takes.
        GENERIC_WRITE = 0x4000_0000,
        /// What reading takes.
        GENERIC_READ = 0x8000_0000,
    }
}

flags! {
    /// What other opens may do meanwhile ([MS-SMB2] 2.2.13 ShareAccess).
    ShareAccess(u32) {
        /// Read.
        READ = 0x0000_0001,
        /// Write.
        WRITE = 0x0000_0002,
        /// Delete and rename.
        DELETE = 0x0000_0004,
    }
}

flags! {
    /// Attributes of a file ([MS-FSCC] 2.6), the common ones.
    FileAttributes(u32) {
        /// Read-only.
        READONLY = 0x0000_0001,
        /// Hidden.
        HIDDEN = 0x0000_0002,
        /// Part of the operating system.
        SYSTEM = 0x0000_0004,
        /// A directory.
        DIRECTORY = 0x0000_0010,
        /// To be archived.
        ARCHIVE = 0x0000_0020,
        /// No other attribute; only alone.
        NORMAL = 0x0000_0080,
        /// Temporary.
        TEMPORARY = 0x0000_0100,
        /// Sparse.
        SPARSE_FILE = 0x0000_0200,
        /// A reparse point.
        REPARSE_POINT = 0x0000_0400,
        /// Compressed.
        COMPRESSED = 0x0000_0800,
    }
}

codes! {
    /// The impersonation level ([MS-SMB2] 2.2.13 ImpersonationLevel).
    ImpersonationLevel(u32, "0x{:08X}") {
        /// Anonymous.
        ANONYMOUS = 0,
        /// Identification.
        IDENTIFICATION = 1,
        /// Impersonation.
        IMPERSONATION = 2,
        /// Delegate.
        DELEGATE = 3,
    }
}

codes! {
    /// The level of an oplock ([MS-SMB2] 2.2.13 RequestedOplockLevel, 2.2.14 OplockLevel).
    OplockLevel(u8, "0x{:02X}") {
        /// None.
        NONE = 0x00,
        /// Level II.
        II = 0x01,
        /// Exclusive.
        EXCLUSIVE = 0x08,
        /// Batch.
        BATCH = 0x09,
        /// A lease.
        LEASE = 0xFF,
    }
}

codes! {
    /// What to do where the file exists, and where not ([MS-SMB2] 2.2.13 CreateDisposition).
    CreateDisposition(u32, "0x{:08X}") {
        /// Replace, or create.
        SUPERSEDE = 0,
        /// Open, or fail.
        OPEN = 1,
        /// Fail, or create.
        CREATE = 2,
        /// Open, or create.
        OPEN_IF = 3,
        /// Overwrite, or fail.
        OVERWRITE = 4,
        /// Overwrite, or create.
        OVERWRITE_IF = 5,
    }
}

codes! {
    /// What CREATE did ([MS-SMB2] 2.2.14 CreateAction).
    CreateAction(u32, "0x{:08X}") {
        /// A file was replaced.
        SUPERSEDED = 0,
        /// A file was opened.
        OPENED = 1,
        /// A file was created.
        CREATED = 2,
        /// A file was overwritten.
        OVERWRITTEN = 3,
    }
}

flags! {
    /// Options of a CREATE ([MS-SMB2] 2.2.13 CreateOptions), those that servers heed.
    CreateOptions(u32) {
        /// It is a directory.
        DIRECTORY_FILE = 0x0000_0001,
        /// Write through.
        WRITE_THROUGH = 0x0000_0002,
        /// Sequential access only.
        SEQUENTIAL_ONLY = 0x0000_0004,
        /// No buffering.
        NO_INTERMEDIATE_BUFFERING = 0x0000_0008,
        /// It is no directory.
        NON_DIRECTORY_FILE = 0x0000_0040,
        /// The caller knows nothing of extended attributes.
        NO_EA_KNOWLEDGE = 0x0000_0200,
        /// Random access.
        RANDOM_ACCESS = 0x0000_0800,
        /// Delete it when the last open is closed.
        DELETE_ON_CLOSE = 0x0000_1000,
        /// Open by file id: STATUS_NOT_SUPPORTED.
        OPEN_BY_FILE_ID = 0x0000_2000,
        /// For backup.
        OPEN_FOR_BACKUP_INTENT = 0x0000_4000,
        /// Not to be compressed.
        NO_COMPRESSION = 0x0000_8000,
        /// Opportunistic filter: STATUS_NOT_SUPPORTED.
        RESERVE_OPFILTER = 0x0010_0000,
        /// The reparse point, not its target.
        OPEN_REPARSE_POINT = 0x0020_0000,
        /// Do not recall it from tertiary storage.
        OPEN_NO_RECALL = 0x0040_0000,
    }
}

flags! {
    /// Flags of a CLOSE ([MS-SMB2] 2.2.15, 2.2.16 Flags).
    CloseFlags(u16) {
        /// The response carries attributes.
        POSTQUERY_ATTRIB = 0x0001,
    }
}

codes! {
    /// A control code ([MS-SMB2] 2.2.31 CtlCode).
    CtlCode(u32, "0x{:08X}") {
        /// DFS referrals.
        FSCTL_DFS_GET_REFERRALS = 0x0006_0194,
        /// Peek into a pipe.
        FSCTL_PIPE_PEEK = 0x0011_400C,
        /// Wait for a pipe.
        FSCTL_PIPE_WAIT = 0x0011_0018,
        /// Write to a pipe and read the answer.
        FSCTL_PIPE_TRANSCEIVE = 0x0011_C017,
        /// Copy on the server.
        FSCTL_SRV_COPYCHUNK = 0x0014_40F2,
        /// Previous versions.
        FSCTL_SRV_ENUMERATE_SNAPSHOTS = 0x0014_4064,
        /// The key of a source for copying on the server.
        FSCTL_SRV_REQUEST_RESUME_KEY = 0x0014_0078,
        /// Branch cache hashes.
        FSCTL_SRV_READ_HASH = 0x0014_41BB,
        /// Copy on the server, target opened for writing only.
        FSCTL_SRV_COPYCHUNK_WRITE = 0x0014_80F2,
        /// Resilient handles.
        FSCTL_LMR_REQUEST_RESILIENCY = 0x0014_01D4,
        /// The server's network interfaces.
        FSCTL_QUERY_NETWORK_INTERFACE_INFO = 0x0014_01FC,
        /// Make a reparse point.
        FSCTL_SET_REPARSE_POINT = 0x0009_00A4,
        /// DFS referrals, extended.
        FSCTL_DFS_GET_REFERRALS_EX = 0x0006_01B0,
        /// Trim a file.
        FSCTL_FILE_LEVEL_TRIM = 0x0009_8208,
        /// Compare what each side saw of NEGOTIATE.
        FSCTL_VALIDATE_NEGOTIATE_INFO = 0x0014_0204,
    }
}

codes! {
    /// The format of a directory enumeration ([MS-SMB2] 2.2.33 FileInformationClass).
    FileInformationClass(u8, "0x{:02X}") {
        /// Name, times, size, attributes.
        DIRECTORY = 0x01,
        /// And the size of the extended attributes.
        FULL_DIRECTORY = 0x02,
        /// And the file id.
        ID_FULL_DIRECTORY = 0x26,
        /// Full, and the short name.
        BOTH_DIRECTORY = 0x03,
        /// Both, and the file id.
        ID_BOTH_DIRECTORY = 0x25,
        /// Names only.
        NAMES = 0x0C,
        /// Extended, with the reparse tag.
        ID_EXTD_DIRECTORY = 0x3C,
        /// Extended, with a 64-bit file id.
        ID_64_EXTD_DIRECTORY = 0x4E,
        /// The same, and the short name.
        ID_64_EXTD_BOTH_DIRECTORY = 0x4F,
        /// Extended, with a 128-bit file id.
        ID_ALL_EXTD_DIRECTORY = 0x50,
        /// The same, and the short name.
        ID_ALL_EXTD_BOTH_DIRECTORY = 0x51,
        /// Reserved: a receiver ignores it.
        RESERVED = 0x64,
    }
}

flags! {
    /// Flags of a QUERY_DIRECTORY ([MS-SMB2] 2.2.33 Flags).
    QueryDirectoryFlags(u8) {
        /// From the beginning.
        RESTART_SCANS = 0x01,
        /// One entry.
        RETURN_SINGLE_ENTRY = 0x02,
        /// From FileIndex on.
        INDEX_SPECIFIED = 0x04,
        /// From the beginning, with a new pattern.
        REOPEN = 0x10,
    }
}

codes! {
    /// What QUERY_INFO asks about ([MS-SMB2] 2.2.37 InfoType).
    InfoType(u8, "0x{:02X}") {
        /// The file.
        FILE = 0x01,
        /// The file system.
        FILESYSTEM = 0x02,
        /// The security descriptor.
        SECURITY = 0x03,
        /// Quotas.
        QUOTA = 0x04,
    }
}
