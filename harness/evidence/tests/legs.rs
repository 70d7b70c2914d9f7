//! The two sides of an interposer in one file.
#![cfg(test)]

mod common;

use common::{addr, at, sidecar, stream, write};
use countersign_evidence::{Direction, End, Recorder, SessionKey};
use proptest::prelude::*;
use std::time::Duration;

/// What the client saw: two connections to the interposer.
fn client_side() -> Recorder {
    let mut recorder = Recorder::default();
    let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40000"), at(0));
    recorder.data(a, Direction::ToServer, b"ask", at(10));
    recorder.data(a, Direction::ToClient, b"an answer, changed", at(40));
    let b = recorder.connect(addr("127.0.0.1:50001"), addr("127.0.0.1:40000"), at(50));
    recorder.end(b, Direction::ToClient, End::Fin, at(70));
    recorder.end(a, Direction::ToServer, End::Fin, at(80));
    recorder
}

/// What the server saw, in another order of connections: one of them has the address of a client on the other side.
fn server_side() -> Recorder {
    let mut recorder = Recorder::default();
    let b = recorder.connect_for(addr("127.0.0.1:50001"), None, addr("127.0.0.1:40445"), true, at(60));
    let a = recorder.connect_for(
        addr("127.0.0.1:50000"),
        Some(addr("127.0.0.1:50001")),
        addr("127.0.0.1:40445"),
        false,
        at(5),
    );
    assert_eq!((b, a), (0, 1));
    recorder.data(a, Direction::ToServer, b"ask", at(20));
    recorder.data(a, Direction::ToClient, b"an answer", at(30));
    recorder
}

#[test]
fn both_sides_are_told_apart_and_belong_together() {
    let mut recorder = client_side();
    let offset = recorder.append_leg(1, server_side());
    assert_eq!(offset, 2);
    let mut sidecar = sidecar();
    sidecar.session_keys.push(SessionKey { connection: offset + 1, session_id: 9, key: [7; 16] });
    let evidence = write(&recorder, &sidecar).read();
    assert_eq!(evidence.problems, []);
    let legs: Vec<_> = evidence.connections.iter().map(|c| (c.leg, c.of)).collect();
    assert_eq!(legs, [(Some(0), None), (Some(0), None), (Some(1), Some(1)), (Some(1), Some(0))]);
    assert_eq!(stream(&evidence, 0, Direction::ToClient), b"an answer, changed");
    assert_eq!(stream(&evidence, 3, Direction::ToClient), b"an answer");
    assert_eq!(stream(&evidence, 3, Direction::ToServer), b"ask");
    assert!(evidence.connections[2].refused.is_some());
    // The client's port is taken on this file's other side: it is another one, so that the two stay two.
    assert_eq!(evidence.connections[3].client, addr("127.0.0.1:50002"));
    assert_eq!(evidence.connections[1].client, addr("127.0.0.1:50001"));
}

#[test]
fn packets_are_in_the_order_of_their_times() {
    // The refusal is told first and is late: a side's own order stays.
    let mut server = Recorder::default();
    let peer = addr("127.0.0.1:50000");
    let a = server.connect_for(peer, Some(addr("127.0.0.1:51000")), addr("127.0.0.1:40445"), false, at(5));
    server.data(a, Direction::ToServer, b"ask", at(20));
    server.data(a, Direction::ToClient, b"an answer", at(30));
    let mut recorder = client_side();
    recorder.append_leg(1, server);
    let evidence = write(&recorder, &sidecar()).read();
    let mut chunks: Vec<_> = evidence
        .connections
        .iter()
        .flat_map(|c| c.chunks.iter().map(|chunk| (chunk.frame, c.leg.unwrap(), chunk.direction)))
        .collect();
    chunks.sort_unstable_by_key(|(frame, ..)| *frame);
    let order: Vec<_> = chunks.iter().map(|(_, leg, direction)| (*leg, *direction)).collect();
    let (asked, answered) = (Direction::ToServer, Direction::ToClient);
    assert_eq!(order, [(0, asked), (1, asked), (1, answered), (0, answered)]);
}

#[test]
fn what_belongs_to_nothing_has_no_owner() {
    let mut recorder = client_side();
    let mut other = Recorder::default();
    other.connect_for(addr("10.0.0.1:1"), None, addr("127.0.0.1:40445"), false, at(1));
    recorder.append_leg(1, other);
    let evidence = write(&recorder, &sidecar()).read();
    assert_eq!(evidence.problems, []);
    assert_eq!((evidence.connections[2].leg, evidence.connections[2].of), (Some(1), None));
}

#[test]
fn without_an_interposer_nothing_is_said_of_one() {
    let written = write(&client_side(), &sidecar());
    let text = std::fs::read_to_string(written.sidecar()).unwrap();
    assert!(!text.contains("\"leg\"") && !text.contains("\"of\""), "{text}");
    assert!(written.read().connections.iter().all(|c| c.leg.is_none() && c.of.is_none()));
}

#[test]
fn a_side_that_is_said_to_be_another_is_a_problem() {
    let mut recorder = client_side();
    recorder.append_leg(1, server_side());
    let written = write(&recorder, &sidecar());
    let text = std::fs::read_to_string(written.sidecar()).unwrap();
    for (from, to) in [("\"of\": 1", "\"of\": 9"), ("\"of\": 1", "\"of\": 3"), ("\"leg\": 1", "\"leg\": 0")] {
        assert!(text.contains(from));
        std::fs::write(written.sidecar(), text.replace(from, to)).unwrap();
        let problems = written.read().problems;
        assert!(problems.iter().any(|problem| problem.what.contains("is said to belong to")), "{problems:?}");
    }
}

proptest! {
    /// However the clocks of both sides run, nothing is lost and each side keeps its order.
    #[test]
    fn each_side_keeps_its_order(ours in times(), theirs in times()) {
        let record = |times: &[u16], peer: Option<&str>| {
            let mut recorder = Recorder::default();
            let (client, server) = (addr("127.0.0.1:50000"), addr("127.0.0.1:40000"));
            let connection = match peer {
                None => recorder.connect(client, server, at(0)),
                Some(peer) => recorder.connect_for(addr(peer), Some(client), server, false, at(0)),
            };
            for (time, number) in times.iter().zip(0_u8..) {
                let when = at(0) + Duration::from_millis(u64::from(*time));
                recorder.data(connection, Direction::ToServer, &[number], when);
            }
            recorder
        };
        let mut recorder = record(&ours, None);
        recorder.append_leg(1, record(&theirs, Some("127.0.0.1:50000")));
        let evidence = write(&recorder, &sidecar()).read();
        prop_assert_eq!(&evidence.problems, &[]);
        for (connection, times) in [&ours, &theirs].into_iter().enumerate() {
            let expected: Vec<u8> = (0_u8..).take(times.len()).collect();
            prop_assert_eq!(stream(&evidence, connection, Direction::ToServer), expected);
        }
    }
}

fn times() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(any::<u16>(), 0..30)
}
