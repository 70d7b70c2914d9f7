//! Strings at the end of a data block ([MS-CIFS] 2.2.1.1, 3.1.4.1), kept as bytes: senders differ in padding and in
//! terminators, and what they sent has to survive.

use super::block::Block;
use crate::reader::Reader;
use crate::wire::{utf16, utf16_text};

/// The rest of a data block that holds strings: padding, strings and terminators as they stand on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether the first byte only aligns the UTF-16LE string behind it.
    pub padded: bool,
}

impl Text {
    /// Strings, each with its terminator, for the place `at` bytes behind the first byte of the header: UTF-16LE strings
    /// start at an even one. In OEM strings what is not ASCII becomes a question mark.
    #[must_use]
    pub fn new(at: usize, unicode: bool, strings: &[&str]) -> Self {
        let padded = unicode && !at.is_multiple_of(2);
        let mut bytes = vec![0; usize::from(padded)];
        for string in strings {
            bytes.extend(encode(string, unicode));
        }
        Self { bytes, padded }
    }

    /// The rest of the data of a block.
    pub(super) fn read(mut data: Reader<'_>, block: &Block<'_>) -> Self {
        let odd = !data.at().is_multiple_of(2);
        let bytes = data.rest();
        let padded = block.unicode && odd && !bytes.is_empty();
        Self { bytes: bytes.to_vec(), padded }
    }

    /// The strings, for showing. A last one may lack its terminator; a lone last zero byte counts for nothing.
    #[must_use]
    pub fn strings(&self, unicode: bool) -> Vec<String> {
        let mut rest = self.unpadded();
        let mut strings = Vec::new();
        while !(rest.is_empty() || unicode && rest == [0]) {
            let (string, behind) = split(rest, unicode);
            strings.push(string);
            rest = behind;
        }
        strings
    }

    /// The first string, and the bytes behind its terminator.
    #[must_use]
    pub fn first(&self, unicode: bool) -> (String, &[u8]) {
        split(self.unpadded(), unicode)
    }

    fn unpadded(&self) -> &[u8] {
        self.bytes.get(usize::from(self.padded)..).unwrap_or_default()
    }
}

/// A string and its terminator.
pub(super) fn encode(string: &str, unicode: bool) -> Vec<u8> {
    let mut bytes = if unicode {
        utf16(string)
    } else {
        string.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect()
    };
    bytes.extend_from_slice(if unicode { &[0, 0] } else { &[0] });
    bytes
}

/// A string up to its terminator or the end, and what is behind.
pub(super) fn split(bytes: &[u8], unicode: bool) -> (String, &[u8]) {
    let (width, end) = if unicode {
        (2, bytes.chunks_exact(2).position(|unit| unit == [0, 0]).map(|units| units * 2))
    } else {
        (1, bytes.iter().position(|byte| *byte == 0))
    };
    let (string, rest) = match end {
        Some(end) => (bytes.get(..end), bytes.get(end + width..)),
        // A zero byte alone ends the last UTF-16LE string of some Windows servers ([MS-SMB] <46>).
        None if unicode && bytes.len() % 2 == 1 && bytes.last() == Some(&0) => {
            (bytes.get(..bytes.len() - 1), None)
        }
        None => (Some(bytes), None),
    };
    let string = string.unwrap_or_default();
    let text = if unicode {
        utf16_text(string)
    } else {
        string
            .iter()
            .map(|b| if b.is_ascii() { char::from(*b) } else { char::REPLACEMENT_CHARACTER })
            .collect()
    };
    (text, rest.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back() {
        for unicode in [false, true] {
            for at in [60, 61] {
                let text = Text::new(at, unicode, &["Unix", "", "Samba"]);
                assert_eq!(text.strings(unicode), ["Unix", "", "Samba"]);
                assert_eq!(text.padded, unicode && at == 61);
                let (first, rest) = text.first(unicode);
                assert_eq!((first.as_str(), rest.len()), ("Unix", if unicode { 14 } else { 7 }));
            }
        }
    }

    #[test]
    fn terminators_may_be_missing() {
        let cut = |bytes: &[u8]| Text { bytes: bytes.to_vec(), padded: false };
        assert_eq!(cut(b"a\0b").strings(false), ["a", "b"]);
        assert_eq!(cut(b"a\0\0\0b\0\0").strings(true), ["a", "b"]);
        assert_eq!(cut(b"a\0\0\0b\0").strings(true), ["a", "b"]);
        assert_eq!(cut(b"").strings(true), Vec::<String>::new());
        assert_eq!(cut(b"\x80\0").strings(false), ["\u{FFFD}"]);
    }
}
