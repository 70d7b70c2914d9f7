//! What can become of packets on their way into a file, and what is said of it.

use crate::file::{self, Packet};
use crate::made::{Judged, made};
use model::{CaseResult, Verdict};
use rstest::rstest;

/// Connections of the shared capture: 2.1, and 3.1.1 with GMAC.
const STREAMS: [usize; 2] = [1, 4];

fn packets(stream: usize) -> Vec<Packet> {
    file::connection(&std::fs::read(made().pcapng()).unwrap(), stream)
}

fn judged(name: &str, packets: &[Packet]) -> Judged {
    made().judge_bytes(&format!("{name}.pcap"), &file::pcap(packets), Some(&made().password))
}

fn only(judged: &Judged) -> &CaseResult {
    let cases = &judged.results().cases;
    assert_eq!(cases.len(), 1, "{}", judged.said);
    &cases[0]
}

/// What is judged of the connection as it was.
fn whole(stream: usize) -> CaseResult {
    only(&judged(&format!("whole-{stream}"), &packets(stream))).clone()
}

fn assert_as_whole(name: &str, stream: usize, packets: &[Packet]) {
    let judged = judged(&format!("{name}-{stream}"), packets);
    let (before, after) = (whole(stream), only(&judged));
    assert_eq!(after.verdict, Verdict::Conforms, "{name}: {}", judged.said);
    assert_eq!((&after.outcome, &after.checks), (&before.outcome, &before.checks), "{name}");
    assert_eq!(judged.status, 0, "{name}");
}

#[rstest]
fn what_tcp_mends_is_mended(#[values(STREAMS[0], STREAMS[1])] stream: usize) {
    let own = packets(stream);
    // Every packet twice, as where two interfaces see it.
    assert_as_whole("twice", stream, &own.iter().flat_map(|it| [it.clone(), it.clone()]).collect::<Vec<_>>());
    // Each one behind the next, and then the first of all at the end.
    let mut swapped = own.clone();
    for pair in swapped.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    assert_as_whole("swapped", stream, &swapped);
    let mut late = own.clone();
    let place = late.iter().position(Packet::has_payload).unwrap();
    let first = late.remove(place);
    late.push(first);
    assert_as_whole("late", stream, &late);
    // All of one direction, then all of the other.
    let client = own[0].ports();
    let (mut there, back): (Vec<_>, Vec<_>) = own.iter().cloned().partition(|it| it.ports() == client);
    there.splice(0..0, back);
    assert_as_whole("apart", stream, &there);
    // Sent in pieces that overlap, the later ones first.
    let overlapping = own.iter().flat_map(|it| match it.payload_len() {
        length @ 8.. => {
            vec![it.part(length / 2 - 2, length), it.part(length / 3, length - 1), it.part(0, length / 2)]
        }
        _ => vec![it.clone()],
    });
    assert_as_whole("overlapping", stream, &overlapping.collect::<Vec<_>>());
    // The numbers wrap around in the midst of it: in either direction, since both begin somewhere.
    for by in [own[0].sequence(), own[1].sequence()] {
        let mut wrapping = own.clone();
        for packet in &mut wrapping {
            packet.shift(0_u32.wrapping_sub(by).wrapping_sub(700));
        }
        assert_as_whole("wrapping", stream, &wrapping);
    }
}

/// Whichever packet is lost, the rest is not judged, nothing is held against anybody, and it is said where.
#[rstest]
fn a_packet_that_is_lost_is_missed(#[values(STREAMS[0], STREAMS[1])] stream: usize) {
    let own = packets(stream);
    let capture = |packets: &[Packet]| {
        let wanted = evidence::Wanted { ports: vec![445], recognises: judge::recognise };
        let password = Some(made().password.as_str().into());
        let secrets = judge::Secrets { password, ..judge::Secrets::default() };
        let capture = evidence::Capture::of(&file::pcap(packets), &wanted).unwrap();
        let judged: Vec<_> =
            capture.conversations.iter().map(|it| judge::judge_capture(it, &secrets)).collect();
        (capture, judged)
    };
    for lost in 0..own.len() {
        let mut rest = own.clone();
        let packet = rest.remove(lost);
        let (capture, judged) = capture(&rest);
        let [judged] = judged.as_slice() else { panic!("packet {lost}: {capture:?}") };
        let bad = judged.findings.iter().find(|it| it.level >= model::CheckLevel::Should);
        assert_eq!(bad, None, "packet {lost}");
        if packet.has_payload() {
            assert_eq!(judged.verdict, Verdict::Inconclusive, "packet {lost}: {judged:?}");
            let why = judged.why.as_ref().unwrap();
            assert!(why.contains("frame"), "packet {lost}: {why}");
        }
    }
    // The command says the same, and its status.
    let mut rest = own.clone();
    let place = rest.iter().position(|it| it.payload_len() > 200).unwrap();
    rest.remove(place);
    let judged = judged_lost(stream, &rest);
    assert_eq!(judged.status, 3, "{}", judged.said);
    let why = only(&judged).why.clone().unwrap();
    assert!(why.contains("are missing before this packet: the capture lost them"), "{why}");
}

