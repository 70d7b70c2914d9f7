//! A copy of a capture with comments on its packets.

use super::blocks::{Block, Blocks, ENHANCED_PACKET, INTERFACE_DESCRIPTION, Order, PACKET, SIMPLE_PACKET};
use super::{MAX_BYTES, MEND};
use crate::error::EvidenceError;
use crate::files::{self, Pending};
use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{PcapError, TsResolution};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// What a comment is at most, in bytes; an option could hold 65535.
const MOST: usize = 4000;

/// Writes `copy`: the capture `original` as a `.pcapng` whose packets carry `comments`, by their number as Wireshark shows
/// it, besides those they have. Everything else is copied byte for byte; only its owner can read the copy.
///
/// # Errors
/// `original` cannot be read or is no capture, or `copy` cannot be written or is the original.
pub fn annotate(
    original: &Path,
    copy: &Path,
    comments: &BTreeMap<u64, Vec<String>>,
) -> Result<(), EvidenceError> {
    let unusable =
        |path: &Path, what: String, mend| EvidenceError::Unusable { path: path.to_owned(), what, mend };
    if let (Ok(one), Ok(other)) = (original.canonicalize(), copy.canonicalize())
        && one == other
    {
        let what = "it is the evidence itself, which has to stay as it is".to_owned();
        return Err(unusable(copy, what, "give another file for the copy"));
    }
    let file = files::read(original, MAX_BYTES.max(1 << 30), MEND)?;
    files::create_parent(copy)?;
    let mut damage = None;
    let pending = Pending::write(copy, |out| {
        damage = if file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            pcapng(&file, out, comments)?
        } else {
            pcap(&file, out, comments)?
        };
        Ok(())
    })?;
    match damage {
        Some(what) => Err(unusable(original, what, MEND)),
        None => pending.put_in_place(),
    }
}

/// Copies block by block. What cannot be read any more is left out; where that is all, says why.
fn pcapng(
    file: &[u8],
    out: &mut impl Write,
    comments: &BTreeMap<u64, Vec<String>>,
) -> io::Result<Option<String>> {
    let mut blocks = Blocks::of(file);
    let mut number = 0;
    let mut begun = false;
    while let Some(block) = blocks.next() {
        let block = match block {
            Ok(block) => block,
            Err(what) if !begun => return Ok(Some(what)),
            Err(_) => break,
        };
        begun |= block.kind == INTERFACE_DESCRIPTION;
        number += u64::from(block.is_numbered());
        let told = comments.get(&number).filter(|_| block.is_numbered());
        match told.and_then(|told| commented(&block, told)) {
            Some(bytes) => out.write_all(&bytes)?,
            None => out.write_all(block.whole)?,
        }
    }
    Ok(None)
}

/// A packet's block with comments in front of its options.
fn commented(block: &Block<'_>, told: &[String]) -> Option<Vec<u8>> {
    let Block { kind, order, body, .. } = *block;
    let (kind, fixed, data, options) = match kind {
        ENHANCED_PACKET | PACKET => {
            let held = usize::try_from(order.u32(body, 12)?).ok()?;
            let padded = held.checked_next_multiple_of(4)?;
            (kind, body.get(..20)?.to_vec(), body.get(20..)?.get(..padded)?, body.get(20 + padded..)?)
        }
        // It has no options: it becomes one that has, of the first interface and without a time, as it was.
        SIMPLE_PACKET => {
            let data = body.get(4..)?;
            let length = order.u32(body, 0)?;
            let held = length.min(u32::try_from(data.len()).ok()?);
            let mut fixed = Vec::new();
            for value in [0, 0, 0, held, length] {
                order.put_u32(value, &mut fixed);
            }
            (ENHANCED_PACKET, fixed, data, &[][..])
        }
        _ => return None,
    };
    let mut body = [&fixed, data].concat();
    for text in told {
        put_comment(text, order, &mut body);
    }
    match options {
        [] => body.extend_from_slice(&[0; 4]),
        options => body.extend_from_slice(options),
    }
    let length = u32::try_from(body.len() + 12).ok()?;
    let mut whole = Vec::with_capacity(body.len() + 12);
    order.put_u32(kind, &mut whole);
    order.put_u32(length, &mut whole);
    whole.extend_from_slice(&body);
    order.put_u32(length, &mut whole);
    Some(whole)
}

fn put_comment(text: &str, order: Order, body: &mut Vec<u8>) {
    const COMMENT: u16 = 1;
    let text = bounded(text);
    order.put_u16(COMMENT, body);
    order.put_u16(text.len() as u16, body);
    body.extend_from_slice(text.as_bytes());
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The beginning of a text that is too long.
fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST)).unwrap_or(text)
}

/// A `.pcap` has no place for comments: what is written is its packets as a `.pcapng`.
fn pcap(
    file: &[u8],
    out: &mut impl Write,
    comments: &BTreeMap<u64, Vec<String>>,
) -> io::Result<Option<String>> {
    let Ok((mut rest, parser)) = PcapParser::new(file) else {
        return Ok(Some("it begins neither as pcapng nor as pcap".to_owned()));
    };
    let header = parser.header();
    let mut writer = PcapNgWriter::new(out).map_err(to_io)?;
    let options = vec![InterfaceDescriptionOption::IfTsResol(9)];
    let interface = InterfaceDescriptionBlock { linktype: header.datalink, snaplen: header.snaplen, options };
    writer.write_pcapng_block(interface).map_err(to_io)?;
    let mut number = 0;
    while let Ok((after, packet)) = parser.next_raw_packet(rest) {
        rest = after;
        number += 1;
        let nanos = match header.ts_resolution {
            TsResolution::MicroSecond => u64::from(packet.ts_frac) * 1000,
            TsResolution::NanoSecond => u64::from(packet.ts_frac),
        };
        let told = comments.get(&number).map(Vec::as_slice).unwrap_or_default();
        let options = told.iter().map(|text| EnhancedPacketOption::Comment(bounded(text).to_owned().into()));
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_secs(packet.ts_sec.into()) + Duration::from_nanos(nanos),
            original_len: packet.orig_len,
            data: packet.data,
            options: options.collect(),
        };
        writer.write_pcapng_block(block).map_err(to_io)?;
        if rest.is_empty() {
            break;
        }
    }
    Ok(None)
}

fn to_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error.to_string()),
    }
}
