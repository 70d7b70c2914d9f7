//! One connection, put together from its packets.
//!
//! What is held is what was in the file and nothing beyond: holes are offsets, never zeroes.

use crate::packet::Segment;
use crate::problem::Problems;
use crate::read::{Chunk, Connection, EndSeen};
use crate::sidecar::RecordedConnection;
use crate::{Direction, End};
use std::collections::BTreeMap;
use std::time::Duration;

/// A connection being put together.
pub(crate) struct Reassembly {
    index: usize,
    connection: Connection,
    sides: [Side; 2],
    handshake: Handshake,
    packets: u64,
}

/// What has been seen of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handshake {
    Nothing,
    Syn,
    SynAck,
    Done,
    Refused,
    /// Something of it is missing, and that was said.
    Broken,
}

/// One direction. Positions count from the SYN, which is 0, and do not wrap.
#[derive(Default)]
struct Side {
    first: Option<u32>,
    next: u64,
    fin: Option<u64>,
    reset: bool,
    /// Up to where something was said to be missing.
    told: u64,
    /// Where each chunk of this direction starts, and which it is. They do not overlap.
    starts: BTreeMap<u64, usize>,
}

/// A packet as the reassembly needs it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) frame: u64,
    pub(crate) at: Duration,
    pub(crate) direction: Direction,
    pub(crate) segment: Segment<'a>,
    /// Its numbers may be wrong: nothing is concluded from what it acknowledges.
    pub(crate) altered: bool,
}

impl Reassembly {
    pub(crate) fn new(index: usize, recorded: &RecordedConnection) -> Self {
        let RecordedConnection { client, server, leg, of, .. } = *recorded;
        Self {
            index,
            connection: Connection {
                client,
                server,
                leg,
                of,
                opened: None,
                refused: None,
                chunks: Vec::new(),
                ends: Vec::new(),
            },
            sides: [Side::default(), Side::default()],
            handshake: Handshake::Nothing,
            packets: 0,
        }
    }

    pub(crate) fn packet(&mut self, seen: Seen<'_>, problems: &mut Problems) {
        self.packets += 1;
        self.follow_handshake(&seen, problems);
        let Seen { frame, direction, segment, .. } = seen;
        let side = &mut self.sides[direction.index()];
        let Some(position) = side.position(&segment) else {
            problems.at(frame, format!("a packet {direction} from before the connection"));
            return;
        };
        let length = segment.payload.len() as u64;
        let end = position + u64::from(segment.flags.syn) + length;
        if position > side.next {
            let missing = position - side.next;
            problems.at(frame, format!("a gap: {missing} bytes {direction} are missing before this packet"));
        }
        if side.reset {
            problems.at(frame, format!("a packet {direction} after this side's RST"));
        } else if side.fin.is_some_and(|fin| end > fin && (length > 0 || segment.flags.syn)) {
            problems.at(frame, format!("bytes {direction} after this side's FIN"));
        }
        side.next = side.next.max(end);
        if length > 0 {
            self.payload(&seen, position + u64::from(segment.flags.syn), problems);
        }
        self.follow_end(&seen, end, problems);
        self.follow_acknowledged(&seen, problems);
    }

    /// The connection, after looking at the whole of it.
    pub(crate) fn finish(self, problems: &mut Problems) -> (Connection, Totals) {
        if self.handshake == Handshake::Nothing {
            problems.whole(format!("connection {} has no packets", self.index));
        } else if matches!(self.handshake, Handshake::Syn | Handshake::SynAck) {
            problems.whole(format!("the handshake of connection {} does not end", self.index));
        }
        let mut bytes = [0; 2];
        for chunk in &self.connection.chunks {
            bytes[chunk.direction.index()] += chunk.bytes.len() as u64;
        }
        (self.connection, Totals { packets: self.packets, bytes })
    }

    fn follow_handshake(&mut self, seen: &Seen<'_>, problems: &mut Problems) {
        let Seen { frame, direction, segment, .. } = *seen;
        let flags = segment.flags;
        let acknowledges = segment.acknowledges.is_some();
        self.handshake = match (self.handshake, direction) {
            (Handshake::Nothing, Direction::ToServer) if flags.syn && !acknowledges => Handshake::Syn,
            (Handshake::Syn, Direction::ToClient) if flags.syn && acknowledges => {
                self.connection.opened = Some(frame);
                Handshake::SynAck
            }
            (Handshake::Syn, Direction::ToClient) if flags.rst => {
                self.connection.refused = Some(frame);
                Handshake::Refused
            }
            (Handshake::SynAck, Direction::ToServer)
                if !flags.syn && acknowledges && segment.payload.is_empty() && !flags.fin && !flags.rst =>
            {
                Handshake::Done
            }
            (Handshake::Done, _) if !flags.syn => Handshake::Done,
            (Handshake::Broken, _) => {
                if direction == Direction::ToClient && flags.syn && self.connection.opened.is_none() {
                    self.connection.opened = Some(frame);
                }
                Handshake::Broken
            }
            (before, _) => {
                let connection = self.index;
                problems.at(
                    frame,
                    match before {
                        Handshake::Nothing => format!("connection {connection} does not start with a SYN"),
                        Handshake::Syn | Handshake::SynAck => {
                            format!(
                                "the handshake of connection {connection} is incomplete before this packet"
                            )
                        }
                        Handshake::Refused => format!("connection {connection} goes on after it was refused"),
                        Handshake::Done | Handshake::Broken => {
                            format!("connection {connection} is opened a second time")
                        }
                    },
                );
                Handshake::Broken
            }
        };
    }

