//! Captures made elsewhere: every kind of file and link layer, and what TCP does to a stream.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

use countersign_evidence::{Capture, Conversation, Direction, End, Wanted};
use etherparse::PacketBuilder;
use rstest::rstest;
use std::time::Duration;

const ASKED: &[u8] = b"what the client says";
const ANSWERED: &[u8] = b"and what the server answers";

/// Which bytes are of the protocol: what begins with a word of it.
fn recognises(bytes: &[u8]) -> Option<Direction> {
    match bytes {
        [b'w', ..] => Some(Direction::ToServer),
        [b'a', ..] => Some(Direction::ToClient),
        _ => None,
    }
}

fn wanted(ports: &[u16]) -> Wanted {
    Wanted { ports: ports.to_vec(), recognises }
}

/// One segment: whose, its number, what it acknowledges, its flags and payload.
#[derive(Clone, Copy)]
struct Tcp<'a>(Direction, u32, u32, &'a str, &'a [u8]);

const C: Direction = Direction::ToServer;
const S: Direction = Direction::ToClient;

impl Tcp<'_> {
    /// As a raw IP packet.
    fn ip(&self, v6: bool, server: u16) -> Vec<u8> {
        let Self(direction, number, acknowledges, flags, payload) = *self;
        let (from, to) = match direction {
            Direction::ToServer => (50000, server),
            Direction::ToClient => (server, 50000),
        };
        let (near, far) = if direction == C { (1, 2) } else { (2, 1) };
        let builder = match v6 {
            false => PacketBuilder::ipv4([10, 0, 0, near], [10, 0, 0, far], 64),
            true => {
                let address = |last| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
                PacketBuilder::ipv6(address(near), address(far), 64)
            }
        };
        let mut builder = builder.tcp(from, to, number, 1000);
        for flag in flags.chars() {
            builder = match flag {
                'S' => builder.syn(),
                'A' => builder.ack(acknowledges),
                'F' => builder.fin(),
                'R' => builder.rst(),
                _ => panic!("{flag}"),
            };
        }
        let mut bytes = Vec::new();
        builder.write(&mut bytes, payload).unwrap();
        bytes
    }
}

/// A connection whose numbers begin here.
fn exchange(client: u32, server: u32) -> Vec<Tcp<'static>> {
    let (c, s) = (client.wrapping_add(1), server.wrapping_add(1));
    let (asked, answered) = (c.wrapping_add(ASKED.len() as u32), s.wrapping_add(ANSWERED.len() as u32));
    vec![
        Tcp(C, client, 0, "S", b""),
        Tcp(S, server, c, "SA", b""),
        Tcp(C, c, s, "A", b""),
        Tcp(C, c, s, "A", ASKED),
        Tcp(S, s, asked, "A", ANSWERED),
        Tcp(C, asked, answered, "FA", b""),
        Tcp(S, answered, asked.wrapping_add(1), "FA", b""),
    ]
}

fn packets(v6: bool, server: u16) -> Vec<Vec<u8>> {
    exchange(1000, 9000).iter().map(|it| it.ip(v6, server)).collect()
}

/// The number of a link type and what stands in front of an IP packet.
fn linked(link: &str, ip: &[u8]) -> (u32, Vec<u8>) {
    let kind: [u8; 2] = if ip[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
    let macs = [2; 12];
    let front: (u32, Vec<u8>) = match link {
        "ethernet" => (1, [&macs[..], &kind].concat()),
        "vlan" => (1, [&macs[..], &[0x81, 0, 0, 7], &kind].concat()),
        "two vlans" => (1, [&macs[..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9], &kind].concat()),
        "cooked 1" => (113, [&[0; 14][..], &kind].concat()),
        "cooked 2" => (276, [&kind[..], &[0; 18]].concat()),
        "null" => (0, vec![2, 0, 0, 0]),
        "null of a big-endian machine" => (0, vec![0, 0, 0, 2]),
        "loop" => (108, vec![0, 0, 0, 2]),
        "raw" => (101, Vec::new()),
        "raw of bsd" => (12, Vec::new()),
        "ip" => (if ip[0] >> 4 == 4 { 228 } else { 229 }, Vec::new()),
        _ => panic!("{link}"),
    };
    (front.0, [&front.1, ip].concat())
}

/// The byte order of a file.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Big,
    Little,
}

