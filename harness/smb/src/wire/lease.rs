//! The create contexts of leases ([MS-SMB2] 2.2.13.2.8, 2.2.13.2.10, 2.2.14.2.10, 2.2.14.2.11).

use super::payload::fixed_payload;
use super::{CreateContext, WireError};
use crate::numbers::flags;

flags! {
    /// What a lease allows to cache ([MS-SMB2] 2.2.13.2.8 LeaseState); nothing is no lease.
    LeaseState(u32) {
        /// Reads.
        READ_CACHING = 0x0000_0001,
        /// Handles.
        HANDLE_CACHING = 0x0000_0002,
        /// Writes.
        WRITE_CACHING = 0x0000_0004,
    }
}

flags! {
    /// Flags of a lease ([MS-SMB2] 2.2.13.2.10, 2.2.14.2.10, 2.2.14.2.11 Flags).
    LeaseFlags(u32) {
        /// A break of this lease is in progress; responses only.
        BREAK_IN_PROGRESS = 0x0000_0002,
        /// ParentLeaseKey is set; version 2 only.
        PARENT_LEASE_KEY_SET = 0x0000_0004,
    }
}

fixed_payload! {
    /// SMB2_CREATE_REQUEST_LEASE and SMB2_CREATE_RESPONSE_LEASE ([MS-SMB2] 2.2.13.2.8, 2.2.14.2.10), 2.1 on.
    ///
    /// The request goes with [`OplockLevel::LEASE`](super::OplockLevel::LEASE).
    Lease: 32 {
        /// The key, which the client makes up.
        lease_key: [u8; 16],
        /// What is asked for, or granted.
        lease_state: LeaseState,
        /// Flags; reserved in a request.
        lease_flags: LeaseFlags,
        /// Reserved, 0.
        lease_duration: u64,
    }

    /// SMB2_CREATE_REQUEST_LEASE_V2 and SMB2_CREATE_RESPONSE_LEASE_V2 ([MS-SMB2] 2.2.13.2.10, 2.2.14.2.11), 3.x only.
    ///
    /// The request goes with [`OplockLevel::LEASE`](super::OplockLevel::LEASE).
    LeaseV2: 52 {
        /// The key, which the client makes up.
        lease_key: [u8; 16],
        /// What is asked for, or granted.
        lease_state: LeaseState,
        /// Flags.
        flags: LeaseFlags,
        /// Reserved, 0.
        lease_duration: u64,
        /// The key of the lease on the parent directory, with [`LeaseFlags::PARENT_LEASE_KEY_SET`].
        parent_lease_key: [u8; 16],
        /// Counts the changes of the lease state.
        epoch: u16,
        /// Reserved, 0.
        reserved: u16,
    }
}

/// A lease of either version: both have the same name, and the length of the data tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseContext {
    /// Version 1.
    V1(Lease),
    /// Version 2.
    V2(LeaseV2),
}

impl LeaseContext {
    /// The name of the create context, of a request and a response in either version.
    pub const NAME: [u8; 4] = *b"RqLs";

    /// Reads the data of a create context: [`Lease::LEN`] bytes are version 1, everything else is read as version 2.
    ///
    /// # Errors
    /// [`WireError::Truncated`] where the data is neither, counted from its first byte. Bytes behind a version 2 are
    /// ignored.
    pub fn parse(data: &[u8]) -> Result<Self, WireError> {
        if data.len() == Lease::LEN {
            Lease::parse(data).map(Self::V1)
        } else {
            LeaseV2::parse(data).map(Self::V2)
        }
    }

    /// The data of a create context.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::V1(lease) => lease.encode(),
            Self::V2(lease) => lease.encode(),
        }
    }

    /// The create context.
    #[must_use]
    pub fn context(&self) -> CreateContext {
        CreateContext::new(Self::NAME, self.encode())
    }

    /// The first lease in a list of create contexts, read.
    #[must_use]
    pub fn find(list: &[CreateContext]) -> Option<Result<Self, WireError>> {
        list.iter().find(|context| context.name == Self::NAME).map(|context| Self::parse(&context.data))
    }

    /// The key.
    #[must_use]
    pub const fn lease_key(&self) -> [u8; 16] {
        match self {
            Self::V1(lease) => lease.lease_key,
            Self::V2(lease) => lease.lease_key,
        }
    }

    /// What is asked for, or granted.
    #[must_use]
    pub const fn lease_state(&self) -> LeaseState {
        match self {
            Self::V1(lease) => lease.lease_state,
            Self::V2(lease) => lease.lease_state,
        }
    }
}
