//! One synthetic packet: raw IP and TCP around the recorded bytes.
//!
//! Raw IP and not Ethernet: there were no MAC addresses to record, and no checksum of ours would cover them.

use etherparse::checksum::Sum16BitWords;
use etherparse::{
    IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, PacketBuilder, TcpHeader, TcpOptionElement, TcpSlice,
};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The largest payload of one packet: what an IPv4 packet can hold.
pub(crate) const MAX_PAYLOAD: usize = 65535 - 20 - 20;

/// A TCP segment, decoded or about to be encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) sequence: u32,
    pub(crate) acknowledges: Option<u32>,
    pub(crate) flags: Flags,
    pub(crate) payload: &'a [u8],
}

/// The flags that matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
}

impl Flags {
    pub(crate) const NONE: Self = Self { syn: false, fin: false, rst: false };
    pub(crate) const SYN: Self = Self { syn: true, ..Self::NONE };
    pub(crate) const FIN: Self = Self { fin: true, ..Self::NONE };
    pub(crate) const RST: Self = Self { rst: true, ..Self::NONE };
}

/// A packet as it was read.
pub(crate) struct Decoded<'a> {
    pub(crate) segment: Segment<'a>,
    /// What shows that the packet was altered.
    pub(crate) altered: Option<String>,
}

const HOPS: u8 = 64;
/// With this and the largest window nothing ever looks like a full one: flow control was the kernel's, not ours to tell.
const WINDOW: u16 = u16::MAX;
const WINDOW_SCALE: u8 = 14;

impl Segment<'_> {
    /// The packet's bytes. Both addresses are of one family.
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut tcp = TcpHeader::new(self.from.port(), self.to.port(), self.sequence, WINDOW);
        tcp.syn = self.flags.syn;
        tcp.fin = self.flags.fin;
        tcp.rst = self.flags.rst;
        tcp.psh = !self.payload.is_empty();
        tcp.ack = self.acknowledges.is_some();
        tcp.acknowledgment_number = self.acknowledges.unwrap_or(0);
        if self.flags.syn {
            tcp.set_options(&[
                TcpOptionElement::MaximumSegmentSize(MAX_PAYLOAD as u16),
                TcpOptionElement::Noop,
                TcpOptionElement::WindowScale(WINDOW_SCALE),
            ])
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        } else if self.flags.rst {
            tcp.window_size = 0;
        }
        let builder = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
            (from, to) => PacketBuilder::ipv6(v6(from), v6(to), HOPS),
        };
        let builder = builder.tcp_header(tcp);
        let mut bytes = Vec::with_capacity(builder.size(self.payload.len()));
        builder.write(&mut bytes, self.payload).map_err(io::Error::other)?;
        Ok(bytes)
    }
}

/// Decodes a packet. `Err` says why it is none that the recorder writes.
///
/// A packet with a wrong checksum still decodes: the judge looks at altered bytes too.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decoded<'_>, String> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => decode_v4(bytes),
        Some(6) => decode_v6(bytes),
        Some(version) => Err(format!("not an IP packet: version {version}")),
        None => Err("an empty packet".to_owned()),
    }
}

fn decode_v4(bytes: &[u8]) -> Result<Decoded<'_>, String> {
    let ip = Ipv4HeaderSlice::from_slice(bytes).map_err(|error| error.to_string())?;
    fits(usize::from(ip.total_len()), bytes.len())?;
    if ip.is_fragmenting_payload() || ip.protocol() != IpNumber::TCP {
        return Err("not a whole TCP segment".to_owned());
    }
    let header = ip.slice().len();
    let tcp = tcp(bytes.get(header..).unwrap_or_default())?;
    // Over the bytes as they are: etherparse's decoded header has lost the reserved bit.
    let (before, after) = ip.slice().split_at(10);
    let words = Sum16BitWords::new().add_slice(before).add_slice(after.get(2..).unwrap_or_default());
    let expected = words.ones_complement().to_be();
    let mut altered = None;
    if expected != ip.header_checksum() {
        altered = Some(wrong_checksum("IP", ip.header_checksum(), expected));
    }
    let expected =
        tcp.calc_checksum_ipv4(ip.source(), ip.destination()).map_err(|error| error.to_string())?;
    if altered.is_none() && expected != tcp.checksum() {
        altered = Some(wrong_checksum("TCP", tcp.checksum(), expected));
    }
    let segment = segment(ip.source_addr().into(), ip.destination_addr().into(), &tcp);
    Ok(Decoded { segment, altered })
}