fn words(order: Order, words: &[u32]) -> Vec<u8> {
    let bytes = |word: &u32| if order == Order::Big { word.to_be_bytes() } else { word.to_le_bytes() };
    words.iter().flat_map(bytes).collect()
}

fn halves(order: Order, halves: &[u16]) -> Vec<u8> {
    let bytes = |half: &u16| if order == Order::Big { half.to_be_bytes() } else { half.to_le_bytes() };
    halves.iter().flat_map(bytes).collect()
}

/// A pcap whose packets are a millisecond apart.
fn pcap(order: Order, nanoseconds: bool, link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut file = words(order, &[magic]);
    file.extend(halves(order, &[2, 4]));
    // Packets longer than the snapshot length are what it is for.
    file.extend(words(order, &[0, 0, 64, link]));
    for (number, packet) in packets.iter().enumerate() {
        let unit = if nanoseconds { 1_000_000 } else { 1000 };
        let length = packet.len() as u32;
        file.extend(words(order, &[1_700_000_000, number as u32 * unit, length, length]));
        file.extend_from_slice(packet);
    }
    file
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = (padded + 12) as u32;
    let mut block = words(order, &[kind, length]);
    block.extend_from_slice(body);
    block.resize(8 + padded, 0);
    block.extend(words(order, &[length]));
    block
}

