//! What the tests share: a case, a clock, recorded exchanges.
#![allow(dead_code, reason = "every test file uses its own part of this")]

use countersign_evidence::{Direction, End, Evidence, Recorder, SessionKey, Sidecar, StepRecord};
use model::plan::expand;
use model::{PlannedCase, Scenario, Target};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A folder with the evidence of one case in it.
pub(crate) struct Written {
    pub(crate) folder: TempDir,
    pub(crate) pcapng: PathBuf,
}

impl Written {
    pub(crate) fn read(&self) -> Evidence {
        Evidence::read(&self.pcapng).unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.pcapng).unwrap()
    }

    pub(crate) fn replace(&self, bytes: &[u8]) {
        std::fs::write(&self.pcapng, bytes).unwrap();
    }

    pub(crate) fn sidecar(&self) -> PathBuf {
        countersign_evidence::sidecar_path(&self.pcapng)
    }
}

pub(crate) fn write(recorder: &Recorder, sidecar: &Sidecar) -> Written {
    let folder = TempDir::new().unwrap();
    let pcapng = folder.path().join("case@target.pcapng");
    recorder.write(&pcapng, sidecar).unwrap();
    Written { folder, pcapng }
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A moment, so many milliseconds after the first.
pub(crate) fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + Duration::from_millis(millis)
}

pub(crate) fn case() -> PlannedCase {
    let scenario = "title = \"t\"\ncites = []\nexpect = \"policy\"\n[axes]\ndialect = [\"3.1.1\"]\n\
        [[step]]\ndo = \"session-setup\"\n";
    let target = "title = \"t\"\nkind = \"embedded\"\nsigning-capabilities = []\n\
        [shares]\nshare = \"share\"\nguest = \"guest\"\n";
    let scenario = Scenario::parse("smb2-policy", "smb2-policy.toml", scenario).unwrap();
    let target = Target::parse("embedded", target, "").unwrap();
    expand(&[scenario], &[target]).remove(0)
}

pub(crate) fn sidecar() -> Sidecar {
    Sidecar::new(case(), "127.0.0.1:40445")
}

/// A little of everything: two connections, one of them IPv6, one refused, both ways to end.
pub(crate) fn small() -> (Recorder, Sidecar) {
    let mut recorder = Recorder::default();
    let a = recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(0));
    recorder.data(a, Direction::ToServer, b"\0\0\0\x04ping", at(1));
    recorder.data(a, Direction::ToClient, b"\0\0\0\x05pong!", at(2));
    let b = recorder.connect(addr("[::1]:50000"), addr("[::1]:40445"), at(3));
    recorder.data(a, Direction::ToServer, b"\0\0\0\x03bye", at(4));
    recorder.data(b, Direction::ToServer, b"odd", at(5));
    recorder.refused(None, addr("127.0.0.1:40446"), at(6));
    recorder.data(b, Direction::ToClient, b"end", at(7));
    recorder.end(b, Direction::ToClient, End::Rst, at(8));
    recorder.end(a, Direction::ToServer, End::Fin, at(9));
    recorder.data(a, Direction::ToClient, b"last words", at(10));
    recorder.end(a, Direction::ToClient, End::Fin, at(11));
    let mut sidecar = sidecar();
    sidecar.steps.push(StepRecord { step: 0, connection: a, sent: (0, 8) });
    sidecar.session_keys.push(SessionKey { connection: a, session_id: 0x77, key: *b"0123456789abcdef" });
    (recorder, sidecar)
}

/// Where each block of a `.pcapng` is that this crate wrote: its type and its place.
pub(crate) fn blocks(file: &[u8]) -> Vec<(u32, std::ops::Range<usize>)> {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < file.len() {
        let length = number(at + 4) as usize;
        blocks.push((number(at), at..at + length));
        at += length;
    }
    blocks
}

/// The packet data in a block of type 6.
pub(crate) fn packet_data(file: &[u8], block: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = block.start + 28;
    let length = u32::from_le_bytes(file[block.start + 20..block.start + 24].try_into().unwrap());
    start..start + length as usize
}

/// What one direction of a connection came to, and that it has no holes.
pub(crate) fn stream(evidence: &Evidence, connection: usize, direction: Direction) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in evidence.connections[connection].chunks.iter().filter(|chunk| chunk.direction == direction) {
        assert_eq!(chunk.offset, bytes.len() as u64);
        bytes.extend_from_slice(&chunk.bytes);
    }
    bytes
}

pub(crate) fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
