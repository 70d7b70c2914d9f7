//! What was recorded is what is read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

mod common;

use common::{addr, at, sidecar, small, stream, write};
use countersign_evidence::{Direction, End, EndSeen, Recorder};
use proptest::prelude::*;
use std::time::{Duration, SystemTime};

#[test]
fn a_little_of_everything() {
    let (recorder, sidecar) = small();
    let evidence = write(&recorder, &sidecar).read();
    assert_eq!(evidence.problems, []);
    let [a, b, refused] = &evidence.connections[..] else { panic!("{:?}", evidence.connections) };

    assert_eq!((a.client, a.server), (addr("127.0.0.1:50000"), addr("127.0.0.1:445")));
    assert_eq!((a.opened, a.refused), (Some(2), None));
    assert_eq!(stream(&evidence, 0, Direction::ToServer), b"\0\0\0\x04ping\0\0\0\x03bye");
    assert_eq!(stream(&evidence, 0, Direction::ToClient), b"\0\0\0\x05pong!last words");
    assert_eq!(a.chunks.iter().map(|chunk| chunk.frame).collect::<Vec<_>>(), [4, 5, 9, 16]);
    assert_eq!(
        a.ends,
        [
            EndSeen { direction: Direction::ToServer, end: End::Fin, frame: 15 },
            EndSeen { direction: Direction::ToClient, end: End::Fin, frame: 17 },
        ]
    );

    assert_eq!((b.client, b.server), (addr("[::1]:50000"), addr("[::1]:445")));
    assert_eq!((b.opened, b.refused), (Some(7), None));
    assert_eq!(stream(&evidence, 1, Direction::ToServer), b"odd");
    assert_eq!(stream(&evidence, 1, Direction::ToClient), b"end");
    assert_eq!(b.ends, [EndSeen { direction: Direction::ToClient, end: End::Rst, frame: 14 }]);

    assert_eq!((refused.opened, refused.refused), (None, Some(12)));
    assert!(refused.chunks.is_empty() && refused.ends.is_empty());

    let recorded = &evidence.sidecar.recorded;
    assert_eq!(recorded.packets, 17);
    assert_eq!(recorded.connections.iter().map(|c| c.packets).collect::<Vec<_>>(), [9, 6, 2]);
    assert_eq!(recorded.connections.iter().map(|c| c.to_server).collect::<Vec<_>>(), [15, 3, 0]);
    assert_eq!(evidence.sidecar.case, sidecar.case);
    assert_eq!(evidence.sidecar.session_keys, sidecar.session_keys);
    assert_eq!(evidence.sidecar.steps, sidecar.steps);
}

#[test]
fn times_are_since_the_first_packet_and_never_run_backwards() {
    let mut recorder = Recorder::default();
    let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(1000));
    recorder.data(a, Direction::ToServer, b"later", at(1500));
    recorder.data(a, Direction::ToClient, b"a clock set back", at(0));
    recorder.data(a, Direction::ToServer, b"before 1970", SystemTime::UNIX_EPOCH - Duration::from_secs(1));
    let evidence = write(&recorder, &sidecar()).read();
    assert_eq!(evidence.problems, []);
    let times: Vec<u128> = evidence.connections[0].chunks.iter().map(|chunk| chunk.at.as_nanos()).collect();
    assert_eq!(times, [500_000_000, 500_000_001, 500_000_002]);
}

#[test]
fn large_reads_become_several_packets() {
    let mut recorder = Recorder::default();
    let sizes = [65494, 65495, 65496, 65536, 3 * 65495, 1 << 20];
    for (client, server) in [("127.0.0.1:50000", "127.0.0.1:40445"), ("[::1]:50000", "[::1]:40445")] {
        let connection = recorder.connect(addr(client), addr(server), at(0));
        for (i, size) in sizes.into_iter().enumerate() {
            let bytes: Vec<u8> = (0..size).map(|n| (n * 7 + i) as u8).collect();
            recorder.data(connection, Direction::ToClient, &bytes, at(i as u64));
        }
    }
    let evidence = write(&recorder, &sidecar()).read();
    assert_eq!(evidence.problems, []);
    for connection in 0..2 {
        let there = stream(&evidence, connection, Direction::ToClient);
        let expected: Vec<u8> = sizes
            .into_iter()
            .enumerate()
            .flat_map(|(i, size)| (0..size).map(move |n: usize| (n * 7 + i) as u8))
            .collect();
        assert!(there == expected);
        // 1, 1, 2, 2, 3 and 17 packets.
        assert_eq!(evidence.connections[connection].chunks.len(), 26);
    }
}

#[test]
fn nothing_recorded_is_whole_too() {
    let evidence = write(&Recorder::default(), &sidecar()).read();
    assert_eq!(evidence.problems, []);
    assert!(evidence.connections.is_empty());
}

#[test]
fn a_reset_after_a_fin_is_both() {
    let mut recorder = Recorder::default();
    let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(0));
    recorder.end(a, Direction::ToServer, End::Fin, at(1));
    recorder.end(a, Direction::ToServer, End::Rst, at(2));
    let evidence = write(&recorder, &sidecar()).read();
    assert_eq!(evidence.problems, []);
    let ends: Vec<End> = evidence.connections[0].ends.iter().map(|seen| seen.end).collect();
    assert_eq!(ends, [End::Fin, End::Rst]);
}

