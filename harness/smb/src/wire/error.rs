//! What can be wrong with the bytes of an SMB2 message.

/// Why bytes are not the structure they were read as, or a structure cannot become bytes.
///
/// Offsets count from the first byte of the SMB2 header, unless the thing parsed stands alone (the data of a negotiate
/// context, a create context, an FSCTL payload): then from its own first byte. `field` is the field in snake_case, with
/// the structure in front where the field alone would be ambiguous.
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
    /// The first four bytes are not FE 'S' 'M' 'B' ([MS-SMB2] 2.2.1.1 ProtocolId).
    #[error("the protocol id is {0:02X?}, not that of SMB2")]
    ProtocolId([u8; 4]),
    /// A StructureSize differs from the constant that its structure prescribes.
    #[error("the structure size at byte {offset} is {found}, expected {expected}")]
    StructureSize {
        /// Where the StructureSize stands: 4 in a header, 64 in a body.
        offset: usize,
        /// The constant of the structure.
        expected: u16,
        /// The number found.
        found: u16,
    },
    /// An announced offset points in front of the place where its buffer can start at the earliest.
    #[error("{field} is {value}, below {minimum}, where the buffer can start at the earliest")]
    Overlap {
        /// The field that holds the offset.
        field: &'static str,
        /// The offset as announced.
        value: usize,
        /// The lowest valid offset.
        minimum: usize,
    },
    /// An offset that has to be aligned is not.
    #[error("{field} is {value}, not a multiple of {multiple}")]
    Misaligned {
        /// The field that holds the offset.
        field: &'static str,
        /// The offset as announced.
        value: usize,
        /// What it has to be a multiple of.
        multiple: usize,
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
        /// The value, or the length in bytes.
        value: u64,
        /// The most the field holds.
        max: u64,
    },
}

crate::reader::from_out_of_bounds!(WireError);
