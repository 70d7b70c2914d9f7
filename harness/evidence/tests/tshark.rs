//! The files are what Wireshark understands without being told anything: run by the real tshark.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

mod common;

use common::{addr, at, sidecar, write};
use countersign_evidence::{Direction, End, Evidence, Recorder};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What tshark prints, line by line, with every checksum validated.
fn tshark(pcapng: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(pcapng).args([
        "-n",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ]);
    command.args(["-Y", filter, "-T", "fields", "-E", "separator=|"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap_or_else(|error| {
        panic!(
            "this test needs tshark and cannot run it ({error}): install it (Debian: apt-get install tshark)"
        )
    });
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Nothing that Wireshark would colour.
fn assert_clean(pcapng: &Path, evidence: &Evidence) {
    assert_eq!(evidence.problems, []);
    let packets = usize::try_from(evidence.sidecar.recorded.packets).unwrap();
    for (bad, fields) in [
        ("tcp.analysis.flags", &["frame.number", "_ws.col.Info"][..]),
        ("_ws.malformed", &["frame.number", "_ws.col.Info"]),
        ("tcp.checksum.status == 0 || ip.checksum.status == 0", &["frame.number", "tcp.checksum.status"]),
        ("_ws.expert.severity >= 6291456", &["frame.number", "_ws.expert.message"]),
    ] {
        // Refused is what it is: a RST is a warning to Wireshark and the truth here.
        let filter = format!("({bad}) && !(tcp.flags.reset == 1)");
        assert_eq!(tshark(pcapng, &filter, fields), [""; 0], "{bad}");
    }
    // The checksums were looked at, and are good.
    assert_eq!(tshark(pcapng, "tcp.checksum.status == 1", &["frame.number"]).len(), packets);
    assert_eq!(
        tshark(pcapng, "tcp && frame.protocols contains \"raw:ip\"", &["frame.number"]).len(),
        packets
    );
    // The payload of every frame is what the reader says it is.
    let mut ours: Vec<(u64, String)> = evidence
        .connections
        .iter()
        .flat_map(|connection| &connection.chunks)
        .map(|chunk| {
            (chunk.frame, format!("{}|{}|{}", chunk.frame, chunk.bytes.len(), hex::encode(&chunk.bytes)))
        })
        .collect();
    ours.sort();
    let theirs = tshark(pcapng, "tcp.len > 0", &["frame.number", "tcp.len", "tcp.payload"]);
    assert!(ours.into_iter().map(|(_, line)| line).collect::<Vec<_>>() == theirs);
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    framed
}

/// A capture's messages: those of a compound are one.
fn messages() -> Vec<(Direction, Vec<u8>)> {
    let capture: Value = serde_json::from_str(include_str!("data/cap311gmac.json")).unwrap();
    let mut messages: Vec<(Direction, Vec<u8>)> = Vec::new();
    let mut more = false;
    for frame in capture["frames"].as_array().unwrap() {
        let direction = if frame["dir"] == "C" { Direction::ToServer } else { Direction::ToClient };
        let bytes = hex::decode(frame["hex"].as_str().unwrap()).unwrap();
        // NextCommand: where the next message of a compound starts.
        let next = bytes[20..24] != [0; 4];
        match messages.last_mut() {
            Some((before, message)) if more && *before == direction => message.extend_from_slice(&bytes),
            _ => messages.push((direction, bytes)),
        }
        more = next;
    }
    messages
}

/// `command,command|id,id`, from the headers.
fn headers(message: &[u8]) -> String {
    let (mut commands, mut ids) = (Vec::new(), Vec::new());
    let mut rest = message;
    loop {
        commands.push(u16::from_le_bytes(rest[12..14].try_into().unwrap()).to_string());
        ids.push(u64::from_le_bytes(rest[24..32].try_into().unwrap()).to_string());
        let next = u32::from_le_bytes(rest[20..24].try_into().unwrap()) as usize;
        if next == 0 {
            return format!("{}|{}", commands.join(","), ids.join(","));
        }
        rest = &rest[next..];
    }
}

#[test]
fn a_real_exchange_is_dissected() {
    for (client, server) in [("127.0.0.1:50000", "127.0.0.1:40445"), ("[::1]:50000", "[::1]:40445")] {
        let mut recorder = Recorder::default();
        let connection = recorder.connect(addr(client), addr(server), at(0));
        let messages = messages();
        for (i, (direction, message)) in messages.iter().enumerate() {
            recorder.data(connection, *direction, &framed(message), at(1 + i as u64));
        }
        recorder.end(connection, Direction::ToServer, End::Fin, at(100));
        recorder.end(connection, Direction::ToClient, End::Fin, at(101));
        let written = write(&recorder, &sidecar());
        let evidence = written.read();
        assert_clean(&written.pcapng, &evidence);

        let chunks = &evidence.connections[0].chunks;
        assert_eq!(chunks.len(), messages.len());
        let ours: Vec<String> = chunks
            .iter()
            .zip(&messages)
            .map(|(chunk, (direction, message))| {
                let response = if *direction == Direction::ToClient { "1" } else { "0" };
                let first = u32::from(message[16] & 1).to_string();
                assert_eq!(first, response);
                format!("{}|{}", chunk.frame, headers(message))
            })
            .collect();
        assert_eq!(ours[0], "4|0|0");
        assert!(ours.iter().any(|line| line.ends_with("|5,9,6|9,10,11")));
        assert_eq!(tshark(&written.pcapng, "smb2", &["frame.number", "smb2.cmd", "smb2.msg_id"]), ours);
        // Relative times, to the nanosecond.
        let times = tshark(&written.pcapng, "tcp.len > 0", &["frame.time_relative"]);
        let ours: Vec<String> = chunks
            .iter()
            .map(|chunk| format!("{}.{:09}", chunk.at.as_secs(), chunk.at.subsec_nanos()))
            .collect();
        assert_eq!(times, ours);
        assert_eq!(tshark(&written.pcapng, "tcp.flags.fin == 1", &["tcp.srcport"]), ["50000", "445"]);
    }
}

/// A READ response with so much data in it.
fn read_response(size: u32) -> Vec<u8> {
    let mut message = vec![0; 64 + 16];
    message[..4].copy_from_slice(b"\xfeSMB");
    message[4] = 64;
    message[12] = 8;
    message[16] = 1;
    message[24] = 7;
    message[64] = 17;
    message[66] = 80;
    message[68..72].copy_from_slice(&size.to_le_bytes());
    message.resize(80 + size as usize, 0x5a);
    message
}

#[test]
fn many_connections_large_messages_and_every_end_are_dissected() {
    let mut recorder = Recorder::default();
    let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(0));
    let b = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(1));
    let c = recorder.connect(addr("[2001:db8::1]:50000"), addr("[2001:db8::2]:40445"), at(1));
    recorder.refused(None, addr("127.0.0.1:40446"), at(2));
    recorder.refused(Some(addr("[::1]:50000")), addr("[::1]:40446"), at(2));
    for connection in [a, b, c] {
        recorder.data(connection, Direction::ToClient, &framed(&read_response(200_000)), at(3));
        // One byte at a time is not a keep-alive. (Wireshark itself gives up on an NBSS header in pieces.)
        let negotiate = framed(&messages()[0].1);
        let (first, rest) = negotiate.split_at(8);
        recorder.data(connection, Direction::ToServer, first, at(4));
        for byte in rest {
            recorder.data(connection, Direction::ToServer, &[*byte], at(4));
        }
    }
    recorder.end(a, Direction::ToClient, End::Fin, at(5));
    recorder.end(a, Direction::ToServer, End::Fin, at(5));
    recorder.end(b, Direction::ToClient, End::Rst, at(6));
    recorder.end(c, Direction::ToServer, End::Fin, at(7));
    recorder.data(c, Direction::ToClient, &framed(&messages()[1].1), at(8));
    recorder.end(c, Direction::ToServer, End::Rst, at(9));
    let written = write(&recorder, &sidecar());
    let evidence = written.read();
    assert_clean(&written.pcapng, &evidence);

    let streams = tshark(&written.pcapng, "tcp.flags.syn == 1 && tcp.flags.ack == 0", &["tcp.stream"]);
    assert_eq!(streams, ["0", "1", "2", "3", "4"]);
    let large = tshark(&written.pcapng, "smb2.cmd == 8", &["tcp.stream", "nbss.length"]);
    assert_eq!(large, ["0|200080", "1|200080", "2|200080"]);
    assert_eq!(tshark(&written.pcapng, "smb2.cmd == 0", &["tcp.stream"]), ["0", "1", "2", "2"]);
    let resets = tshark(&written.pcapng, "tcp.flags.reset == 1", &["frame.number"]);
    let ours: Vec<u64> = evidence
        .connections
        .iter()
        .flat_map(|connection| {
            let ends = connection.ends.iter().filter(|seen| seen.end == End::Rst).map(|seen| seen.frame);
            connection.refused.into_iter().chain(ends)
        })
        .collect();
    let mut ours: Vec<String> = ours.into_iter().map(|frame| frame.to_string()).collect();
    ours.sort_by_key(|frame| frame.parse::<u64>().unwrap());
    assert_eq!(resets, ours);
    let answers = tshark(&written.pcapng, "tcp.flags.syn == 1 && tcp.flags.ack == 1", &["frame.number"]);
    let opened: Vec<String> = evidence
        .connections
        .iter()
        .filter_map(|connection| connection.opened)
        .map(|n| n.to_string())
        .collect();
    assert_eq!(answers, opened);
}