fn decode_v6(bytes: &[u8]) -> Result<Decoded<'_>, String> {
    let ip = Ipv6HeaderSlice::from_slice(bytes).map_err(|error| error.to_string())?;
    let header = ip.slice().len();
    fits(usize::from(ip.payload_length()) + header, bytes.len())?;
    if ip.next_header() != IpNumber::TCP {
        return Err("not a TCP segment".to_owned());
    }
    let tcp = tcp(bytes.get(header..).unwrap_or_default())?;
    let mut altered = None;
    // IPv6 has no checksum over these three; what they were is known.
    if ip.traffic_class() != 0 || ip.flow_label().value() != 0 || ip.hop_limit() != HOPS {
        altered = Some("the IPv6 header is not as it was recorded: it was altered".to_owned());
    }
    let expected =
        tcp.calc_checksum_ipv6(ip.source(), ip.destination()).map_err(|error| error.to_string())?;
    if altered.is_none() && expected != tcp.checksum() {
        altered = Some(wrong_checksum("TCP", tcp.checksum(), expected));
    }
    let segment = segment(ip.source_addr().into(), ip.destination_addr().into(), &tcp);
    Ok(Decoded { segment, altered })
}

fn fits(announced: usize, there: usize) -> Result<(), String> {
    if announced == there {
        return Ok(());
    }
    Err(format!("the packet says it has {announced} bytes and has {there}"))
}

fn tcp(bytes: &[u8]) -> Result<TcpSlice<'_>, String> {
    TcpSlice::from_slice(bytes).map_err(|error| error.to_string())
}

pub(crate) fn segment<'a>(from: IpAddr, to: IpAddr, tcp: &TcpSlice<'a>) -> Segment<'a> {
    Segment {
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledges: tcp.ack().then(|| tcp.acknowledgment_number()),
        flags: Flags { syn: tcp.syn(), fin: tcp.fin(), rst: tcp.rst() },
        payload: tcp.payload(),
    }
}

fn wrong_checksum(layer: &str, there: u16, expected: u16) -> String {
    format!("the {layer} checksum is {there:#06x} and should be {expected:#06x}: the packet was altered")
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("127.0.0.1:50000", "127.0.0.1:445")]
    #[case("[::1]:50000", "[2001:db8::1]:445")]
    fn every_flip_of_every_bit_is_noticed(#[case] from: &str, #[case] to: &str) {
        let payload = b"\xfeSMB odd";
        let flags = Flags { syn: true, ..Flags::NONE };
        let segment =
            Segment { from: addr(from), to: addr(to), sequence: 7, acknowledges: Some(9), flags, payload };
        let bytes = segment.encode().unwrap();
        let whole = decode(&bytes).unwrap();
        assert_eq!(whole.altered, None);
        assert_eq!((whole.segment.from, whole.segment.to), (addr(from), addr(to)));
        assert_eq!((whole.segment.sequence, whole.segment.acknowledges), (7, Some(9)));
        assert_eq!((whole.segment.flags, whole.segment.payload), (flags, &payload[..]));
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                let mut altered = bytes.clone();
                altered[at] ^= flip;
                let noticed = decode(&altered).map_or(true, |decoded| decoded.altered.is_some());
                assert!(noticed, "byte {at} ^ {flip:#04x}");
            }
        }
    }

    #[test]
    fn altered_bytes_are_still_handed_out() {
        let segment = Segment {
            from: addr("127.0.0.1:50000"),
            to: addr("127.0.0.1:445"),
            sequence: 1,
            acknowledges: Some(1),
            flags: Flags::NONE,
            payload: b"abc",
        };
        let mut bytes = segment.encode().unwrap();
        *bytes.last_mut().unwrap() = b'x';
        let decoded = decode(&bytes).unwrap();
        assert_eq!(decoded.segment.payload, b"abx");
        assert!(decoded.altered.unwrap().contains("TCP checksum"));
    }

    #[test]
    fn the_largest_payload_fits_both_families() {
        for (from, to) in [("127.0.0.1:50000", "127.0.0.1:445"), ("[::1]:50000", "[::1]:445")] {
            let payload = &vec![0x5a; MAX_PAYLOAD];
            let segment = Segment {
                from: addr(from),
                to: addr(to),
                sequence: u32::MAX,
                acknowledges: None,
                flags: Flags::RST,
                payload,
            };
            let bytes = segment.encode().unwrap();
            assert_eq!(decode(&bytes).unwrap().segment.payload, payload);
        }
    }
}