    /// Keeps what is new of a payload, and compares the rest with what is there.
    fn payload(&mut self, seen: &Seen<'_>, position: u64, problems: &mut Problems) {
        let Seen { frame, at, direction, segment, .. } = *seen;
        let side = &mut self.sides[direction.index()];
        // Positions 0 and that of the FIN are no bytes.
        let mut offset = position.saturating_sub(1 + u64::from(side.fin.is_some_and(|fin| fin < position)));
        let mut rest = segment.payload;
        let mut differs_from = None;
        let mut late = false;
        while !rest.is_empty() {
            let before = side.starts.range(..=offset).next_back().and_then(|(start, chunk)| {
                let chunk = self.connection.chunks.get(*chunk)?;
                let there = chunk.bytes.get(usize::try_from(offset - start).ok()?..)?;
                (!there.is_empty()).then_some((chunk.frame, there))
            });
            let taken = if let Some((earlier, there)) = before {
                let taken = there.len().min(rest.len());
                if there[..taken] != rest[..taken] {
                    differs_from.get_or_insert(earlier);
                }
                taken
            } else {
                let until = side.starts.range(offset..).next().map(|(start, _)| start - offset);
                late |= until.is_some();
                let free = until.and_then(|free| usize::try_from(free).ok()).unwrap_or(rest.len());
                let taken = free.min(rest.len());
                side.starts.insert(offset, self.connection.chunks.len());
                let bytes = rest[..taken].to_vec();
                self.connection.chunks.push(Chunk { direction, frame, at, offset, bytes });
                taken
            };
            offset += taken as u64;
            rest = &rest[taken..];
        }
        if late {
            problems.at(frame, format!("bytes {direction} that belong before those of an earlier packet"));
        }
        if let Some(earlier) = differs_from {
            problems.at(frame, format!("bytes {direction} sent again, and not those of frame {earlier}"));
        }
    }

    fn follow_end(&mut self, seen: &Seen<'_>, end: u64, problems: &mut Problems) {
        let Seen { frame, direction, segment, .. } = *seen;
        let side = &mut self.sides[direction.index()];
        if segment.flags.fin {
            match side.fin {
                None => {
                    side.fin = Some(end);
                    side.next = side.next.max(end + 1);
                    self.connection.ends.push(EndSeen { direction, end: End::Fin, frame });
                }
                Some(fin) if fin == end => {}
                Some(_) => problems.at(frame, format!("a second FIN {direction}")),
            }
        }
        if segment.flags.rst && !side.reset {
            side.reset = true;
            if self.connection.refused.is_none() {
                self.connection.ends.push(EndSeen { direction, end: End::Rst, frame });
            }
        }
    }

    /// What a packet acknowledges was sent before it: this is how a packet is missed whose direction says nothing
    /// more, and how a changed order is noticed.
    fn follow_acknowledged(&mut self, seen: &Seen<'_>, problems: &mut Problems) {
        let Some(number) = seen.segment.acknowledges.filter(|_| !seen.altered) else { return };
        let other = seen.direction.opposite();
        let side = &mut self.sides[other.index()];
        let Some(first) = side.first else { return };
        let ahead = number.wrapping_sub(first).wrapping_sub(side.next as u32) as i32;
        let missing = u64::try_from(ahead).unwrap_or(0);
        if missing > 0 && side.next + missing > side.told {
            side.told = side.next + missing;
            problems.at(
                seen.frame,
                format!("a gap: {missing} bytes {other} are acknowledged here and missing before"),
            );
        }
    }
}

/// What a connection came to.
pub(crate) struct Totals {
    pub(crate) packets: u64,
    /// To the server, to the client.
    pub(crate) bytes: [u64; 2],
}

impl Side {
    /// Where a segment starts; none if that is before the SYN.
    fn position(&mut self, segment: &Segment<'_>) -> Option<u64> {
        let first = *self.first.get_or_insert_with(|| {
            // Without its SYN a direction starts where its first packet does.
            self.next = u64::from(!segment.flags.syn);
            if segment.flags.syn { segment.sequence } else { segment.sequence.wrapping_sub(1) }
        });
        let ahead = segment.sequence.wrapping_sub(first).wrapping_sub(self.next as u32) as i32;
        self.next.checked_add_signed(i64::from(ahead))
    }
}
