//! The packets of a `.pcapng`, one by one.
//!
//! Blocks are borrowed from the file's bytes: no length that a file announces is ever allocated.

use crate::problem::Problems;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgParser};
use pcap_file::{DataLink, PcapError};
use std::borrow::Cow;
use std::time::Duration;

// The types of blocks; pcap-file keeps its own names for them private.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const SYSTEMD_JOURNAL_EXPORT: u32 = 9;

/// A packet, with its number as Wireshark counts.
pub(crate) struct Packet<'a> {
    pub(crate) frame: u64,
    /// Since 1970.
    pub(crate) at: Duration,
    pub(crate) data: Cow<'a, [u8]>,
}

/// Every packet in `file`, and how many blocks counted as one. `Err` says why the file is not a pcapng at all.
pub(crate) fn packets<'a>(file: &'a [u8], problems: &mut Problems) -> Result<(Vec<Packet<'a>>, u64), String> {
    let (mut rest, mut parser) = PcapNgParser::new(file).map_err(|error| match error {
        PcapError::IncompleteBuffer => "it ends within its first block".to_owned(),
        error => error.to_string(),
    })?;
    let mut packets = Vec::new();
    let mut frame = 0;
    while !rest.is_empty() {
        let start = file.len() - rest.len();
        let this = rest;
        let kind = match parser.next_raw_block(this) {
            Ok((after, block)) => {
                rest = after;
                block.type_
            }
            Err(PcapError::IncompleteBuffer) => {
                problems.whole(format!(
                    "the file is cut: it ends at byte {}, within the block at byte {start} after frame {frame}",
                    file.len()
                ));
                break;
            }
            Err(error) => {
                problems.whole(format!(
                    "no block can be read at byte {start}, after frame {frame} ({error}): the rest is lost"
                ));
                break;
            }
        };
        // The blocks that Wireshark gives a number.
        if [ENHANCED_PACKET, SIMPLE_PACKET, PACKET, SYSTEMD_JOURNAL_EXPORT].contains(&kind) {
            frame += 1;
        }
        match kind {
            ENHANCED_PACKET => match packet(&mut parser, this) {
                Ok((at, data)) => packets.push(Packet { frame, at, data }),
                Err(what) => problems.at(frame, what),
            },
            INTERFACE_DESCRIPTION if parser.interfaces().len() == 1 => {}
            SECTION_HEADER => problems.whole(format!("a second file starts at byte {start}")),
            other => problems.whole(format!("a block of type {other:#x} at byte {start} was not recorded")),
        }
    }
    Ok((packets, frame))
}

/// The packet in the block that `rest` starts with. Only packet blocks may come here: pcap-file 2.0 panics on a name
/// resolution record whose padding is missing, so those blocks are never parsed.
fn packet<'a>(parser: &mut PcapNgParser, rest: &'a [u8]) -> Result<(Duration, Cow<'a, [u8]>), String> {
    let block = match parser.next_block(rest) {
        Ok((_, Block::EnhancedPacket(block))) => block,
        Ok(_) => return Err("not a packet".to_owned()),
        Err(error) => return Err(format!("the packet's block is damaged: {error}")),
    };
    let Some(interface) = parser.interfaces().get(block.interface_id as usize) else {
        return Err(format!("the packet is of interface {}, which is not there", block.interface_id));
    };
    if interface.linktype != DataLink::RAW {
        return Err("the packet's interface is not raw IP".to_owned());
    }
    if block.original_len as usize != block.data.len() {
        return Err(format!("the packet holds {} of {} bytes", block.data.len(), block.original_len));
    }
    Ok((time(&block, interface), block.data))
}

/// The time of a packet. pcap-file 2.0 takes every unit for a nanosecond, whatever the interface says.
fn time(packet: &EnhancedPacketBlock<'_>, interface: &InterfaceDescriptionBlock<'_>) -> Duration {
    let units = packet.timestamp.as_nanos();
    let resolution = interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfTsResol(resolution) => Some(*resolution),
        _ => None,
    });
    // Microseconds where nothing is said.
    clock(units, resolution.unwrap_or(6))
}

/// A time in the units of an interface. The highest bit of a resolution says that the rest is an exponent of 2 and not of
/// 10.
pub(crate) fn clock(units: u128, resolution: u8) -> Duration {
    let exponent = u32::from(resolution & 0x7f);
    let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
    // A resolution that no clock has gives 0, and so does a division by it.
    let nanos = match base.checked_pow(exponent) {
        Some(per_second) => units * 1_000_000_000 / per_second,
        None => 0,
    };
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(resolution: Option<u8>, units: u64) -> Duration {
        let packet = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_nanos(units),
            original_len: 0,
            data: Cow::Borrowed(&[]),
            options: Vec::new(),
        };
        let options = resolution.map(InterfaceDescriptionOption::IfTsResol).into_iter().collect();
        time(&packet, &InterfaceDescriptionBlock { linktype: DataLink::RAW, snaplen: 0, options })
    }

    #[test]
    fn times_follow_the_interface() {
        assert_eq!(at(Some(9), 1_500_000_001), Duration::new(1, 500_000_001));
        assert_eq!(at(None, 1_500_000), Duration::from_millis(1500));
        assert_eq!(at(Some(0x80 | 10), 1536), Duration::from_millis(1500));
        for odd in 0..=255 {
            at(Some(odd), u64::MAX);
        }
    }
}
