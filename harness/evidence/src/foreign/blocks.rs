//! The blocks of a `.pcapng`, one by one, with the byte order of their section.
//!
//! pcap-file 2.0 refuses files for options it takes to be wrong that are not (a time zone of four bytes, a list without
//! its end), and panics on some blocks. A capture is worth more than its options: they are not read here unless needed.

/// The byte order of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        })
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        })
    }

    pub(super) fn put_u16(self, value: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&match self {
            Self::Big => value.to_be_bytes(),
            Self::Little => value.to_le_bytes(),
        });
    }

    pub(super) fn put_u32(self, value: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&match self {
            Self::Big => value.to_be_bytes(),
            Self::Little => value.to_le_bytes(),
        });
    }
}

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(super) const ENHANCED_PACKET: u32 = 6;
const SYSTEMD_JOURNAL_EXPORT: u32 = 9;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// A block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) kind: u32,
    pub(super) order: Order,
    /// All of it.
    pub(super) whole: &'a [u8],
    /// What is between its two lengths.
    pub(super) body: &'a [u8],
}

impl Block<'_> {
    /// Whether Wireshark gives it a number.
    pub(super) const fn is_numbered(&self) -> bool {
        matches!(self.kind, ENHANCED_PACKET | SIMPLE_PACKET | PACKET | SYSTEMD_JOURNAL_EXPORT)
    }
}

/// The blocks of a file.
pub(super) struct Blocks<'a> {
    file: &'a [u8],
    at: usize,
    order: Order,
}

impl<'a> Blocks<'a> {
    pub(super) const fn of(file: &'a [u8]) -> Self {
        Self { file, at: 0, order: Order::Little }
    }

    /// The next block; `Err` says where and why there is none although the file goes on.
    pub(super) fn next(&mut self) -> Option<Result<Block<'a>, String>> {
        let rest = self.file.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at;
        let found = self.cut(rest);
        match found {
            Ok(block) => self.at += block.whole.len(),
            // Nothing says where another one begins.
            Err(_) => self.at = self.file.len(),
        }
        Some(found.map_err(|what| format!("{what} at byte {at}")))
    }

    fn cut(&mut self, rest: &'a [u8]) -> Result<Block<'a>, &'static str> {
        const CUT: &str = "the file is cut: it ends within the block";
        // The same in both byte orders, so that it can say which it is.
        if rest.starts_with(&SECTION_HEADER.to_be_bytes()) {
            self.order = match rest.get(8..12).ok_or(CUT)? {
                order if order == BYTE_ORDER.to_be_bytes() => Order::Big,
                order if order == BYTE_ORDER.to_le_bytes() => Order::Little,
                _ => return Err("a section without a byte order begins"),
            };
        }
        let order = self.order;
        let (kind, length) = (order.u32(rest, 0).ok_or(CUT)?, order.u32(rest, 4).ok_or(CUT)?);
        let length = usize::try_from(length).map_err(|_| CUT)?;
        if length < 12 || length % 4 != 0 {
            return Err("a block with an impossible length begins");
        }
        let whole = rest.get(..length).ok_or(CUT)?;
        let body = whole.get(8..length - 4).ok_or(CUT)?;
        if order.u32(whole, length - 4) != order.u32(whole, 4) {
            return Err("a block whose two lengths differ begins");
        }
        Ok(Block { kind, order, whole, body })
    }
}
