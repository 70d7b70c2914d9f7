//! Whatever is done to evidence is noticed, and nothing that is done to it panics.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

mod common;

use common::{Written, addr, at, blocks, packet_data, sidecar, small, stream, write};
use countersign_evidence::{Direction, Evidence, EvidenceError, Problem, Recorder};
use proptest::prelude::*;

const PACKET: u32 = 6;

fn packets(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    blocks(file).into_iter().filter(|(kind, _)| *kind == PACKET).map(|(_, place)| place).collect()
}

fn whole() -> Written {
    let (recorder, sidecar) = small();
    let written = write(&recorder, &sidecar);
    assert_eq!(written.read().problems, []);
    written
}

/// The problems of a changed file; an error counts as one.
fn problems(written: &Written, file: &[u8]) -> Vec<Problem> {
    written.replace(file);
    match Evidence::read(&written.pcapng) {
        Ok(evidence) => evidence.problems,
        Err(error) => vec![Problem { frame: None, what: error.to_string() }],
    }
}

fn names(problems: &[Problem], frame: usize) -> bool {
    problems.iter().any(|problem| problem.frame == Some(frame as u64))
}

#[test]
fn every_flipped_byte_of_every_packet_is_noticed_at_its_frame() {
    let written = whole();
    let file = written.bytes();
    for (i, block) in packets(&file).iter().enumerate() {
        for place in packet_data(&file, block) {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[place] ^= flip;
                let problems = problems(&written, &changed);
                assert!(names(&problems, i + 1), "frame {}, byte {place} ^ {flip:#x}: {problems:?}", i + 1);
            }
        }
    }
}

#[test]
fn no_flipped_byte_anywhere_panics() {
    let written = whole();
    let file = written.bytes();
    for place in 0..file.len() {
        for flip in [0x10, 0xff] {
            let mut changed = file.clone();
            changed[place] ^= flip;
            problems(&written, &changed);
        }
    }
}

#[test]
fn altered_bytes_are_handed_out_with_their_problem() {
    let written = whole();
    let mut file = written.bytes();
    let data = packet_data(&file, &packets(&file)[3]);
    file[data.end - 1] = b'G';
    written.replace(&file);
    let evidence = written.read();
    assert_eq!(stream(&evidence, 0, Direction::ToServer), b"\0\0\0\x04pinG\0\0\0\x03bye");
    assert_eq!(evidence.problems.len(), 1, "{:?}", evidence.problems);
    assert_eq!(evidence.problems[0].frame, Some(4));
    assert!(evidence.problems[0].what.contains("TCP checksum"));
}

#[test]
fn every_truncation_is_noticed() {
    let written = whole();
    let file = written.bytes();
    for length in 0..file.len() {
        assert!(!problems(&written, &file[..length]).is_empty(), "cut at {length}");
    }
    assert_eq!(problems(&written, &file), []);
}

#[test]
fn a_cut_says_where() {
    let written = whole();
    let file = written.bytes();
    let blocks = packets(&file);
    let problems = problems(&written, &file[..blocks[6].start + 10]);
    let (start, end) = (blocks[6].start, blocks[6].start + 10);
    let expected =
        format!("the file is cut: it ends at byte {end}, within the block at byte {start} after frame 6");
    assert!(problems.iter().any(|problem| problem.what == expected), "{problems:?}");
}

#[test]
fn every_removed_packet_is_noticed() {
    let written = whole();
    let file = written.bytes();
    for (i, block) in packets(&file).into_iter().enumerate() {
        let mut changed = file.clone();
        changed.drain(block);
        let problems = problems(&written, &changed);
        assert!(!problems.is_empty(), "packet {}", i + 1);
    }
}

#[test]
fn a_removed_packet_is_a_gap_at_the_frame_after_it() {
    let mut recorder = Recorder::default();
    let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(0));
    for i in 0..3 {
        recorder.data(a, Direction::ToServer, b"question", at(i));
        recorder.data(a, Direction::ToClient, b"answer", at(i));
        recorder.data(a, Direction::ToClient, b" more", at(i));
    }
    let written = write(&recorder, &sidecar());
    let file = written.bytes();
    // All but the last: no frame comes after it.
    for i in 3..packets(&file).len() - 1 {
        let mut changed = file.clone();
        changed.drain(packets(&file)[i].clone());
        let problems = problems(&written, &changed);
        assert!(names(&problems, i + 1), "packet {}: {problems:?}", i + 1);
        assert!(problems[0].what.starts_with("a gap: "), "{problems:?}");
    }
}

#[test]
fn any_two_swapped_packets_are_noticed() {
    let written = whole();
    let file = written.bytes();
    let all = packets(&file);
    for (i, first) in all.iter().enumerate() {
        for second in &all[i + 1..] {
            let mut changed = file[..first.start].to_vec();
            changed.extend_from_slice(&file[second.clone()]);
            changed.extend_from_slice(&file[first.end..second.start]);
            changed.extend_from_slice(&file[first.clone()]);
            changed.extend_from_slice(&file[second.end..]);
            assert!(!problems(&written, &changed).is_empty());
        }
    }
}

#[test]
fn a_repeated_packet_is_noticed_and_its_bytes_are_not_doubled() {
    let written = whole();
    let file = written.bytes();
    let fourth = packets(&file)[3].clone();
    let mut changed = file.clone();
    changed.splice(fourth.end..fourth.end, file[fourth.clone()].iter().copied());
    assert!(!problems(&written, &changed).is_empty());
    assert_eq!(stream(&written.read(), 0, Direction::ToServer), b"\0\0\0\x04ping\0\0\0\x03bye");
}

