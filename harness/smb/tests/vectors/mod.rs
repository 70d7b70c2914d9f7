//! Published and captured values; where each comes from stands beside it.

/// The bytes that hex digits spell.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).expect(hex)
}

/// The same for a length that is known.
pub(crate) fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().expect(hex)
}

/// The bytes behind a string of hex digits in a JSON file.
pub(crate) fn hex_of(value: &serde_json::Value) -> Vec<u8> {
    bytes(value.as_str().expect("a string"))
}
