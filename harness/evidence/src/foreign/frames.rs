//! The packets of a file, numbered as Wireshark numbers them.

use super::blocks::{
    Block, Blocks, ENHANCED_PACKET, INTERFACE_DESCRIPTION, Order, PACKET, SECTION_HEADER, SIMPLE_PACKET,
};
use crate::capture::clock;
use crate::problem::Problems;
use pcap_file::pcap::PcapParser;
use pcap_file::{DataLink, PcapError, TsResolution};
use std::borrow::Cow;
use std::time::Duration;

/// A packet as it was captured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) number: u64,
    /// Since 1970.
    pub(super) at: Duration,
    pub(super) link: DataLink,
    pub(super) data: &'a [u8],
    /// Whether there was more of it on the wire.
    pub(super) cut: bool,
}

/// Hands out every packet in `file` and says how many there are; `Err` says what it is instead of a capture.
pub(super) fn each<'a>(
    file: &'a [u8],
    problems: &mut Problems,
    take: impl FnMut(Frame<'a>),
) -> Result<u64, String> {
    match file.first_chunk() {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => each_of_pcapng(file, problems, take),
        Some([0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] | [0x04, 0x22, 0x4d, 0x18]) => {
            Err("it is compressed: decompress it first".to_owned())
        }
        _ => each_of_pcap(file, problems, take),
    }
}

fn each_of_pcap<'a>(
    file: &'a [u8],
    problems: &mut Problems,
    mut take: impl FnMut(Frame<'a>),
) -> Result<u64, String> {
    let (mut rest, parser) = PcapParser::new(file).map_err(|error| match error {
        PcapError::IncompleteBuffer => format!("it has {} bytes and is no capture", file.len()),
        _ => "it begins neither as pcapng nor as pcap".to_owned(),
    })?;
    let header = parser.header();
    let mut number = 0;
    while !rest.is_empty() {
        let at = file.len() - rest.len();
        // Raw: pcap-file refuses packets that were longer than the snapshot length, which is what the length is for.
        let Ok((after, packet)) = parser.next_raw_packet(rest) else {
            problems.whole(format!("the file is cut: it ends within packet {} at byte {at}", number + 1));
            break;
        };
        rest = after;
        number += 1;
        let nanos = match header.ts_resolution {
            TsResolution::MicroSecond => u64::from(packet.ts_frac) * 1000,
            TsResolution::NanoSecond => u64::from(packet.ts_frac),
        };
        let at = Duration::from_secs(packet.ts_sec.into()) + Duration::from_nanos(nanos);
        let Cow::Borrowed(data) = packet.data else { continue };
        take(Frame { number, at, link: header.datalink, data, cut: packet.incl_len < packet.orig_len });
    }
    Ok(number)
}

/// What packets of one interface have in common.
struct Interface {
    link: DataLink,
    snaplen: u32,
    resolution: u8,
    /// Seconds to add.
    offset: u64,
}

fn each_of_pcapng<'a>(
    file: &'a [u8],
    problems: &mut Problems,
    mut take: impl FnMut(Frame<'a>),
) -> Result<u64, String> {
    let mut blocks = Blocks::of(file);
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut number = 0;
    while let Some(block) = blocks.next() {
        let block = match block {
            Ok(block) => block,
            Err(what) if number == 0 && interfaces.is_empty() => return Err(what),
            Err(what) => {
                problems.whole(format!("{what}, after frame {number}: the rest is lost"));
                break;
            }
        };
        number += u64::from(block.is_numbered());
        match block.kind {
            SECTION_HEADER => interfaces.clear(),
            INTERFACE_DESCRIPTION => interfaces.push(interface(&block)),
            ENHANCED_PACKET | PACKET | SIMPLE_PACKET => match packet(&block, &interfaces) {
                Some((at, link, data, cut)) => take(Frame { number, at, link, data, cut }),
                None => problems.at(number, "the packet's block is damaged"),
            },
            _ => {}
        }
    }
    Ok(number)
}

fn interface(block: &Block<'_>) -> Interface {
    const RESOLUTION: u16 = 9;
    const OFFSET: u16 = 14;
    let Block { order, body, .. } = *block;
    let mut found = Interface {
        link: DataLink::from(u32::from(order.u16(body, 0).unwrap_or(u16::MAX))),
        snaplen: order.u32(body, 4).unwrap_or(0),
        // Microseconds where nothing is said.
        resolution: 6,
        offset: 0,
    };
    let mut at = 8;
    while let (Some(code @ 1..), Some(length)) = (order.u16(body, at), order.u16(body, at + 2)) {
        let length = usize::from(length);
        let Some(value) = body.get(at + 4..at + 4 + length) else { break };
        match (code, value) {
            (RESOLUTION, [resolution]) => found.resolution = *resolution,
            (OFFSET, [..]) if length == 8 => {
                let (first, second) = (order.u32(value, 0), order.u32(value, 4));
                let (high, low) = match order {
                    Order::Big => (first, second),
                    Order::Little => (second, first),
                };
                found.offset = u64::from(high.unwrap_or(0)) << 32 | u64::from(low.unwrap_or(0));
            }
            _ => {}
        }
        at += 4 + length.next_multiple_of(4);
    }
    found
}

fn packet<'a>(block: &Block<'a>, interfaces: &[Interface]) -> Option<(Duration, DataLink, &'a [u8], bool)> {
    let Block { kind, order, body, .. } = *block;
    if kind == SIMPLE_PACKET {
        let interface = interfaces.first()?;
        let (length, data) = (order.u32(body, 0)?, body.get(4..)?);
        let most = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let held = usize::try_from(length.min(most)).ok()?;
        let data = data.get(..held)?;
        return Some((Duration::ZERO, interface.link, data, data.len() < usize::try_from(length).ok()?));
    }
    let interface = match kind {
        PACKET => usize::from(order.u16(body, 0)?),
        _ => usize::try_from(order.u32(body, 0)?).ok()?,
    };
    let interface = interfaces.get(interface)?;
    let units = u64::from(order.u32(body, 4)?) << 32 | u64::from(order.u32(body, 8)?);
    let (held, length) = (order.u32(body, 12)?, order.u32(body, 16)?);
    let data = body.get(20..)?.get(..usize::try_from(held).ok()?)?;
    let at =
        clock(u128::from(units), interface.resolution).saturating_add(Duration::from_secs(interface.offset));
    Some((at, interface.link, data, held < length))
}
