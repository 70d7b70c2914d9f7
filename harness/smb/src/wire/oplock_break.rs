//! OPLOCK_BREAK ([MS-SMB2] 2.2.23 to 2.2.25): of oplocks and of leases, which StructureSize tells apart.
//!
//! A notification has [`Flags::SERVER_TO_REDIR`](super::Flags::SERVER_TO_REDIR) and a MessageId of all ones; a response
//! has the MessageId of its acknowledgment.

use super::{
    AccessMask, Body, Command, FileId, Header, LeaseState, OplockLevel, ShareAccess, WireError, fixed_body,
};
use crate::numbers::flags;
use crate::reader::Reader;

flags! {
    /// Flags of a lease break notification ([MS-SMB2] 2.2.23.2 Flags).
    LeaseBreakFlags(u32) {
        /// The server waits for an acknowledgment.
        ACK_REQUIRED = 0x0000_0001,
    }
}

fixed_body! {
    /// Oplock Break Notification ([MS-SMB2] 2.2.23.1).
    OplockBreakNotification: OPLOCK_BREAK, 24 {
        /// The highest level that the server takes an acknowledgment of.
        oplock_level: OplockLevel,
        /// Reserved, 0.
        reserved: u8,
        /// Reserved, 0.
        reserved2: u32,
        /// The open.
        file_id: FileId,
    }

    /// Oplock Break Acknowledgment ([MS-SMB2] 2.2.24.1), a request.
    OplockBreakAcknowledgment: OPLOCK_BREAK, 24 {
        /// The level the client accepts.
        oplock_level: OplockLevel,
        /// Reserved, 0.
        reserved: u8,
        /// Reserved, 0.
        reserved2: u32,
        /// The open.
        file_id: FileId,
    }

    /// Oplock Break Response ([MS-SMB2] 2.2.25.1).
    OplockBreakResponse: OPLOCK_BREAK, 24 {
        /// The level granted.
        oplock_level: OplockLevel,
        /// Reserved, 0.
        reserved: u8,
        /// Reserved, 0.
        reserved2: u32,
        /// The open.
        file_id: FileId,
    }

    /// Lease Break Notification ([MS-SMB2] 2.2.23.2), 2.1 on.
    LeaseBreakNotification: OPLOCK_BREAK, 44 {
        /// The epoch of the lease at 3.x; reserved at 2.1.
        new_epoch: u16,
        /// Whether to acknowledge.
        flags: LeaseBreakFlags,
        /// The lease.
        lease_key: [u8; 16],
        /// What it allows so far.
        current_lease_state: LeaseState,
        /// What it is to allow.
        new_lease_state: LeaseState,
        /// Reserved, 0.
        break_reason: u32,
        /// Reserved, 0.
        access_mask_hint: AccessMask,
        /// Reserved, 0.
        share_mask_hint: ShareAccess,
    }

    /// Lease Break Acknowledgment ([MS-SMB2] 2.2.24.2), a request.
    LeaseBreakAcknowledgment: OPLOCK_BREAK, 36 {
        /// Reserved, 0.
        reserved: u16,
        /// Reserved, 0.
        flags: u32,
        /// The lease.
        lease_key: [u8; 16],
        /// What the client accepts: no more than NewLeaseState of the notification.
        lease_state: LeaseState,
        /// Reserved, 0.
        lease_duration: u64,
    }

    /// Lease Break Response ([MS-SMB2] 2.2.25.2).
    LeaseBreakResponse: OPLOCK_BREAK, 36 {
        /// Reserved, 0.
        reserved: u16,
        /// Reserved, 0.
        flags: u32,
        /// The lease.
        lease_key: [u8; 16],
        /// What it allows now.
        lease_state: LeaseState,
        /// Reserved, 0.
        lease_duration: u64,
    }
}

/// The StructureSize of a body.
fn structure_size(message: &[u8]) -> Result<u16, WireError> {
    Header::check(message)?;
    let mut reader = Reader::new(message);
    reader.take(Header::LEN, "header")?;
    Ok(reader.field("structure_size")?)
}

/// Either of two bodies: that of a lease where the StructureSize is its, else that of an oplock.
macro_rules! either {
    ($($(#[$meta:meta])* $name:ident: $oplock:ident, $lease:ident, $size:literal;)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            /// Of an oplock, StructureSize 24.
            Oplock($oplock),
            #[doc = concat!("Of a lease, StructureSize ", $size, ".")]
            Lease($lease),
        }

        impl Body for $name {
            const COMMAND: Command = Command::OPLOCK_BREAK;

            /// A StructureSize that is neither's is reported as one of an oplock that is wrong.
            fn parse(message: &[u8]) -> Result<Self, WireError> {
                if structure_size(message)? == $size {
                    $lease::parse(message).map(Self::Lease)
                } else {
                    $oplock::parse(message).map(Self::Oplock)
                }
            }

            fn write(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
                match self {
                    Self::Oplock(body) => body.write(out),
                    Self::Lease(body) => body.write(out),
                }
            }
        }
    )+};
}

either! {
    /// SMB2 OPLOCK_BREAK Notification ([MS-SMB2] 2.2.23).
    BreakNotification: OplockBreakNotification, LeaseBreakNotification, 44;

    /// SMB2 OPLOCK_BREAK Acknowledgment ([MS-SMB2] 2.2.24).
    BreakAcknowledgment: OplockBreakAcknowledgment, LeaseBreakAcknowledgment, 36;

    /// SMB2 OPLOCK_BREAK Response ([MS-SMB2] 2.2.25).
    BreakResponse: OplockBreakResponse, LeaseBreakResponse, 36;
}
