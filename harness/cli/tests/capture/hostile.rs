//! Files that somebody made to do harm: nothing panics, nothing hangs, nothing grows.

use crate::file;
use crate::made::made;
use evidence::{Capture, Wanted};
use std::time::{Duration, Instant};

/// Reads and judges everything in a file.
fn judge_all(file: &[u8]) -> usize {
    let wanted = Wanted { ports: vec![445, 139], recognises: judge::recognise };
    let Ok(capture) = Capture::of(file, &wanted) else { return 0 };
    assert!(capture.conversations.len() <= 1000);
    let password = Some(made().password.as_str().into());
    let secrets = judge::Secrets { password, ..judge::Secrets::default() };
    for conversation in &capture.conversations {
        let judged = judge::judge_capture(conversation, &secrets);
        assert!(judged.findings.len() < 5000);
        let held: usize = conversation.connection.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        assert!(held <= file.len(), "{held} bytes out of a file of {}", file.len());
    }
    capture.conversations.len()
}

/// Both kinds of files: one connection each, of 3.1.1.
fn files() -> [Vec<u8>; 2] {
    let packets = file::connection(&std::fs::read(made().pcapng()).unwrap(), 4);
    let pcap = file::pcap(&packets);
    // A section of the original with the packets of that connection.
    let whole = std::fs::read(made().pcapng()).unwrap();
    let u32_at = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let mut pcapng = Vec::new();
    let mut at = 0;
    while at < whole.len() {
        let block = &whole[at..at + u32_at(at + 4)];
        let wanted = u32_at(at) != 6 || packets.iter().any(|it| block[28..].starts_with(&it.data));
        if wanted {
            pcapng.extend_from_slice(block);
        }
        at += block.len();
    }
    [pcap, pcapng]
}

#[test]
fn every_truncation_is_survived() {
    for file in files() {
        assert_eq!(judge_all(&file), 1);
        for end in (0..file.len()).step_by(7) {
            judge_all(&file[..end]);
        }
    }
}

#[test]
fn flipped_bits_are_survived() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let begin = Instant::now();
    for file in files() {
        // One flip at each place in turn, and many at once.
        for place in (0..file.len()).step_by(11) {
            let mut changed = file.clone();
            changed[place] ^= 1 << (random() % 8);
            judge_all(&changed);
        }
        for _ in 0..300 {
            let mut changed = file.clone();
            for _ in 0..1 + random() % 60 {
                let place = random() % changed.len();
                changed[place] = random() as u8;
            }
            judge_all(&changed);
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(300), "{:?}", begin.elapsed());
}

/// Very many connections, and one of very many packets, each with one byte.
#[test]
fn very_many_packets_take_no_long_time() {
    let own = file::connection(&std::fs::read(made().pcapng()).unwrap(), 4);
    let begin = Instant::now();
    let mut many = Vec::new();
    for port in 1..=20_000_u16 {
        let mut syn = own[0].clone();
        syn.data[34..36].copy_from_slice(&port.to_be_bytes());
        syn.data[36..38].copy_from_slice(&445_u16.to_be_bytes());
        many.push(syn);
    }
    let file = file::pcap(&many);
    assert_eq!(judge_all(&file), 1000);
    let judged = made().judge_bytes("many.pcap", &file, None);
    assert_eq!(judged.status, 3);
    assert!(judged.said.contains("19000 more connections were not looked at"), "{}", judged.said);
    let sent = own.iter().find(|it| it.payload_len() > 200).unwrap();
    let bytes = own.iter().take(3).cloned().chain(
        (0..100_000).map(|at| sent.part(at % (sent.payload_len() - 1), at % (sent.payload_len() - 1) + 1)),
    );
    judge_all(&file::pcap(&bytes.collect::<Vec<_>>()));
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}
