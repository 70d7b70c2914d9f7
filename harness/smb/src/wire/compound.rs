//! Compounds: several messages in one ([MS-SMB2] 3.2.4.1.4, 3.3.4.1.3; 2.2.1.1 NextCommand).

use super::{Header, WireError};
use crate::reader::{align8, fit, slice};

/// More elements than this in one message are not read.
pub const MAX_ELEMENTS: usize = 4096;

/// One message of a compound, or the only message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its place, from 0.
    pub index: u32,
    /// Where its header starts, in bytes from the first byte of the whole message.
    pub offset: usize,
    /// Header, body and the padding up to the next header: exactly what its signature covers ([MS-SMB2] 3.1.4.1).
    pub bytes: &'a [u8],
    /// Its header.
    pub header: Header,
}

/// Splits a message along NextCommand. A message that is no compound is one element.
///
/// # Errors
/// What [`Header::parse`] says of an element, [`WireError::Overlap`] for a NextCommand below 64,
/// [`WireError::Misaligned`] for one that is no multiple of 8, [`WireError::Truncated`] for one that leaves no room for
/// a header, [`WireError::TooMany`] above [`MAX_ELEMENTS`].
pub fn elements(message: &[u8]) -> Result<Vec<Element<'_>>, WireError> {
    let mut elements = Vec::new();
    let mut offset = 0;
    loop {
        let index = u32::try_from(elements.len()).unwrap_or(u32::MAX);
        if elements.len() == MAX_ELEMENTS {
            return Err(WireError::TooMany { field: "compound", max: MAX_ELEMENTS });
        }
        let rest = slice(message, offset, message.len().saturating_sub(offset), "header")?;
        let header = Header::parse(rest).map_err(|error| shifted(error, offset))?;
        if header.next_command == 0 {
            elements.push(Element { index, offset, bytes: rest, header });
            return Ok(elements);
        }
        let next = usize::try_from(header.next_command).unwrap_or(usize::MAX);
        if next < Header::LEN {
            return Err(WireError::Overlap { field: "next_command", value: next, minimum: Header::LEN });
        }
        if !next.is_multiple_of(8) {
            return Err(WireError::Misaligned { field: "next_command", value: next, multiple: 8 });
        }
        let bytes = slice(rest, 0, next, "next_command").map_err(|error| shifted(error.into(), offset))?;
        elements.push(Element { index, offset, bytes, header });
        offset += next;
    }
}

/// Joins messages to a compound: pads each but the last with zeros to a multiple of 8, sets its NextCommand to the
/// padded length, and sets the NextCommand of the last to 0. An empty list is an empty message.
///
/// Signing comes after this, never before: a signature covers NextCommand and the padding ([MS-SMB2] 3.1.4.1). Split
/// the result with [`elements`] to learn which bytes each signature covers.
///
/// # Errors
/// [`WireError::Truncated`] where a message has no whole header, [`WireError::TooLarge`] where one is 4 GiB or longer.
pub fn compound(messages: impl IntoIterator<Item = Vec<u8>>) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    let mut messages = messages.into_iter().peekable();
    while let Some(mut message) = messages.next() {
        slice(&message, 0, Header::LEN, "header")?;
        let mut next = 0u32;
        if messages.peek().is_some() {
            message.resize(align8(message.len()), 0);
            next = fit(message.len(), "next_command")?;
        }
        if let Some(field) = message.get_mut(Header::NEXT_COMMAND) {
            field.copy_from_slice(&next.to_le_bytes());
        }
        out.append(&mut message);
    }
    Ok(out)
}

/// The error of an element, its offset counted from the first byte of the whole message.
fn shifted(error: WireError, by: usize) -> WireError {
    match error {
        WireError::Truncated { field, offset, needed, available } => {
            WireError::Truncated { field, offset: offset + by, needed, available }
        }
        WireError::StructureSize { offset, expected, found } => {
            WireError::StructureSize { offset: offset + by, expected, found }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Command, EchoRequest, message};

    fn echo(next_command: u32) -> Vec<u8> {
        let header = Header { next_command, ..Header::request(Command::ECHO) };
        message(&header, &EchoRequest::default()).unwrap()
    }

    #[test]
    fn builds_and_splits() {
        let whole = compound([echo(99), echo(99), echo(99)]).unwrap();
        let parts = elements(&whole).unwrap();
        let seen: Vec<_> =
            parts.iter().map(|e| (e.index, e.offset, e.bytes.len(), e.header.next_command)).collect();
        assert_eq!(seen, [(0, 0, 72, 72), (1, 72, 72, 72), (2, 144, 68, 0)]);
        assert_eq!(compound(Vec::new()).unwrap(), Vec::<u8>::new());
        assert!(compound([vec![0; 63], echo(0)]).is_err());
    }

    #[test]
    fn a_lying_next_command_is_an_error() {
        assert!(matches!(elements(&echo(56)), Err(WireError::Overlap { value: 56, minimum: 64, .. })));
        assert!(matches!(elements(&echo(68)), Err(WireError::Misaligned { value: 68, multiple: 8, .. })));
        assert_eq!(
            elements(&echo(72)).unwrap_err(),
            WireError::Truncated { field: "next_command", offset: 0, needed: 72, available: 68 }
        );
        let mut short = compound([echo(0), echo(0)]).unwrap();
        short.truncate(72 + 63);
        assert_eq!(
            elements(&short).unwrap_err(),
            WireError::Truncated { field: "header", offset: 72, needed: 64, available: 63 }
        );
        short.truncate(72);
        assert!(matches!(elements(&short), Err(WireError::Truncated { offset: 72, available: 0, .. })));
    }

    #[test]
    fn the_count_is_bounded() {
        let header = Header { next_command: 64, ..Header::request(Command::ECHO) };
        let mut bytes = Vec::new();
        for _ in 0..=MAX_ELEMENTS {
            header.write(&mut bytes);
        }
        assert_eq!(
            elements(&bytes).unwrap_err(),
            WireError::TooMany { field: "compound", max: MAX_ELEMENTS }
        );
    }
}