fn section(order: Order) -> Vec<u8> {
    let mut body = words(order, &[0x1a2b_3c4d]);
    body.extend(halves(order, &[1, 0]));
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

fn interface(order: Order, link: u32, options: &[(u16, &[u8])], ended: bool) -> Vec<u8> {
    let mut body = halves(order, &[link as u16, 0]);
    body.extend(words(order, &[0]));
    for (code, value) in options {
        body.extend(halves(order, &[*code, value.len() as u16]));
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    if ended {
        body.extend([0; 4]);
    }
    block(order, 1, &body)
}

fn enhanced(order: Order, interface: u32, units: u64, packet: &[u8]) -> Vec<u8> {
    let length = packet.len() as u32;
    let mut body = words(order, &[interface, (units >> 32) as u32, units as u32, length, length]);
    body.extend_from_slice(packet);
    block(order, 6, &body)
}

fn read(file: &[u8], ports: &[u16]) -> Capture {
    Capture::of(file, &wanted(ports)).unwrap()
}

/// The one conversation, which has to be whole.
fn whole(capture: &Capture) -> &Conversation {
    assert_eq!(capture.problems, []);
    let [conversation] = capture.conversations.as_slice() else { panic!("{capture:?}") };
    assert_eq!(conversation.problems, [], "{conversation:?}");
    assert_eq!((sent(conversation, C), sent(conversation, S)), (ASKED.to_vec(), ANSWERED.to_vec()));
    conversation
}

fn sent(conversation: &Conversation, direction: Direction) -> Vec<u8> {
    let chunks = conversation.connection.chunks.iter().filter(|chunk| chunk.direction == direction);
    chunks.flat_map(|chunk| chunk.bytes.clone()).collect()
}

fn of(segments: &[Tcp<'_>]) -> Capture {
    let packets: Vec<Vec<u8>> = segments.iter().map(|it| it.ip(false, 445)).collect();
    read(&pcap(Order::Little, false, 101, &packets), &[445])
}

#[rstest]
fn every_link_layer_in_every_pcap(
    #[values(
        "ethernet",
        "vlan",
        "two vlans",
        "cooked 1",
        "cooked 2",
        "null",
        "null of a big-endian machine",
        "loop",
        "raw",
        "raw of bsd",
        "ip"
    )]
    link: &str,
    #[values(false, true)] v6: bool,
    #[values(Order::Big, Order::Little)] order: Order,
    #[values(false, true)] nanoseconds: bool,
) {
    let linked: Vec<_> = packets(v6, 445).iter().map(|ip| linked(link, ip)).collect();
    let (number, packets) = (linked[0].0, linked.into_iter().map(|(_, packet)| packet).collect::<Vec<_>>());
    let capture = read(&pcap(order, nanoseconds, number, &packets), &[445]);
    assert_eq!(capture.packets, 7);
    let connection = &whole(&capture).connection;
    assert_eq!((connection.client.port(), connection.server.port()), (50000, 445));
    assert_eq!(connection.opened, Some(2));
    let frames: Vec<_> = connection.chunks.iter().map(|chunk| (chunk.frame, chunk.at)).collect();
    assert_eq!(frames, [(4, Duration::from_millis(3)), (5, Duration::from_millis(4))]);
    let ends: Vec<_> = connection.ends.iter().map(|end| (end.direction, end.end, end.frame)).collect();
    assert_eq!(ends, [(C, End::Fin, 6), (S, End::Fin, 7)]);
}

/// Interfaces of several kinds, each with its clock, options that some readers refuse, old blocks, a second section.
#[rstest]
fn a_pcapng_with_everything(#[values(Order::Big, Order::Little)] order: Order) {
    let ip = packets(false, 445);
    let mut file = section(order);
    let zone = words(order, &[3600]);
    file.extend(interface(order, 1, &[(2, b"eth0"), (9, &[9]), (10, &zone)], true));
    file.extend(interface(order, 113, &[(9, &[6])], false));
    file.extend(interface(order, 0, &[(9, &[0x80 | 10]), (14, &[0; 8])], true));
    // What holds no packet.
    file.extend(block(order, 4, &[0; 4]));
    file.extend(block(order, 5, &[0; 12]));
    file.extend(block(order, 0xbad, &[0; 4]));
    file.extend(enhanced(order, 0, 1_000_000_000, &linked("ethernet", &ip[0]).1));
    file.extend(enhanced(order, 1, 1_001_000, &linked("cooked 1", &ip[1]).1));
    file.extend(enhanced(order, 2, 1027, &linked("null", &ip[2]).1));
    // The obsolete block, and the one without a time.
    let packet = linked("ethernet", &ip[3]).1;
    let length = packet.len() as u32;
    let mut body = halves(order, &[0, 0]);
    body.extend(words(order, &[0, 1_004_000_000, length, length]));
    body.extend_from_slice(&packet);
    file.extend(block(order, 2, &body));
    // Another section, in the other byte order, with interfaces of its own.
    let other = if order == Order::Big { Order::Little } else { Order::Big };
    file.extend(section(other));
    file.extend(interface(other, 101, &[], false));
    for (number, packet) in ip[4..].iter().enumerate() {
        file.extend(enhanced(other, 0, 1_005_000 + number as u64, packet));
    }
    let capture = read(&file, &[445]);
    assert_eq!(capture.packets, 7);
    let chunks = &whole(&capture).connection.chunks;
    assert_eq!(chunks.iter().map(|chunk| chunk.at.as_millis()).collect::<Vec<_>>(), [4, 5]);

    let mut simple = section(order);
    simple.extend(interface(order, 101, &[], false));
    for packet in &ip {
        let mut body = words(order, &[packet.len() as u32]);
        body.extend_from_slice(packet);
        simple.extend(block(order, 3, &body));
    }
    whole(&read(&simple, &[445]));
}

#[test]
fn what_is_not_read_is_said() {
    let radio = pcap(Order::Little, false, 127, &packets(false, 445));
    let capture = read(&radio, &[445]);
    assert_eq!(capture.conversations, []);
    let [problem] = capture.problems.as_slice() else { panic!("{capture:?}") };
    assert!(problem.what.contains("link type 127") && problem.what.contains("6 more packets"), "{problem}");
    // A fragment is named where it is between the two hosts of a connection.
    let mut fragments = packets(false, 445);
    fragments[4][6] = 0x20;
    let capture = read(&pcap(Order::Little, false, 101, &fragments), &[445]);
    let told: Vec<_> = capture.conversations[0].problems.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|it| it.starts_with("frame 5: 1 IP fragments")), "{told:?}");
    assert!(told.iter().any(|it| it.contains("bytes to the client are missing")), "{told:?}");
}

#[rstest]
fn other_ports_are_recognised_or_asked_for(#[values(12345, 60000)] port: u16) {
    let file = pcap(Order::Little, false, 101, &packets(false, port));
    let conversation = whole(&read(&file, &[445])).clone();
    assert_eq!(conversation.connection.server.port(), port);
    assert_eq!(whole(&read(&file, &[port])), &conversation);
    // Without the handshake it is the bytes that say who is who.
    let file = pcap(Order::Little, false, 101, &packets(false, port)[3..]);
    let conversation = whole(&read(&file, &[445])).clone();
    assert_eq!((conversation.connection.server.port(), conversation.from_the_start), (port, false));
    // Another protocol is none of it.
    let other = [Tcp(C, 1, 1, "A", b"GET / HTTP/1.1"), Tcp(S, 1, 15, "A", b"HTTP/1.1 200")];
    let packets: Vec<_> = other.iter().map(|it| it.ip(false, port)).collect();
    assert_eq!(read(&pcap(Order::Little, false, 101, &packets), &[445]).conversations, []);
}

