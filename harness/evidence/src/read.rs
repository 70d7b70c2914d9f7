//! Evidence as a judge reads it.

use crate::capture::{self, Packet};
use crate::error::EvidenceError;
use crate::files;
use crate::packet::{self, Decoded};
use crate::problem::{Problem, Problems};
use crate::reassemble::{Reassembly, Seen, Totals};
use crate::sidecar::Sidecar;
use crate::{Direction, End};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// One case's evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Every connection, in the order in which they were opened: the index is that of the sidecar.
    pub connections: Vec<Connection>,
    /// What lies beside it.
    pub sidecar: Sidecar,
    /// What is altered or missing. Only evidence without any is whole.
    pub problems: Vec<Problem>,
}

/// One TCP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The client's address in the file.
    pub client: SocketAddr,
    /// The server's address in the file: its port is 445, the real one is [`Sidecar::server`].
    pub server: SocketAddr,
    /// The side of an interposer that it is on: 0 the client's, 1 the server's; none where there is no interposer.
    pub leg: Option<u8>,
    /// The connection on the client's side that an interposer opened it for, where that is known.
    pub of: Option<u32>,
    /// The frame of the SYN-ACK.
    pub opened: Option<u64>,
    /// The frame of the RST that answered the SYN.
    pub refused: Option<u64>,
    /// The bytes of both directions, in the order of the file.
    ///
    /// Where there is no [`Problem`] the chunks of one direction follow each other without a hole.
    pub chunks: Vec<Chunk>,
    /// Who closed, and how, in the order of the file.
    pub ends: Vec<EndSeen>,
}

/// The bytes of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Which way they went.
    pub direction: Direction,
    /// The packet's number as Wireshark shows it, from 1.
    pub frame: u64,
    /// When, since the first packet of the file.
    pub at: Duration,
    /// Where they start in their direction's stream.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// One side closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndSeen {
    /// The way its bytes went: `ToServer` is the client's end.
    pub direction: Direction,
    /// How.
    pub end: End,
    /// The packet's number.
    pub frame: u64,
}

impl Evidence {
    /// Reads `pcapng` and the sidecar beside it.
    ///
    /// Evidence that is altered or incomplete is still read as far as it goes, and [`Evidence::problems`] says what is
    /// wrong with it; an error means that there is no evidence.
    pub fn read(pcapng: &Path) -> Result<Self, EvidenceError> {
        const MEND: &str = "run the case again to record it anew";
        let file = files::read(pcapng, MAX_BYTES, MEND)?;
        let sidecar = Sidecar::read_beside(pcapng)?;
        let mut problems = Problems::default();
        let (packets, frames) = capture::packets(&file, &mut problems).map_err(|what| {
            let what = format!("it is not a pcapng file ({what})");
            EvidenceError::Unusable { path: pcapng.to_owned(), what, mend: MEND }
        })?;
        let mut reading = Reading::new(&sidecar);
        for packet in &packets {
            reading.packet(packet, &mut problems);
        }
        let connections = reading.finish(&sidecar, &mut problems);
        let recorded = sidecar.recorded.packets;
        if frames != recorded {
            problems.whole(format!("{recorded} packets were recorded and the file has {frames}"));
        }
        check_sidecar(&sidecar, &mut problems);
        Ok(Self { connections, sidecar, problems: problems.into_vec() })
    }
}

/// A case is some KiB; this is room for any benchmark, and keeps a hostile file from filling the memory.
const MAX_BYTES: u64 = 1 << 30;

/// The state while the packets go by.
struct Reading {
    /// Which connection, and which way, a packet between two addresses is.
    ways: HashMap<(SocketAddr, SocketAddr), (usize, Direction)>,
    connections: Vec<Reassembly>,
    first: Option<Duration>,
    last: Option<Duration>,
}

impl Reading {
    /// The connections are the sidecar's, so that one damaged packet cannot shift their indices.
    fn new(sidecar: &Sidecar) -> Self {
        let mut ways = HashMap::new();
        let mut connections = Vec::new();
        for (index, recorded) in sidecar.recorded.connections.iter().enumerate() {
            ways.insert((recorded.client, recorded.server), (index, Direction::ToServer));
            ways.insert((recorded.server, recorded.client), (index, Direction::ToClient));
            connections.push(Reassembly::new(index, recorded));
        }
        Self { ways, connections, first: None, last: None }
    }

    fn packet(&mut self, packet: &Packet<'_>, problems: &mut Problems) {
        let Packet { frame, at, ref data } = *packet;
        if self.last.is_some_and(|last| at <= last) {
            problems.at(frame, "the packet is not later than the one before: their order was changed");
        }
        self.last = Some(at);
        let at = at.saturating_sub(*self.first.get_or_insert(at));
        let Decoded { segment, altered } = match packet::decode(data) {
            Ok(decoded) => decoded,
            Err(what) => return problems.at(frame, format!("{what}: the packet was altered")),
        };
        let is_altered = altered.is_some();
        if let Some(what) = altered {
            problems.at(frame, what);
        }
        let way = self.ways.get(&(segment.from, segment.to)).copied();
        let found = way.and_then(|(index, direction)| Some((self.connections.get_mut(index)?, direction)));
        let Some((connection, direction)) = found else {
            let (from, to) = (segment.from, segment.to);
            return problems
                .at(frame, format!("the packet from {from} to {to} is of no recorded connection"));
        };
        connection.packet(Seen { frame, at, direction, segment, altered: is_altered }, problems);
    }

    fn finish(self, sidecar: &Sidecar, problems: &mut Problems) -> Vec<Connection> {
        let both = self.connections.into_iter().zip(&sidecar.recorded.connections).enumerate();
        both.map(|(index, (reassembly, recorded))| {
            let (connection, Totals { packets, bytes: [to_server, to_client] }) = reassembly.finish(problems);
            for (what, recorded, there) in [
                ("packets", recorded.packets, packets),
                ("bytes to the server", recorded.to_server, to_server),
                ("bytes to the client", recorded.to_client, to_client),
            ] {
                if recorded != there {
                    problems.whole(format!(
                        "{recorded} {what} were recorded of connection {index} and the file has {there}"
                    ));
                }
            }
            connection
        })
        .collect()
    }
}

/// What the sidecar says about the streams must lie within them.
fn check_sidecar(sidecar: &Sidecar, problems: &mut Problems) {
    let connections = &sidecar.recorded.connections;
    for key in &sidecar.session_keys {
        if connections.get(key.connection as usize).is_none() {
            problems.whole(format!("a session key is of connection {}, which is not there", key.connection));
        }
    }
    for (index, connection) in connections.iter().enumerate() {
        let Some(of) = connection.of else { continue };
        let client_side = connections.get(of as usize).is_some_and(|of| of.leg == Some(0));
        if !client_side || connection.leg.is_none_or(|leg| leg == 0) {
            problems.whole(format!(
                "connection {index} is said to belong to connection {of}, which is not on the client's side of it"
            ));
        }
    }
    // The steps of a discovery are its questions.
    let steps = if sidecar.questions.is_empty() { sidecar.case.steps.len() } else { sidecar.questions.len() };
    for step in &sidecar.steps {
        let sent = connections.get(step.connection as usize).map_or(0, |connection| connection.to_server);
        let (from, to) = step.sent;
        if from > to || to > sent || step.step as usize >= steps {
            problems.whole(format!(
                "step {} is said to have sent bytes {from} to {to} of the {sent} of connection {}",
                step.step, step.connection
            ));
        }
    }
}
