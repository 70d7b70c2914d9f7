//! One direction of a connection, put together from what was captured of it.
//!
//! Positions count from the first byte behind the SYN, which is 0, and do not wrap.

use super::flows::Piece;
use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes that go on where others end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) frame: u64,
    pub(super) at: Duration,
    /// What its sender had got by then, in the other direction's numbers.
    pub(super) acknowledges: Option<u32>,
    pub(super) bytes: &'a [u8],
}

/// One direction.
pub(super) struct Half<'a> {
    /// The sequence number of position 0.
    base: u32,
    /// Behind the last byte that was seen.
    end: u64,
    /// By where they start. They do not overlap.
    runs: BTreeMap<u64, Run<'a>>,
    /// Up to where the other side has got everything, and the frame that says so.
    pub(super) acknowledged: (u64, u64),
    /// The end that a FIN says, and its frame.
    pub(super) fin: Option<(u64, u64)>,
    /// Where a packet ends of which there was more on the wire, and its frame.
    cut: BTreeMap<u64, u64>,
    /// Where two packets first say different things, and their frames.
    disputed: Option<(u64, u64, u64)>,
    /// Up to where it was handed out.
    pub(super) delivered: u64,
}

impl<'a> Half<'a> {
    pub(super) fn new(base: u32) -> Self {
        Self {
            base,
            end: 0,
            runs: BTreeMap::new(),
            acknowledged: (0, 0),
            fin: None,
            cut: BTreeMap::new(),
            disputed: None,
            delivered: 0,
        }
    }

    /// The position of a sequence number that is near to `near`; negative ones are before the first byte.
    fn position(&self, number: u32, near: u64) -> i64 {
        let ahead = number.wrapping_sub(self.base).wrapping_sub(near as u32) as i32;
        i64::try_from(near).unwrap_or(i64::MAX).saturating_add(ahead.into())
    }

    /// Up to where a number acknowledges.
    pub(super) fn acknowledges_to(&self, number: u32) -> u64 {
        u64::try_from(self.position(number, self.delivered)).unwrap_or(0)
    }

    /// Notes what the other side says it has got.
    pub(super) fn acknowledge(&mut self, number: u32, frame: u64) {
        let to = u64::try_from(self.position(number, self.acknowledged.0)).unwrap_or(0);
        if to > self.acknowledged.0 {
            self.acknowledged = (to, frame);
        }
    }

    /// Takes a segment of this direction.
    pub(super) fn take(&mut self, piece: &Piece<'a>) {
        let start = self.position(piece.sequence, self.end).saturating_add(piece.flags.syn.into());
        let (start, payload) = match u64::try_from(start) {
            Ok(start) => (start, piece.payload),
            // From before the first byte: what reaches into the connection counts.
            Err(_) => {
                let before = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
                (0, piece.payload.get(before..).unwrap_or_default())
            }
        };
        // A keepalive is a byte that was sent before, whatever it holds now.
        if payload.len() == 1 && start + 1 == self.end {
            return;
        }
        let end = start + payload.len() as u64;
        if piece.cut {
            self.cut.insert(end, piece.frame);
        }
        if piece.flags.fin && !piece.cut {
            self.fin.get_or_insert((end, piece.frame));
        }
        if !payload.is_empty() {
            self.insert(piece, start, payload);
        }
        self.end = self.end.max(end);
    }

    /// Keeps what is new of a segment, and compares what is not.
    fn insert(&mut self, piece: &Piece<'a>, start: u64, payload: &'a [u8]) {
        let (mut at, mut rest) = (start, payload);
        while !rest.is_empty() {
            let before = self.runs.range(..=at).next_back().and_then(|(from, run)| {
                let there = run.bytes.get(usize::try_from(at - from).ok()?..)?;
                (!there.is_empty()).then_some((run.frame, there))
            });
            let taken = match before {
                Some((earlier, there)) => {
                    let taken = there.len().min(rest.len());
                    if let Some(differs) = there.iter().zip(rest).position(|(one, other)| one != other) {
                        self.dispute((at + differs as u64, earlier, piece.frame));
                    }
                    taken
                }
                None => {
                    let free = self.runs.range(at..).next().map(|(from, _)| from - at);
                    let free = free.and_then(|free| usize::try_from(free).ok()).unwrap_or(rest.len());
                    let taken = free.min(rest.len());
                    let bytes = rest.get(..taken).unwrap_or_default();
                    let Piece { frame, at: when, acknowledges, .. } = *piece;
                    self.runs.insert(at, Run { frame, at: when, acknowledges, bytes });
                    taken
                }
            };
            at += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    fn dispute(&mut self, new: (u64, u64, u64)) {
        self.disputed = Some(self.disputed.map_or(new, |known| known.min(new)));
    }

    /// What comes next without a hole.
    pub(super) fn next(&self) -> Option<Run<'a>> {
        let run = self.runs.get(&self.delivered).copied()?;
        let Some((to, ..)) = self.disputed else { return Some(run) };
        let sure = usize::try_from(to.saturating_sub(self.delivered)).unwrap_or(usize::MAX);
        let bytes = run.bytes.get(..sure.min(run.bytes.len())).unwrap_or_default();
        (!bytes.is_empty()).then_some(Run { bytes, ..run })
    }

    /// Hands out what comes next.
    pub(super) fn deliver(&mut self) -> Option<(u64, Run<'a>)> {
        let offset = self.delivered;
        let run = self.next()?;
        self.delivered += run.bytes.len() as u64;
        Some((offset, run))
    }

    /// What of this direction was sent and is not there: how many bytes up to what is known next, and at which frame that
    /// shows.
    pub(super) fn missing(&self) -> Option<(u64, u64)> {
        // What is there and was not handed out waits for the other direction.
        let mut there = self.delivered;
        while let Some(run) = self.runs.get(&there) {
            there += run.bytes.len() as u64;
        }
        let behind = self.runs.range(there + 1..).next();
        let hole = behind.map(|(start, run)| (start - there, run.frame));
        hole.or_else(|| {
            let (to, frame) = self.acknowledged;
            // A FIN takes a number, too.
            let lost = to.saturating_sub(there);
            (lost > 1 || lost == 1 && self.fin.is_none_or(|(end, _)| end >= to)).then_some((lost, frame))
        })
    }

    /// The frames of two packets that say different things of the byte that comes next.
    pub(super) fn is_disputed_here(&self) -> Option<(u64, u64)> {
        self.disputed.filter(|(at, ..)| *at == self.delivered).map(|(_, one, other)| (one, other))
    }

    /// The frame of a packet that was cut where the bytes end.
    pub(super) fn is_cut_here(&self) -> Option<u64> {
        self.cut.get(&self.delivered).copied()
    }

    /// The first packet that was cut.
    pub(super) fn first_cut(&self) -> Option<u64> {
        self.cut.values().min().copied()
    }
}
