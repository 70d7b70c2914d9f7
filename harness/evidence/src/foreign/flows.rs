//! Which TCP connection a segment is of, and whether that is one of those asked for.

use super::Wanted;
use super::frames::Frame;
use crate::Direction;
use crate::packet::{Flags, Segment};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A segment of a connection, with what a reassembly needs of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) frame: u64,
    pub(super) at: Duration,
    /// Whether it is from the first of the two addresses.
    pub(super) from_first: bool,
    pub(super) sequence: u32,
    pub(super) acknowledges: Option<u32>,
    pub(super) flags: Flags,
    pub(super) payload: &'a [u8],
    /// Whether there was more of it on the wire.
    pub(super) cut: bool,
}

/// One connection's segments in the order of the file.
pub(super) struct Flow<'a> {
    pub(super) stream: u32,
    /// The sender of the first segment, and the other side.
    first: SocketAddr,
    second: SocketAddr,
    /// Whether the first is the client, where that is known.
    client_first: Option<bool>,
    wanted: Option<bool>,
    pub(super) pieces: Vec<Piece<'a>>,
    /// How many segments with a payload were looked at to recognise the protocol.
    looked: u8,
}

/// Where the protocol has not shown by then, it is another one.
const MOST_LOOKED: u8 = 8;
/// How far behind a SYN, in bytes, something is taken for what follows it.
const NEAR: u32 = 1 << 16;
/// Pairs of addresses whose fragments are counted.
const MOST_PAIRS: usize = 10_000;

impl<'a> Flow<'a> {
    /// The client's address and the server's.
    pub(super) fn addresses(&self) -> (SocketAddr, SocketAddr) {
        match self.client_first {
            Some(false) => (self.second, self.first),
            _ => (self.first, self.second),
        }
    }

    /// Which way a piece goes.
    pub(super) fn direction(&self, piece: &Piece<'_>) -> Direction {
        match piece.from_first == self.client_first.unwrap_or(true) {
            true => Direction::ToServer,
            false => Direction::ToClient,
        }
    }

    /// The pieces of one direction.
    pub(super) fn of(&self, direction: Direction) -> impl Iterator<Item = &Piece<'a>> {
        self.pieces.iter().filter(move |piece| self.direction(piece) == direction)
    }

    /// Whether a SYN begins another connection between the same two ports.
    fn is_reused_by(&self, piece: &Piece<'_>) -> bool {
        // Sent again, or captured behind what it opened: then its answer is there, or what its sender said next.
        let first = piece.sequence.wrapping_add(1);
        let same = |earlier: &Piece<'_>| match (earlier.from_first == piece.from_first, earlier.flags.syn) {
            (true, true) => earlier.sequence == piece.sequence,
            (true, false) => earlier.sequence.wrapping_sub(first) < NEAR,
            (false, _) => earlier.acknowledges.is_some_and(|number| number.wrapping_sub(first) < NEAR),
        };
        piece.flags.syn
            && piece.acknowledges.is_none()
            // Where the pieces of another protocol were let go, any SYN may be the same one again: nobody asks.
            && !(self.wanted == Some(false) || self.pieces.iter().take(4).any(same))
    }
}

/// The connections of a file.
pub(super) struct Flows<'a, 'w> {
    wanted: &'w Wanted,
    latest: HashMap<(SocketAddr, SocketAddr), usize>,
    flows: Vec<Flow<'a>>,
    fragments: Fragments,
}

impl<'a, 'w> Flows<'a, 'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        Self { wanted, latest: HashMap::new(), flows: Vec::new(), fragments: Fragments::default() }
    }

    pub(super) fn take(&mut self, frame: &Frame<'a>, segment: Segment<'a>) {
        let Segment { from, to, sequence, acknowledges, flags, payload } = segment;
        let key = (from.min(to), from.max(to));
        let mut piece = Piece {
            frame: frame.number,
            at: frame.at,
            from_first: true,
            sequence,
            acknowledges,
            flags,
            payload,
            cut: frame.cut,
        };
        let known = self.latest.get(&key).copied().filter(|index| {
            self.flows.get(*index).is_some_and(|flow| {
                piece.from_first = flow.first == from;
                !flow.is_reused_by(&piece)
            })
        });
        let index = known.unwrap_or(self.flows.len());
        if known.is_none() {
            piece.from_first = true;
            self.latest.insert(key, index);
            self.flows.push(self.begin(from, to));
        }
        let Some(flow) = self.flows.get_mut(index) else { return };
        if flags.syn {
            // Who opens it is the client; the other side acknowledges that.
            let opens = acknowledges.is_none();
            flow.client_first = Some(opens == piece.from_first);
        }
        if flow.wanted == Some(false) {
            return;
        }
        if !payload.is_empty() && (flow.wanted.is_none() || flow.client_first.is_none()) {
            recognise(flow, &piece, self.wanted.recognises);
        }
        if flow.wanted == Some(false) {
            flow.pieces = Vec::new();
        } else {
            flow.pieces.push(piece);
        }
    }

    fn begin(&self, from: SocketAddr, to: SocketAddr) -> Flow<'a> {
        let [from_server, to_server] = [from, to].map(|side| self.wanted.ports.contains(&side.port()));
        Flow {
            stream: u32::try_from(self.flows.len()).unwrap_or(u32::MAX),
            first: from,
            second: to,
            client_first: (from_server != to_server).then_some(to_server),
            wanted: (from_server || to_server).then_some(true),
            pieces: Vec::new(),
            looked: 0,
        }
    }

    pub(super) fn fragment(&mut self, frame: u64, from: IpAddr, to: IpAddr) {
        self.fragments.add(frame, (from.min(to), from.max(to)));
    }

    /// The connections that are asked for, and the fragments beside them.
    pub(super) fn finish(self) -> (Vec<Flow<'a>>, Fragments) {
        let wanted = self.flows.into_iter().filter(|flow| flow.wanted == Some(true));
        (wanted.collect(), self.fragments)
    }
}

/// Looks at the bytes of a connection of which it is not known what it is, or which way it goes.
fn recognise(flow: &mut Flow<'_>, piece: &Piece<'_>, recognises: fn(&[u8]) -> Option<Direction>) {
    match recognises(piece.payload) {
        Some(direction) => {
            flow.wanted = Some(true);
            let by_client = direction == Direction::ToServer;
            flow.client_first.get_or_insert(by_client == piece.from_first);
        }
        None => {
            flow.looked = flow.looked.saturating_add(1);
            if flow.looked >= MOST_LOOKED {
                flow.wanted.get_or_insert(false);
            }
        }
    }
}

/// Parts of IP packets, which are not put together, by the two hosts.
#[derive(Default)]
pub(super) struct Fragments(HashMap<(IpAddr, IpAddr), (u64, u64)>);

impl Fragments {
    fn add(&mut self, frame: u64, hosts: (IpAddr, IpAddr)) {
        if self.0.len() < MOST_PAIRS || self.0.contains_key(&hosts) {
            self.0.entry(hosts).or_insert((frame, 0)).1 += 1;
        }
    }

    /// The first between two hosts, and how many there are.
    pub(super) fn between(&self, (one, other): (SocketAddr, SocketAddr)) -> Option<(u64, u64)> {
        let (one, other) = (one.ip(), other.ip());
        self.0.get(&(one.min(other), one.max(other))).copied()
    }
}
