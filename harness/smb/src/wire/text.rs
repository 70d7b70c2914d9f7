//! UTF-16LE, as names travel. Bodies keep names as bytes, so that unpaired surrogates and odd lengths survive.

/// The UTF-16LE bytes of a text, without a terminator.
#[must_use]
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The text of UTF-16LE bytes, for showing: unpaired surrogates and a last odd byte become U+FFFD.
#[must_use]
pub fn utf16_text(bytes: &[u8]) -> String {
    let pairs = bytes.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| pair.iter().rev().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
    let mut text: String =
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    if odd {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(utf16("aß😀"), [0x61, 0, 0xDF, 0, 0x3D, 0xD8, 0x00, 0xDE]);
        assert_eq!(utf16_text(&utf16("aß😀")), "aß😀");
        assert_eq!(utf16_text(&[0x3D, 0xD8, 0x61, 0, 7]), "\u{FFFD}a\u{FFFD}");
    }
}
