//! Bounded reading, and the few helpers of writing: the only code here that touches an offset. Both wire formats are read
//! with it, each with an error of its own, into which [`OutOfBounds`] converts.

/// What reading finds missing, or writing too large. The variants are those of the same names in both `WireError`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutOfBounds {
    /// A field, or the buffer a field announces, ends beyond the bytes at hand.
    Truncated { field: &'static str, offset: usize, needed: usize, available: usize },
    /// An announced offset points in front of the place where its target can start at the earliest.
    Overlap { field: &'static str, value: usize, minimum: usize },
    /// A value, or a length, does not fit into its field.
    TooLarge { field: &'static str, value: u64, max: u64 },
}

/// The variants of a `WireError` that are [`OutOfBounds`].
macro_rules! from_out_of_bounds {
    ($error:ident) => {
        impl From<$crate::reader::OutOfBounds> for $error {
            fn from(error: $crate::reader::OutOfBounds) -> Self {
                use $crate::reader::OutOfBounds;
                match error {
                    OutOfBounds::Truncated { field, offset, needed, available } => {
                        Self::Truncated { field, offset, needed, available }
                    }
                    OutOfBounds::Overlap { field, value, minimum } => Self::Overlap { field, value, minimum },
                    OutOfBounds::TooLarge { field, value, max } => Self::TooLarge { field, value, max },
                }
            }
        }
    };
}

pub(crate) use from_out_of_bounds;

/// A cursor over a message, or over a part of one: `base` is where the part starts, so that offsets count from the first
/// byte of the message all the same.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    base: usize,
    at: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self::part(bytes, 0)
    }

    /// A cursor at the first of `bytes`, which start at `base` in their message.
    pub(crate) const fn part(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, base, at: 0 }
    }

    /// Where the cursor stands, from the first byte of the message.
    pub(crate) const fn at(&self) -> usize {
        self.base + self.at
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], OutOfBounds> {
        let bytes = self.ahead(self.at(), len, field)?;
        self.at += len;
        Ok(bytes)
    }

    /// The next bytes as a number, an array or a named value.
    pub(crate) fn field<F: Field>(&mut self, field: &'static str) -> Result<F, OutOfBounds> {
        F::read(self, field)
    }

    /// `count` little-endian numbers. Nothing is allocated before all of them are known to be there.
    pub(crate) fn u16s(&mut self, count: u16, field: &'static str) -> Result<Vec<u16>, OutOfBounds> {
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

    /// Moves the cursor, forward only, to an offset from the first byte of the message.
    pub(crate) fn seek(&mut self, offset: usize, field: &'static str) -> Result<(), OutOfBounds> {
        self.ahead(offset, 0, field)?;
        self.at = offset - self.base;
        Ok(())
    }

    /// The buffer that an offset and a length announce, behind the fixed part that the cursor has just read. Of an
    /// empty buffer the offset is ignored: senders write there what they like.
    pub(crate) fn buffer(
        &self,
        offset: impl TryInto<usize>,
        len: impl TryInto<usize>,
        field: &'static str,
    ) -> Result<&'a [u8], OutOfBounds> {
        let offset = offset.try_into().unwrap_or(usize::MAX);
        let len = len.try_into().unwrap_or(usize::MAX);
        if len == 0 { Ok(&[]) } else { self.ahead(offset, len, field) }
    }

    /// `len` bytes from `offset` on, which is not in front of the cursor, or the error that says what is missing.
    fn ahead(&self, offset: usize, len: usize, field: &'static str) -> Result<&'a [u8], OutOfBounds> {
        let minimum = self.at();
        if offset < minimum {
            return Err(OutOfBounds::Overlap { field, value: offset, minimum });
        }
        let start = offset - self.base;
        start.checked_add(len).and_then(|end| self.bytes.get(start..end)).ok_or_else(|| {
            let available = self.bytes.len().saturating_sub(start);
            OutOfBounds::Truncated { field, offset, needed: len, available }
        })
    }
}

/// `len` bytes from `offset` on, or the error that says what is missing.
pub(crate) fn slice<'a>(
    bytes: &'a [u8],
    offset: usize,
    len: usize,
    field: &'static str,
) -> Result<&'a [u8], OutOfBounds> {
    Reader::new(bytes).ahead(offset, len, field)
}

/// A field of fixed length: little-endian numbers, byte arrays, and the named numbers.
pub(crate) trait Field: Sized {
    /// Reads it at the cursor.
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, OutOfBounds>;
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
}

impl<const N: usize> Field for [u8; N] {
    fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, OutOfBounds> {
        let mut array = [0; N];
        array.copy_from_slice(reader.take(N, field)?);
        Ok(array)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// Numbers are little-endian.
macro_rules! little_endian {
    ($($number:ty),+) => {$(
        impl Field for $number {
            fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, OutOfBounds> {
                reader.field(field).map(Self::from_le_bytes)
            }

            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )+};
}

little_endian!(u8, u16, i16, u32, u64);

/// A value, or a length, that has to fit into a smaller field.
pub(crate) fn fit<T: TryFrom<u64>>(value: usize, field: &'static str) -> Result<T, OutOfBounds> {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    let max =
        1u64.checked_shl(u32::try_from(8 * size_of::<T>()).unwrap_or(64)).map_or(u64::MAX, |next| next - 1);
    T::try_from(value).map_err(|_| OutOfBounds::TooLarge { field, value, max })
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
            OutOfBounds::Truncated { field: "last", offset: 6, needed: 2, available: 1 }
        );
        assert_eq!(reader.rest(), [9]);
    }

    #[test]
    fn a_part_counts_from_the_message() {
        let mut reader = Reader::part(&[1, 0, 2, 3], 10);
        assert_eq!((reader.field::<u16>("first"), reader.at()), (Ok(1), 12));
        assert_eq!(
            reader.take(3, "more").unwrap_err(),
            OutOfBounds::Truncated { field: "more", offset: 12, needed: 3, available: 2 }
        );
        assert_eq!(
            reader.buffer(11u8, 1u8, "buffer").unwrap_err(),
            OutOfBounds::Overlap { field: "buffer", value: 11, minimum: 12 }
        );
        assert_eq!(reader.buffer(13u8, 1u8, "buffer").unwrap(), [3]);
        assert_eq!((reader.seek(13, "seek"), reader.rest()), (Ok(()), [3].as_slice()));
    }

    #[test]
    fn offsets_that_overflow_are_errors() {
        assert_eq!(
            slice(&[0; 4], usize::MAX, 2, "x").unwrap_err(),
            OutOfBounds::Truncated { field: "x", offset: usize::MAX, needed: 2, available: 0 }
        );
        assert!(slice(&[0; 4], 2, usize::MAX, "x").is_err());
        assert!(slice(&[0; 4], 4, 0, "x").is_ok());
    }

    #[test]
    fn what_does_not_fit_names_its_limit() {
        assert_eq!(fit::<u8>(255, "x").unwrap(), 255);
        assert_eq!(
            fit::<u8>(256, "x").unwrap_err(),
            OutOfBounds::TooLarge { field: "x", value: 256, max: 255 }
        );
        assert_eq!(
            fit::<u16>(65536, "x").unwrap_err(),
            OutOfBounds::TooLarge { field: "x", value: 65536, max: 65535 }
        );
    }
}