fn judged_lost(stream: usize, packets: &[Packet]) -> Judged {
    judged(&format!("lost-{stream}"), packets)
}

/// The capture began when the client had logged on: there is no dialect, no key, and nothing to be said.
#[rstest]
fn a_capture_from_the_midst_says_so(#[values(STREAMS[0], STREAMS[1])] stream: usize) {
    let own = packets(stream);
    for from in [own.len() / 3, own.len() / 2, own.len() * 3 / 4] {
        let judged = judged(&format!("midst-{stream}-{from}"), &own[from..]);
        assert_eq!(judged.status, 3, "{}", judged.said);
        let case = only(&judged);
        assert_eq!((case.verdict, &case.outcome, case.findings.len()), (Verdict::Inconclusive, &None, 0));
        assert!(
            case.why.as_ref().unwrap().contains("began in the midst of the connection"),
            "{:?}",
            case.why
        );
    }
}

#[rstest]
fn packets_that_were_cut_are_named(#[values(STREAMS[0], STREAMS[1])] stream: usize) {
    let cut = file::pcap_cut(&packets(stream), 200);
    let judged = made().judge_bytes(&format!("cut-{stream}.pcap"), &cut, Some(&made().password));
    assert_eq!(judged.status, 3, "{}", judged.said);
    let why = only(&judged).why.clone().unwrap();
    assert!(why.contains("snapshot length"), "{why}");
}

#[test]
fn a_changed_byte_is_a_finding_at_its_frame() {
    let mut own = packets(STREAMS[1]);
    let client = own[0].ports();
    // The content of the file, on its way back.
    let text = b"what was written";
    let is_it = |it: &Packet| it.ports() != client && it.data.windows(text.len()).any(|part| part == text);
    let place = own.iter().position(is_it).unwrap();
    *own[place].data.last_mut().unwrap() ^= 1;
    let judged = judged("changed", &own);
    assert_eq!(judged.status, 1, "{}", judged.said);
    let finding = &only(&judged).findings[0];
    assert_eq!(finding.rule, "signing/response-signed");
    assert_eq!(finding.at.unwrap().frame, place as u64 + 1);
}

#[test]
fn bytes_in_two_versions_decide_nothing() {
    let mut own = packets(STREAMS[1]);
    let place = own.iter().rposition(|it| it.payload_len() > 60).unwrap();
    let mut other = own[place].clone();
    *other.data.last_mut().unwrap() ^= 1;
    own.insert(place, other);
    let judged = judged("versions", &own);
    assert_eq!(judged.status, 3, "{}", judged.said);
    assert!(only(&judged).why.as_ref().unwrap().contains("were sent again as others"), "{}", judged.said);
}

#[test]
fn what_is_no_capture_says_what_it_is() {
    for (name, bytes, says) in [
        ("empty", &b""[..], "no capture"),
        ("text", b"this is a text of some length and no capture at all", "neither as pcapng nor as pcap"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03abcdefghijklmnopqrst", "decompress it first"),
        ("none", &file::pcap(&[]), "no SMB connection is in its 0 packets"),
    ] {
        let judged = made().judge_bytes(name, bytes, None);
        assert_eq!(judged.status, 2, "{name}: {}", judged.said);
        assert!(judged.said.contains(says) && judged.said.contains(name), "{name}: {}", judged.said);
        assert!(!judged.out.exists(), "{name}");
    }
}
