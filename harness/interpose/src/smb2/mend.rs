//! FSCTL_VALIDATE_NEGOTIATE_INFO, mended where NEGOTIATE was changed: a faulty server stands by what it said.
//!
//! No defect changes a NEGOTIATE request, so a request is never to be mended.

use super::{CLIENT, SERVER, Schedule};
use smb::wire::Header;

/// OutputOffset of an IOCTL response ([MS-SMB2] 2.2.32), from the header.
const OUTPUT_OFFSET: usize = Header::LEN + 32;

/// Puts what the client was told at NEGOTIATE in the place of what the server repeats of its own answer. What the server
/// repeats wrongly by itself stays.
pub(super) fn validated(bytes: &mut [u8], schedules: &[Schedule; 2]) {
    let (Some(told), Some(said)) = (&schedules[CLIENT].response, &schedules[SERVER].response) else { return };
    let offset = bytes.get(OUTPUT_OFFSET..).and_then(|rest| rest.first_chunk()).copied();
    let Some(start) = offset.and_then(|offset| usize::try_from(u32::from_le_bytes(offset)).ok()) else {
        return;
    };
    // Capabilities, Guid, SecurityMode, Dialect (2.2.32.6).
    let fields: [(usize, &[u8], &[u8]); 4] = [
        (0, &said.capabilities.0.to_le_bytes(), &told.capabilities.0.to_le_bytes()),
        (4, &said.server_guid, &told.server_guid),
        (20, &said.security_mode.0.to_le_bytes(), &told.security_mode.0.to_le_bytes()),
        (22, &said.dialect_revision.0.to_le_bytes(), &told.dialect_revision.0.to_le_bytes()),
    ];
    for (at, said, told) in fields {
        let field = start.checked_add(at).and_then(|from| bytes.get_mut(from..from.checked_add(told.len())?));
        if let Some(field) = field.filter(|field| *field == said) {
            field.copy_from_slice(told);
        }
    }
}