#[test]
fn bytes_after_an_end_are_kept_and_told() {
    for end in [End::Fin, End::Rst] {
        let mut recorder = Recorder::default();
        let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(0));
        recorder.data(a, Direction::ToServer, b"first", at(1));
        recorder.end(a, Direction::ToServer, end, at(2));
        recorder.data(a, Direction::ToServer, b"second", at(3));
        recorder.data(a, Direction::ToServer, b"third", at(4));
        let evidence = write(&recorder, &sidecar()).read();
        assert_eq!(stream(&evidence, 0, Direction::ToServer), b"firstsecondthird");
        let frames: Vec<Option<u64>> = evidence.problems.iter().map(|problem| problem.frame).collect();
        assert_eq!(frames, [Some(6), Some(7)], "{:?}", evidence.problems);
    }
}

#[derive(Debug, Clone)]
enum Told {
    Connect { v6: bool, port: u16 },
    Refused,
    Data { which: usize, to_server: bool, size: usize, seed: u8, millis: u64 },
    End { which: usize, to_server: bool, fin: bool },
}

fn told() -> impl Strategy<Value = Told> {
    // Small sizes mostly, and the edges of a packet.
    let size = prop_oneof![6 => 1..200usize, 1 => 65000..66000usize, 1 => 130_000..140_000usize];
    let data = (0..4usize, any::<bool>(), size, any::<u8>(), 0..50u64).prop_map(
        |(which, to_server, size, seed, millis)| Told::Data { which, to_server, size, seed, millis },
    );
    prop_oneof![
        2 => (any::<bool>(), 50000..50003u16).prop_map(|(v6, port)| Told::Connect { v6, port }),
        1 => Just(Told::Refused),
        8 => data,
        1 => (0..4usize, any::<bool>(), any::<bool>())
            .prop_map(|(which, to_server, fin)| Told::End { which, to_server, fin }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_exchange(all in proptest::collection::vec(told(), 0..40)) {
        let mut recorder = Recorder::default();
        let mut opened = Vec::new();
        let mut expected: Vec<[Vec<u8>; 2]> = Vec::new();
        let mut ended: Vec<[Vec<End>; 2]> = Vec::new();
        for told in all {
            match told {
                Told::Connect { v6, port } => {
                    let ip = if v6 { "[::1]" } else { "127.0.0.1" };
                    let index = recorder.connect(addr(&format!("{ip}:{port}")), addr(&format!("{ip}:40445")), at(0));
                    prop_assert_eq!(index as usize, expected.len());
                    opened.push(index);
                    expected.push([Vec::new(), Vec::new()]);
                    ended.push([Vec::new(), Vec::new()]);
                }
                Told::Refused => {
                    recorder.refused(Some(addr("127.0.0.1:50000")), addr("127.0.0.1:40445"), at(0));
                    expected.push([Vec::new(), Vec::new()]);
                    ended.push([Vec::new(), Vec::new()]);
                }
                Told::Data { which, to_server, size, seed, millis } => {
                    let Some(&index) = opened.get(which) else { continue };
                    let side = usize::from(!to_server);
                    if !ended[index as usize][side].is_empty() {
                        continue;
                    }
                    let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
                    let bytes: Vec<u8> = (0..size).map(|n| (n as u8).wrapping_mul(31) ^ seed).collect();
                    recorder.data(index, direction, &bytes, at(millis));
                    expected[index as usize][side].extend_from_slice(&bytes);
                    prop_assert_eq!(recorder.sent(index, direction), expected[index as usize][side].len() as u64);
                }
                Told::End { which, to_server, fin } => {
                    let Some(&index) = opened.get(which) else { continue };
                    let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
                    let end = if fin { End::Fin } else { End::Rst };
                    recorder.end(index, direction, end, at(0));
                    let seen = &mut ended[index as usize][usize::from(!to_server)];
                    if !seen.contains(&end) && !seen.contains(&End::Rst) {
                        seen.push(end);
                    }
                }
            }
        }
        let evidence = write(&recorder, &sidecar()).read();
        prop_assert_eq!(&evidence.problems[..], []);
        prop_assert_eq!(evidence.connections.len(), expected.len());
        let mut frames: Vec<u64> = Vec::new();
        for (index, both) in expected.iter().enumerate() {
            for (direction, side) in [(Direction::ToServer, 0), (Direction::ToClient, 1)] {
                prop_assert!(stream(&evidence, index, direction) == both[side]);
                let ends: Vec<End> = evidence.connections[index]
                    .ends
                    .iter()
                    .filter(|seen| seen.direction == direction)
                    .map(|seen| seen.end)
                    .collect();
                prop_assert_eq!(&ends, &ended[index][side]);
            }
            let chunks = &evidence.connections[index].chunks;
            prop_assert!(chunks.windows(2).all(|two| two[0].frame < two[1].frame && two[0].at < two[1].at));
            frames.extend(chunks.iter().map(|chunk| chunk.frame));
        }
        frames.sort_unstable();
        prop_assert!(frames.windows(2).all(|two| two[0] < two[1]));
    }
}
