//! Bounded reading, and the few helpers of writing.

use super::WireError;

/// A cursor over a part of a message; `base` is where the part starts, so that errors count from the SMB header.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    base: usize,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, base, at: 0 }
    }

    /// The next `len` bytes.
    pub(super) fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(len);
        let bytes = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| WireError::Truncated {
            field,
            offset: self.base + self.at,
            needed: len,
            available: self.bytes.len().saturating_sub(self.at),
        })?;
        self.at += len;
        Ok(bytes)
    }

    /// The next bytes as a number, an array or a named value.
    pub(super) fn field<F: Field>(&mut self, field: &'static str) -> Result<F, WireError> {
        F::read(self, field)
    }

    /// Everything from the cursor on, and where it starts in the message.
    pub(super) fn rest(&mut self) -> (&'a [u8], usize) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let at = self.base + self.at;
        self.at = self.bytes.len();
        (rest, at)
    }
}

/// `len` bytes from `offset` on, or the error that says what is missing.
pub(super) fn slice<'a>(
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
pub(super) trait Field: Sized {
    /// Reads it at the cursor.
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError>;
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
}

impl<const N: usize> Field for [u8; N] {
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, WireError> {
        let mut array = [0; N];
        array.copy_from_slice(reader.take(N, field)?);
        Ok(array)
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

numbers!(u8, u16, i16, u32, u64);

/// A struct around a number is read and written as the number.
macro_rules! wrapped {
    ($name:ty, $int:ty) => {
        impl $crate::smb1::reader::Field for $name {
            fn read(
                reader: &mut $crate::smb1::reader::Reader<'_>,
                field: &'static str,
            ) -> Result<Self, $crate::smb1::WireError> {
                <$int as $crate::smb1::reader::Field>::read(reader, field).map(Self)
            }

            fn put(&self, out: &mut Vec<u8>) {
                $crate::smb1::reader::Field::put(&self.0, out);
            }
        }
    };
}

pub(super) use wrapped;

/// A value, or a length, that has to fit into a smaller field.
pub(super) fn fit<T: TryFrom<u64>>(value: usize, field: &'static str) -> Result<T, WireError> {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    let bits = u32::try_from(8 * size_of::<T>()).unwrap_or(64);
    let max = 1u64.checked_shl(bits).map_or(u64::MAX, |next| next - 1);
    T::try_from(value).map_err(|_| WireError::TooLarge { field, value, max })
}
