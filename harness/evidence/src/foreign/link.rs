//! What stands in front of a TCP segment: the link layers that a capture of SMB has, and IP.

use super::frames::Frame;
use crate::packet::{Segment, segment};
use etherparse::{EtherType, IpNumber, LaxIpSlice, TcpSlice};
use pcap_file::DataLink;
use std::net::IpAddr;

/// What a packet is.
pub(super) enum Seen<'a> {
    /// A TCP segment, as far as it was captured.
    Tcp(Segment<'a>),
    /// A part of an IP packet, from one address to another.
    Fragment(IpAddr, IpAddr),
    /// Nothing that would be of interest.
    Other,
    /// Something that is not read, and why.
    Unread(String),
}

/// VLAN tags, one in the other: more than these has nobody.
const MOST_TAGS: usize = 4;

pub(super) fn read<'a>(frame: &Frame<'a>) -> Seen<'a> {
    let data = frame.data;
    match frame.link {
        DataLink::ETHERNET => tagged(data, 12),
        // 1 and 2 are dumps of Linux; the second says the type first.
        DataLink::LINUX_SLL => tagged(data, 14),
        DataLink::LINUX_SLL2 => ether(data, 0, 20),
        // 12 and 14 are what some systems write for it.
        DataLink::Unknown(12 | 14) | DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => ip(data),
        // The address family of whichever system wrote it, in its byte order: the packet itself says what it is.
        DataLink::NULL | DataLink::LOOP => ip(data.get(4..).unwrap_or_default()),
        other => Seen::Unread(format!(
            "packets of link type {} are not read, only Ethernet, Linux cooked, loopback and raw IP",
            u32::from(other)
        )),
    }
}

/// A packet whose EtherType is at `at`, behind any VLAN tags.
fn tagged(data: &[u8], mut at: usize) -> Seen<'_> {
    for _ in 0..MOST_TAGS {
        match ether_type(data, at) {
            Some(
                EtherType::VLAN_TAGGED_FRAME
                | EtherType::PROVIDER_BRIDGING
                | EtherType::VLAN_DOUBLE_TAGGED_FRAME,
            ) => at += 4,
            _ => break,
        }
    }
    ether(data, at, at + 2)
}

/// A packet whose EtherType is at `at` and whose content begins at `content`.
fn ether(data: &[u8], at: usize, content: usize) -> Seen<'_> {
    match ether_type(data, at) {
        Some(EtherType::IPV4 | EtherType::IPV6) => ip(data.get(content..).unwrap_or_default()),
        Some(EtherType::VLAN_TAGGED_FRAME) if at == 0 => tagged(data, content + 2),
        _ => Seen::Other,
    }
}

fn ether_type(data: &[u8], at: usize) -> Option<EtherType> {
    data.get(at..)?.first_chunk().map(|kind| EtherType(u16::from_be_bytes(*kind)))
}

/// An IP packet. Its checksums are not looked at: the machine that captured it may have left them to its network card.
fn ip(data: &[u8]) -> Seen<'_> {
    let Ok((ip, _)) = LaxIpSlice::from_slice(data) else {
        return match data.first().map(|first| first >> 4) {
            Some(4 | 6) => Seen::Unread("the packet is cut within its IP header, or damaged".to_owned()),
            _ => Seen::Other,
        };
    };
    let (from, to) = (ip.source_addr(), ip.destination_addr());
    let content = ip.payload().clone();
    if content.fragmented {
        return Seen::Fragment(from, to);
    }
    if content.ip_number != IpNumber::TCP {
        return Seen::Other;
    }
    match TcpSlice::from_slice(content.payload) {
        Ok(tcp) => Seen::Tcp(segment(from, to, &tcp)),
        Err(_) => Seen::Unread("the packet is cut within its TCP header, or damaged".to_owned()),
    }
}
