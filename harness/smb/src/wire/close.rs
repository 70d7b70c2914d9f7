//! CLOSE and FLUSH ([MS-SMB2] 2.2.15 to 2.2.18).

use super::{CloseFlags, FileAttributes, FileId, fixed_body};

fixed_body! {
    /// SMB2 CLOSE Request ([MS-SMB2] 2.2.15).
    CloseRequest: CLOSE, 24 {
        /// Whether the response is to carry attributes.
        flags: CloseFlags,
        /// Reserved, 0.
        reserved: u32,
        /// What to close.
        file_id: FileId,
    }

    /// SMB2 CLOSE Response ([MS-SMB2] 2.2.16). The attributes mean something only with
    /// [`CloseFlags::POSTQUERY_ATTRIB`].
    CloseResponse: CLOSE, 60 {
        /// Whether the attributes are set.
        flags: CloseFlags,
        /// Reserved, 0.
        reserved: u32,
        /// FILETIME.
        creation_time: u64,
        /// FILETIME.
        last_access_time: u64,
        /// FILETIME.
        last_write_time: u64,
        /// FILETIME.
        change_time: u64,
        /// Bytes allocated.
        allocation_size: u64,
        /// Length of the file in bytes.
        endof_file: u64,
        /// Attributes of the file.
        file_attributes: FileAttributes,
    }

    /// SMB2 FLUSH Request ([MS-SMB2] 2.2.17).
    FlushRequest: FLUSH, 24 {
        /// Reserved, 0.
        reserved1: u16,
        /// Reserved, 0.
        reserved2: u32,
        /// What to flush.
        file_id: FileId,
    }

    /// SMB2 FLUSH Response ([MS-SMB2] 2.2.18).
    FlushResponse: FLUSH, 4 {
        /// Reserved, 0.
        reserved: u16,
    }
}
