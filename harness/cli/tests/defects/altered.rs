//! Bits that are flipped: on disk, where evidence is altered, and on the wire, where a server is wrong.

use crate::clean::{Clean, conforms};
use crate::support::exchange::{Exchange, Wire};
use crate::support::{Bench, Recorded, cause};
use judge::Judged;
use model::Verdict;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use smb::follow::Way;
use smb::wire::Command;
use std::fs;

/// The place of a message's bytes in the file.
fn place(file: &[u8], message: &Wire) -> usize {
    let framed = smb::nbss::wrap(&message.bytes).unwrap();
    let mut places = file.windows(framed.len()).enumerate().filter(|(_, window)| *window == framed);
    let (place, _) = places.next().unwrap();
    assert!(places.next().is_none());
    place + 4
}

/// Evidence to be altered on disk.
pub(crate) struct Altered {
    recorded: Recorded,
    pub(crate) exchange: Exchange,
    pub(crate) file: Vec<u8>,
}

impl Altered {
    pub(crate) async fn new(bench: &Bench, clean: Clean) -> Self {
        let exchange = clean.exchange(bench).await;
        let recorded = exchange.write(bench);
        conforms(&format!("{clean:?}"), &recorded.judged());
        let file = fs::read(&recorded.pcapng).unwrap();
        Self { recorded, exchange, file }
    }

    pub(crate) fn with(&self, file: &[u8]) -> Option<Judged> {
        fs::write(&self.recorded.pcapng, file).unwrap();
        evidence::Evidence::read(&self.recorded.pcapng).ok().map(|evidence| {
            let mut judged = judge::judge(&evidence);
            // The frames that are said to be altered, where a finding would name them.
            judged.why = Some(
                evidence.problems.iter().map(|p| format!("[{}]", p.frame.unwrap_or(0))).collect::<String>(),
            )
            .filter(|why| !why.is_empty())
            .or(judged.why);
            judged
        })
    }
}

const SIGNED: [Clean; 5] =
    [Clean::Required21, Clean::Required30, Clean::Required311, Clean::Free311, Clean::Server21];

/// Evidence of each of these, altered or not as the test will have it.
fn altered(all: &[Clean]) -> (Bench, Vec<Altered>) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bench = Bench::new().await;
        let mut made = Vec::new();
        for clean in all {
            made.push(Altered::new(&bench, *clean).await);
        }
        (bench, made)
    })
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Some bit of some signed message.
struct Flip<'e> {
    altered: &'e Altered,
    message: usize,
    byte: Index,
    bit: u32,
}