#[test]
fn bytes_out_of_order_have_the_right_offsets() {
    let mut recorder = Recorder::default();
    let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(0));
    for bytes in [b"one, ", b"two, ", b"three"] {
        recorder.data(a, Direction::ToServer, bytes, at(1));
    }
    let written = write(&recorder, &sidecar());
    let file = written.bytes();
    let all = packets(&file);
    let mut changed = file[..all[3].start].to_vec();
    for i in [5, 3, 4] {
        changed.extend_from_slice(&file[all[i].clone()]);
    }
    written.replace(&changed);
    let evidence = written.read();
    let chunks = &evidence.connections[0].chunks;
    let got: Vec<(u64, u64, &[u8])> =
        chunks.iter().map(|chunk| (chunk.frame, chunk.offset, &chunk.bytes[..])).collect();
    assert_eq!(got, [(4, 10, &b"three"[..]), (5, 0, b"one, "), (6, 5, b"two, ")]);
    assert!(names(&evidence.problems, 4) && names(&evidence.problems, 5) && names(&evidence.problems, 6));
}

#[test]
fn packets_of_another_case_are_noticed() {
    let written = whole();
    let file = written.bytes();
    let mut recorder = Recorder::default();
    recorder.connect(addr("10.0.0.1:50000"), addr("10.0.0.2:40445"), at(99999));
    let other = write(&recorder, &sidecar()).bytes();
    let mut changed = file.clone();
    changed.extend_from_slice(&other[packets(&other)[0].clone()]);
    assert!(names(&problems(&written, &changed), 18));
    // A whole file appended: its header is noticed too.
    let changed = [&file[..], &other].concat();
    assert!(problems(&written, &changed).iter().any(|problem| problem.what.starts_with("a second file")));
}

#[test]
fn a_foreign_sidecar_is_noticed() {
    let written = whole();
    let (mut recorder, sidecar) = small();
    recorder.data(0, Direction::ToServer, b"x", at(20));
    let other = write(&recorder, &sidecar);
    std::fs::copy(other.sidecar(), written.sidecar()).unwrap();
    assert!(!written.read().problems.is_empty());
}

#[test]
fn a_sidecar_that_speaks_of_bytes_that_are_not_there_is_noticed() {
    for (from, to) in [
        ("\"step\": 0", "\"step\": 1"),
        ("\"connection\": 0", "\"connection\": 3"),
        ("\"packets\": 17", "\"packets\": 18"),
        ("\"packets\": 9", "\"packets\": 8"),
        ("\"to_server\": 15", "\"to_server\": 14"),
        ("\"to_client\": 19", "\"to_client\": 20"),
        ("127.0.0.1:50000", "127.0.0.1:50009"),
    ] {
        let written = whole();
        let text = std::fs::read_to_string(written.sidecar()).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        std::fs::write(written.sidecar(), text.replacen(from, to, 1)).unwrap();
        assert!(!written.read().problems.is_empty(), "{to}");
    }
}

#[test]
fn every_truncation_of_the_sidecar_is_an_error() {
    let written = whole();
    let text = std::fs::read(written.sidecar()).unwrap();
    // The last byte is a newline.
    for length in 0..text.len() - 1 {
        std::fs::write(written.sidecar(), &text[..length]).unwrap();
        let error = Evidence::read(&written.pcapng).unwrap_err();
        assert!(matches!(error, EvidenceError::Unusable { .. }), "{error}");
    }
}

#[test]
fn a_block_of_another_kind_is_noticed_and_not_parsed() {
    // A name resolution record without its padding: pcap-file would panic on it.
    let mut odd = vec![4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 3, 0, 1, 2, 3, 0];
    odd.extend_from_slice(&20u32.to_le_bytes());
    let written = whole();
    let mut file = written.bytes();
    file.extend_from_slice(&odd);
    assert!(!problems(&written, &file).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let written = whole();
        let mut file = written.bytes();
        prop_assert!(!problems(&written, &bytes).is_empty());
        // Behind a whole file, too.
        file.extend_from_slice(&bytes);
        prop_assert_eq!(problems(&written, &file).is_empty(), bytes.is_empty());
    }

    #[test]
    fn random_packets_never_panic(
        all in proptest::collection::vec((0..17usize, any::<bool>(), 0..80usize, any::<u8>(), 0..40usize), 1..30)
    ) {
        // Real packets in any order, some of them cut or changed, with the lengths of the blocks right.
        let written = whole();
        let file = written.bytes();
        let places = packets(&file);
        let mut changed = file[..places[0].start].to_vec();
        for (which, change, place, value, cut) in all {
            let mut data = file[packet_data(&file, &places[which])].to_vec();
            if change {
                let length = data.len();
                data[place % length] = value;
                data.truncate(length.saturating_sub(cut / 8));
            }
            let padded = data.len().next_multiple_of(4);
            let total = (32 + padded) as u32;
            let mut block = vec![6, 0, 0, 0];
            block.extend_from_slice(&total.to_le_bytes());
            block.extend_from_slice(&[0; 12]);
            block.extend_from_slice(&(data.len() as u32).to_le_bytes());
            block.extend_from_slice(&(data.len() as u32).to_le_bytes());
            block.extend_from_slice(&data);
            block.resize(block.len() + padded - data.len(), 0);
            block.extend_from_slice(&total.to_le_bytes());
            changed.extend_from_slice(&block);
        }
        prop_assert!(!problems(&written, &changed).is_empty());
    }
}
