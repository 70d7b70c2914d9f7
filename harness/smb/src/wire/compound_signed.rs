//! Compounds whose elements are signed ([MS-SMB2] 3.1.4.1).

use super::{WireError, compound};
use crate::reader::align8;

/// Joins messages as [`compound`] does, then has each element signed: `sign` gets its place, from 0, and the bytes that
/// its signature covers, header, body and the padding up to the next element ([MS-SMB2] 3.1.4.1). The last element has
/// no padding but what its message brought. What `sign` leaves alone stays unsigned.
///
/// An element has 64 bytes at least, so that [`SigningKey::sign`](crate::signing::SigningKey::sign) succeeds. Related
/// elements but the first carry [`Flags::RELATED`](super::Flags::RELATED) already: signatures cover that, too.
///
/// # Errors
/// Those of [`compound`]; nothing is signed then.
pub fn compound_signed(
    messages: impl IntoIterator<Item = Vec<u8>>,
    mut sign: impl FnMut(usize, &mut [u8]),
) -> Result<Vec<u8>, WireError> {
    let messages: Vec<_> = messages.into_iter().collect();
    let padded: Vec<_> = messages.iter().map(|message| align8(message.len())).collect();
    let mut whole = compound(messages)?;
    let mut rest = whole.as_mut_slice();
    for (index, length) in padded.into_iter().enumerate() {
        // The last one ends where the message ends, whatever padding it would have.
        let (element, behind) = rest.split_at_mut(length.min(rest.len()));
        sign(index, element);
        rest = behind;
    }
    Ok(whole)
}
