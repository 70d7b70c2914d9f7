//! What can be wrong with the bytes of an SMB1 message.

use super::Command;

/// Why bytes are not the structure they were read as, or a structure cannot become bytes.
///
/// Offsets count from the first byte of the SMB header. `field` is the field in snake_case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field, or the buffer a field announces, ends beyond the bytes at hand.
    #[error("{field} at byte {offset} needs {needed} bytes, {available} are there")]
    Truncated {
        /// The field, or the buffer, that does not fit.
        field: &'static str,
        /// Where it starts.
        offset: usize,
        /// How many bytes it takes.
        needed: usize,
        /// How many bytes there are from `offset` on (0 where `offset` is beyond the end).
        available: usize,
    },
    /// The first four bytes are not FF 'S' 'M' 'B' ([MS-CIFS] 2.2.3.1 Protocol).
    #[error("the protocol id is {0:02X?}, not that of SMB1")]
    ProtocolId([u8; 4]),
    /// WordCount is none of those that the structure can have ([MS-CIFS] 2.2.3.2).
    #[error("the word count at byte {offset} is {found}, expected one of {expected:?}")]
    WordCount {
        /// Where the WordCount stands.
        offset: usize,
        /// The numbers that the structure can have.
        expected: &'static [u8],
        /// The number found.
        found: u8,
    },
    /// A BufferFormat byte differs from the constant that its structure prescribes.
    #[error("the buffer format at byte {offset} is 0x{found:02X}, expected 0x{expected:02X}")]
    BufferFormat {
        /// Where it stands.
        offset: usize,
        /// The constant of the structure.
        expected: u8,
        /// The number found.
        found: u8,
    },
    /// An announced offset points in front of the place where its target can start at the earliest: an AndXOffset has
    /// to move forward, data stand behind ByteCount.
    #[error("{field} is {value}, below {minimum}, where its target can start at the earliest")]
    Overlap {
        /// The field that holds the offset.
        field: &'static str,
        /// The offset as announced.
        value: usize,
        /// The lowest valid offset.
        minimum: usize,
    },
    /// A list has more entries than this crate reads.
    #[error("more than {max} entries of {field}")]
    TooMany {
        /// What there are too many of.
        field: &'static str,
        /// The limit.
        max: usize,
    },
    /// On writing: a value, or a length, does not fit into its field.
    #[error("{field} is {value}, its field holds {max} at most")]
    TooLarge {
        /// The field that is too small for it.
        field: &'static str,
        /// The value, or the length.
        value: u64,
        /// The most the field holds.
        max: u64,
    },
    /// On writing: parameters are counted in words, and these are an odd number of bytes.
    #[error("the parameters are {0} bytes, no whole number of words")]
    OddWords(usize),
    /// On writing a chain: nothing can follow this command.
    #[error("{0} is no AndX command, nothing can follow it")]
    NotAndX(Command),
}

crate::reader::from_out_of_bounds!(WireError);