#[test]
fn streams_are_numbered_among_all() {
    let other = [Tcp(C, 1, 0, "S", b""), Tcp(S, 1, 2, "SA", b"")].map(|it| it.ip(true, 80));
    let mut all = other.to_vec();
    all.extend(packets(false, 445));
    // The same ports again: another connection.
    all.extend(exchange(700_000, 800_000).iter().map(|it| it.ip(false, 445)));
    let capture = read(&pcap(Order::Little, false, 101, &all), &[445]);
    assert_eq!(capture.conversations.iter().map(|it| it.stream).collect::<Vec<_>>(), [1, 2]);
    for conversation in &capture.conversations {
        assert_eq!(sent(conversation, C), ASKED);
        assert_eq!(conversation.problems, []);
    }
}

/// Wherever the numbers wrap, and far beyond where they do.
#[test]
fn numbers_wrap() {
    for start in (0..40).map(|at| 0_u32.wrapping_sub(at)) {
        whole(&of(&exchange(start, start.wrapping_add(3))));
    }
}

#[test]
fn every_order_of_the_packets_is_the_same() {
    let own = exchange(u32::MAX - 5, 77);
    for one in 0..own.len() {
        for other in 0..own.len() {
            let mut swapped = own.clone();
            let packet = swapped.remove(one);
            swapped.insert(other, packet);
            let capture = of(&swapped);
            let conversation = whole(&capture);
            let order: Vec<_> = conversation.connection.chunks.iter().map(|chunk| chunk.direction).collect();
            assert_eq!(order, [C, S], "{one} to {other}");
        }
    }
}

#[test]
fn keepalives_and_what_comes_again_change_nothing() {
    let own = exchange(10, 20);
    let asked = 11 + ASKED.len() as u32;
    let mut all = own.clone();
    all.insert(5, Tcp(C, asked - 1, 21, "A", b"\0")); // A keepalive with a byte that is not that of before.
    all.insert(5, Tcp(C, 11, 21, "A", &ASKED[..7]));
    all.insert(5, Tcp(C, 15, 21, "A", &ASKED[4..]));
    all.insert(1, Tcp(C, 10, 0, "S", b""));
    whole(&of(&all));
}

/// Each packet with bytes in turn is lost.
#[test]
fn what_is_missing_is_said_and_ends_it() {
    let own = exchange(10, 20);
    for lost in [3, 4] {
        let mut rest = own.clone();
        rest.remove(lost);
        let capture = of(&rest);
        let conversation = &capture.conversations[0];
        let [problem] = conversation.problems.as_slice() else { panic!("{capture:?}") };
        assert!(problem.what.contains("are missing before this packet: the capture lost them"), "{problem}");
        assert_eq!(conversation.connection.ends, []);
        assert_eq!(conversation.connection.chunks.len(), if lost == 3 { 0 } else { 1 });
    }
    // Only one direction was captured at all.
    let one_way: Vec<_> = own.iter().copied().filter(|it| it.0 == S).collect();
    let capture = of(&one_way);
    assert!(capture.conversations[0].problems[0].what.contains("to the server are missing"), "{capture:?}");
    assert_eq!(capture.conversations[0].connection.chunks, []);
}

#[test]
fn what_was_captured_in_two_versions_ends_it_before_the_difference() {
    let mut own = exchange(10, 20);
    own.insert(5, Tcp(S, 21, 31, "A", b"and what the server ANSWERS"));
    let capture = of(&own);
    let conversation = &capture.conversations[0];
    assert_eq!(sent(conversation, S), b"and what the server ");
    let told = conversation.problems[0].to_string();
    assert!(
        told.starts_with("frame 5: its bytes to the client were sent again as others in frame 6"),
        "{told}"
    );
}

#[test]
fn a_port_that_refuses_is_seen() {
    let capture = of(&[Tcp(C, 10, 0, "S", b""), Tcp(S, 0, 11, "RA", b"")]);
    assert_eq!(capture.conversations[0].connection.refused, Some(2));
}
