//! Bounded reading, and the few helpers of writing: the only code here that touches an offset.

use super::{Header, WireError};

/// A cursor over a whole message, so that offsets relative to its first byte can be followed.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// A cursor behind the header and the StructureSize of a body, both checked.
    pub(crate) fn body(message: &'a [u8], structure_size: u16) -> Result<Self, WireError> {
        Header::check(message)?;
        let mut reader = Self { bytes: message, at: Header::LEN };
        let found: u16 = reader.field("structure_size")?;
        if found != structure_size {
            return Err(WireError::StructureSize { offset: Header::LEN, expected: structure_size, found });
        }
        Ok(reader)
    }

    /// Where the cursor stands, from the first byte.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        let bytes = slice(self.bytes, self.at, len, field)?;
        self.at += len;
        Ok(bytes)
    }

    /// The next bytes as a number, an array or a named value.
    pub(crate) fn field<F: Field>(&mut self, field: &'static str) -> Result<F, WireError> {
        F::read(self, field)
    }

    /// `count` little-endian numbers. Nothing is allocated before all of them are known to be there.
    pub(crate) fn u16s(&mut self, count: u16, field: &'static str) -> Result<Vec<u16>, WireError> {
        let bytes = self.take(usize::from(count) * 2, field)?;
        Ok(bytes
            .chunks_exact(2)
            .map(|pair| pair.iter().rev().fold(0, |n, b| n << 8 | u16::from(*b)))
            .collect())
    }

    /// Everything from the cursor on.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    /// Moves the cursor, forward only, to an offset from the first byte.
    pub(crate) fn seek(&mut self, offset: usize, field: &'static str) -> Result<(), WireError> {
        if offset < self.at {
            return Err(WireError::Overlap { field, value: offset, minimum: self.at });
        }
        slice(self.bytes, offset, 0, field)?;
        self.at = offset;
        Ok(())
    }

    /// The buffer that an offset and a length announce, behind the fixed part that the cursor has just read. Of an
    /// empty buffer the offset is ignored: senders write there what they like.
    pub(crate) fn buffer(
        &self,
        offset: impl TryInto<usize>,
        len: impl TryInto<usize>,
        field: &'static str,
    ) -> Result<&'a [u8], WireError> {
        let offset = offset.try_into().unwrap_or(usize::MAX);
        let len = len.try_into().unwrap_or(usize::MAX);
        if len == 0 {
            return Ok(&[]);
        }
        if offset < self.at {
            return Err(WireError::Overlap { field, value: offset, minimum: self.at });
        }
        slice(self.bytes, offset, len, field)
    }
}

/// `len` bytes from `offset` on, or the error that says what is missing.
pub(crate) fn slice<'a>(
    bytes: &'a [u8],
    offset: usize,
    len: usize,
    field: &'static str,
) -> Result<&'a [u8], WireError> {
    offset.checked_add(len).and_then(|end| bytes.get(offset..end)).ok_or_else(|| WireError::Truncated {
        field,
        offset,
        needed: len,
        available: bytes.len().saturating_sub(offset),
    })
}

/// A field of fixed length: little-endian numbers, byte arrays, and the named numbers.
pub(crate) trait Field: Sized {
    /// Reads it at the cursor.
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError>;
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
}

impl<const N: usize> Field for [u8; N] {
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        let offset = reader.at;
        let bytes = reader.take(N, field)?;
        bytes.try_into().map_err(|_| WireError::Truncated {
            field,
            offset,
            needed: N,
            available: bytes.len(),
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Field for $number {
            fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
                reader.field(field).map(Self::from_le_bytes)
            }

            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64);

/// A value, or a length, that has to fit into a smaller field.
pub(crate) fn fit<T: TryFrom<u64>>(value: usize, field: &'static str) -> Result<T, WireError> {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    let max =
        1u64.checked_shl(u32::try_from(8 * size_of::<T>()).unwrap_or(64)).map_or(u64::MAX, |next| next - 1);
    T::try_from(value).map_err(|_| WireError::TooLarge { field, value, max })
}

/// The next multiple of 8.
pub(crate) const fn align8(offset: usize) -> usize {
    offset.next_multiple_of(8)
}

/// Appends a buffer; an empty one as `filler` zeros, where a receiver wants the Buffer field to be there.
pub(crate) fn put_or_filler(buffer: &[u8], filler: usize, out: &mut Vec<u8>) {
    if buffer.is_empty() {
        pad_to(out, out.len() + filler);
    } else {
        out.extend_from_slice(buffer);
    }
}

/// Appends zeros until `out` is `len` bytes long; longer ones stay as they are.
pub(crate) fn pad_to(out: &mut Vec<u8>, len: usize) {
    if out.len() < len {
        out.resize(len, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_counts() {
        let mut reader = Reader::new(&[1, 0, 2, 0, 3, 0, 9]);
        assert_eq!(reader.u16s(3, "list").unwrap(), [1, 2, 3]);
        assert_eq!(reader.at(), 6);
        assert_eq!(
            reader.field::<u16>("last").unwrap_err(),
            WireError::Truncated { field: "last", offset: 6, needed: 2, available: 1 }
        );
        assert_eq!(reader.rest(), [9]);
    }

    #[test]
    fn offsets_that_overflow_are_errors() {
        assert_eq!(
            slice(&[0; 4], usize::MAX, 2, "x").unwrap_err(),
            WireError::Truncated { field: "x", offset: usize::MAX, needed: 2, available: 0 }
        );
        assert!(slice(&[0; 4], 2, usize::MAX, "x").is_err());
        assert!(slice(&[0; 4], 4, 0, "x").is_ok());
    }

    #[test]
    fn what_does_not_fit_names_its_limit() {
        assert_eq!(fit::<u8>(255, "x").unwrap(), 255);
        assert_eq!(
            fit::<u8>(256, "x").unwrap_err(),
            WireError::TooLarge { field: "x", value: 256, max: 255 }
        );
        assert_eq!(
            fit::<u16>(65536, "x").unwrap_err(),
            WireError::TooLarge { field: "x", value: 65536, max: 65535 }
        );
    }
}
