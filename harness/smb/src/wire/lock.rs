//! LOCK ([MS-SMB2] 2.2.26, 2.2.27).

use super::{Body, Command, FileId, WireError, fixed_body};
use crate::numbers::flags;
use crate::reader::{Field, OutOfBounds, Reader, fit};

flags! {
    /// What to do with a range ([MS-SMB2] 2.2.26.1 Flags).
    LockFlags(u32) {
        /// Lock it shared.
        SHARED_LOCK = 0x0000_0001,
        /// Lock it exclusively.
        EXCLUSIVE_LOCK = 0x0000_0002,
        /// Unlock it; only alone.
        UNLOCK = 0x0000_0004,
        /// Fail at a conflict instead of waiting.
        FAIL_IMMEDIATELY = 0x0000_0010,
    }
}

/// SMB2_LOCK_ELEMENT ([MS-SMB2] 2.2.26.1): a range, and what to do with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockElement {
    /// Where the range starts, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// What to do with it.
    pub flags: LockFlags,
    /// Reserved, 0.
    pub reserved: u32,
}

impl LockElement {
    /// The length of an element in bytes.
    pub const LEN: usize = 24;

    /// An element.
    #[must_use]
    pub const fn new(offset: u64, length: u64, flags: LockFlags) -> Self {
        Self { offset, length, flags, reserved: 0 }
    }
}

impl Field for LockElement {
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, OutOfBounds> {
        Ok(Self {
            offset: reader.field(field)?,
            length: reader.field(field)?,
            flags: reader.field(field)?,
            reserved: reader.field(field)?,
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.offset.put(out);
        self.length.put(out);
        self.flags.put(out);
        self.reserved.put(out);
    }
}

/// SMB2 LOCK Request ([MS-SMB2] 2.2.26).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockRequest {
    /// LockSequenceNumber in the low 4 bits, LockSequenceIndex in the others; reserved at 2.0.2. See
    /// [`LockRequest::sequence`].
    pub lock_sequence: u32,
    /// What to lock.
    pub file_id: FileId,
    /// The ranges, at least one in a valid request.
    pub locks: Vec<LockElement>,
}

impl LockRequest {
    /// `lock_sequence` of a LockSequenceNumber, of which the low 4 bits count, and a LockSequenceIndex, of which the
    /// low 28 bits count and 0 is none.
    #[must_use]
    pub const fn sequence(number: u32, index: u32) -> u32 {
        index << 4 | number & 0xF
    }

    /// LockSequenceNumber, 0 to 15.
    #[must_use]
    pub const fn sequence_number(&self) -> u32 {
        self.lock_sequence & 0xF
    }

    /// LockSequenceIndex: valid are 1 to 64, and 0 for none.
    #[must_use]
    pub const fn sequence_index(&self) -> u32 {
        self.lock_sequence >> 4
    }
}

impl Body for LockRequest {
    const COMMAND: Command = Command::LOCK;

    /// LockCount 0, which is invalid, reads as no element.
    fn parse(message: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::body(message, 48)?;
        let count: u16 = reader.field("lock_count")?;
        let lock_sequence = reader.field("lock_sequence")?;
        let file_id = reader.field("file_id")?;
        let start = reader.at();
        let locks = reader.take(usize::from(count) * LockElement::LEN, "locks")?;
        let mut locks = Reader::part(locks, start);
        let locks = (0..count).map(|_| locks.field("locks")).collect::<Result<_, _>>()?;
        Ok(Self { lock_sequence, file_id, locks })
    }

    /// StructureSize is that of a request with one element, however many there are.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        48u16.put(out);
        fit::<u16>(self.locks.len(), "lock_count")?.put(out);
        self.lock_sequence.put(out);
        self.file_id.put(out);
        for lock in &self.locks {
            lock.put(out);
        }
        Ok(())
    }
}

fixed_body! {
    /// SMB2 LOCK Response ([MS-SMB2] 2.2.27).
    LockResponse: LOCK, 4 {
        /// Reserved, 0.
        reserved: u16,
    }
}
