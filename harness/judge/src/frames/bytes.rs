//! Fields read at fixed places, as far as there are bytes: what a message is too short for is left out.

use model::FrameField;
use std::fmt::Display;

/// How many bytes of a buffer are written out.
const SHOWN: usize = 24;

/// The fields of a message so far.
pub(super) struct Fields<'b> {
    bytes: &'b [u8],
    all: Vec<FrameField>,
}

impl<'b> Fields<'b> {
    pub(super) const fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, all: Vec::new() }
    }

    pub(super) fn into_all(self) -> Vec<FrameField> {
        self.all
    }

    /// The little-endian number in `length` bytes.
    pub(super) fn number(&self, at: usize, length: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn u8(&self, at: usize) -> Option<u8> {
        self.number(at, 1)?.try_into().ok()
    }

    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        self.number(at, 2)?.try_into().ok()
    }

    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        self.number(at, 4)?.try_into().ok()
    }

    /// A field with what it says, where its bytes are there.
    pub(super) fn put(&mut self, name: &str, at: usize, length: usize, value: Option<impl Display>) {
        let there = at.checked_add(length).is_some_and(|end| end <= self.bytes.len());
        let (Some(value), true) = (value, there) else { return };
        let (Ok(first), Ok(end)) = (u32::try_from(at), u32::try_from(at + length)) else { return };
        let field = FrameField { name: name.to_owned(), value: value.to_string(), bytes: (first, end) };
        self.all.push(field);
    }

    /// A number, in hexadecimal.
    pub(super) fn hexadecimal(&mut self, name: &str, at: usize, length: usize) {
        let value = self.number(at, length).map(|value| format!("0x{value:0width$X}", width = 2 * length));
        self.put(name, at, length, value);
    }

    /// A number.
    pub(super) fn decimal(&mut self, name: &str, at: usize, length: usize) {
        self.put(name, at, length, self.number(at, length));
    }

    /// Bytes as they are.
    pub(super) fn raw(&mut self, name: &str, at: usize, length: usize) {
        let bytes = at.checked_add(length).and_then(|end| self.bytes.get(at..end));
        let value = bytes.map(|bytes| {
            let start: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
            if bytes.len() > SHOWN { format!("{start}… ({} bytes)", bytes.len()) } else { start }
        });
        self.put(name, at, length, value);
    }

    /// A text in UTF-16LE.
    pub(super) fn text(&mut self, name: &str, at: usize, length: usize) {
        let bytes = at.checked_add(length).and_then(|end| self.bytes.get(at..end));
        let value = bytes.map(|bytes| {
            let units: Vec<u16> =
                bytes.chunks_exact(2).take(100).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
            String::from_utf16_lossy(&units)
        });
        self.put(name, at, length, value);
    }
}