/// Tries bits of the signed messages that went one of these ways.
fn flip_signed(all: &[Altered], ways: &[Way], test: impl Fn(Flip<'_>) -> TestCaseResult) {
    let strategy = (0..all.len(), any::<Index>(), any::<Index>(), 0..8_u32);
    runner(500)
        .run(&strategy, |(which, message, byte, bit)| {
            let altered = &all[which];
            let message = *message.get(&signed(&altered.exchange, ways));
            test(Flip { altered, message, byte, bit })
        })
        .unwrap();
}

/// The signed messages that went one of these ways.
fn signed(exchange: &Exchange, ways: &[Way]) -> Vec<usize> {
    (0..exchange.messages.len())
        .filter(|i| exchange.is_flagged(*i) && ways.contains(&exchange.messages[*i].way))
        .collect()
}

#[test]
fn a_bit_of_a_signed_message_that_is_flipped_on_disk_is_told_at_its_frame() {
    let (_bench, all) = altered(&SIGNED);
    flip_signed(&all, &[Way::ToServer, Way::ToClient], |Flip { altered, message, byte, bit }| {
        let bytes = &altered.exchange.messages[message];
        let mut file = altered.file.clone();
        let flipped = place(&file, bytes) + byte.index(bytes.bytes.len());
        file[flipped] ^= 1 << bit;
        let judged = altered.with(&file).unwrap();
        prop_assert_ne!(judged.verdict, Verdict::Conforms);
        let frame = Exchange::frame(message);
        let problem = judged.why.as_ref().is_some_and(|why| why.contains(&format!("[{frame}]")));
        prop_assert!(problem, "frame {}: {}", frame, cause(&judged));
        // Nobody else is accused: where it was the server's message the finding is about it, else there is none.
        match bytes.way {
            Way::ToServer => prop_assert_eq!(&judged.findings, &Vec::new()),
            Way::ToClient => {
                for at in judged.findings.iter().filter_map(|finding| finding.at) {
                    prop_assert_eq!(at.frame, frame);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_bit_of_a_signed_message_that_the_server_sent_wrongly_is_found_at_its_frame() {
    let (bench, all) = altered(&SIGNED);
    flip_signed(&all, &[Way::ToClient], |Flip { altered, message, byte, bit }| {
        let mut exchange = altered.exchange.clone();
        let establishes = message == exchange.response(Command::SESSION_SETUP);
        exchange.spoil(message, |bytes| {
            let byte = byte.index(bytes.len());
            bytes[byte] ^= 1 << bit;
        });
        if establishes {
            // The id of the session is the one that the server says last.
            let id = exchange.messages[message].bytes[40..48].try_into().unwrap();
            exchange.keys[0].session_id = u64::from_le_bytes(id);
        }
        let judged = exchange.write(&bench).judged();
        prop_assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(&judged));
        let frame = Exchange::frame(message);
        // Where the logon itself comes out otherwise, it is the outcome that says so, and that has no frame.
        let status =
            establishes && judged.outcome.as_ref().is_some_and(|outcome| outcome.nt_status.is_some());
        prop_assert!(
            status || judged.findings.iter().any(|finding| finding.at.is_some_and(|at| at.frame == frame)),
            "frame {}: {}",
            frame,
            cause(&judged)
        );
        Ok(())
    });
}

#[test]
fn a_signature_of_the_client_that_does_not_verify_is_not_the_servers_fault() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bench = Bench::new().await;
        for clean in SIGNED {
            let exchange = clean.exchange(&bench).await;
            for message in signed(&exchange, &[Way::ToServer]) {
                let mut exchange = exchange.clone();
                exchange.spoil(message, |bytes| *bytes.last_mut().unwrap() ^= 1);
                let judged = exchange.write(&bench).judged();
                assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
                assert!(cause(&judged).contains(&format!("(frame {})", Exchange::frame(message))));
            }
        }
    });
}

/// The parts of the file that say nothing about what was exchanged: when each packet was seen, and text for people.
fn says_nothing(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (mut all, mut at) = (Vec::new(), 0);
    while at < file.len() {
        let (kind, length) = (number(at), number(at + 4));
        let end = at + length - 4;
        match kind {
            // The section's header: version, length and options; the options are comments.
            0x0a0d_0d0a => all.push(at + 12..end),
            6 => {
                all.push(at + 12..at + 20);
                let data = at + 28 + number(at + 20);
                all.push(data..end);
            }
            1 => all.push(at + 10..end),
            _ => {}
        }
        at += length;
    }
    all
}

#[test]
fn a_bit_flipped_anywhere_else_never_conforms_unless_it_says_nothing() {
    let (_bench, all) = altered(&[Clean::Free21, Clean::Required311, Clean::Anonymous]);
    let nothing: Vec<_> = all.iter().map(|altered| says_nothing(&altered.file)).collect();
    let clean: Vec<_> = all.iter().map(|altered| altered.with(&altered.file).unwrap()).collect();
    runner(1500)
        .run(&(0..all.len(), any::<Index>(), 0..8_u32), |(which, byte, bit)| {
            let mut file = all[which].file.clone();
            let byte = byte.index(file.len());
            file[byte] ^= 1 << bit;
            // A file that cannot be read at all is inconclusive where it is one of a run.
            let Some(judged) = all[which].with(&file) else { return Ok(()) };
            if nothing[which].iter().any(|range| range.contains(&byte)) {
                if judged.verdict == Verdict::Conforms {
                    prop_assert_eq!(&judged, &clean[which]);
                }
            } else {
                prop_assert_ne!(judged.verdict, Verdict::Conforms, "byte {}", byte);
                prop_assert_ne!(judged.why, None);
            }
            Ok(())
        })
        .unwrap();
}
