//! A connection from its segments: both directions, in an order in which they can have happened.
//!
//! The order of the file is not it: a capture may have packets of both ways swapped. What a sender had got when it sent
//! something is in its acknowledgment.

use super::Conversation;
use super::flows::{Flow, Piece};
use super::half::{Half, Run};
use crate::problem::Problems;
use crate::{Chunk, Connection, Direction, End, EndSeen};
use std::time::Duration;

/// How far into a connection without a SYN its first byte is looked for.
const NEAR_THE_START: usize = 64;

/// Puts a connection together. `fragments` are the first frame and the number of IP fragments between its hosts.
pub(super) fn assemble(flow: &Flow<'_>, fragments: Option<(u64, u64)>) -> Conversation {
    let mut problems = Problems::default();
    let (client, server) = flow.addresses();
    let asked = flow.of(Direction::ToServer).find(|piece| piece.flags.syn);
    let granted = flow.of(Direction::ToClient).find(|piece| piece.flags.syn);
    let mut halves =
        [Direction::ToServer, Direction::ToClient].map(|direction| Half::new(base(flow, direction)));
    for piece in &flow.pieces {
        let direction = flow.direction(piece);
        if let Some(half) = halves.get_mut(direction.index()) {
            half.take(piece);
        }
        // A RST may come from somebody who has lost count.
        if let (Some(number), false) = (piece.acknowledges, piece.flags.rst)
            && let Some(half) = halves.get_mut(direction.opposite().index())
        {
            half.acknowledge(number, piece.frame);
        }
    }
    let start = flow.pieces.first().map_or(Duration::ZERO, |piece| piece.at);
    let mut connection = Connection {
        client,
        server,
        leg: None,
        of: None,
        opened: granted.filter(|piece| piece.acknowledges.is_some()).map(|piece| piece.frame),
        refused: None,
        chunks: Vec::new(),
        ends: Vec::new(),
    };
    deliver(&mut halves, start, &mut connection.chunks);
    let whole = tell_missing(&halves, &mut problems);
    let reset = |direction| flow.of(direction).find(|piece| piece.flags.rst);
    if whole {
        for direction in [Direction::ToServer, Direction::ToClient] {
            let fin =
                halves.get(direction.index()).and_then(|half| half.fin).map(|(_, frame)| (End::Fin, frame));
            let rst = reset(direction).map(|piece| (End::Rst, piece.frame));
            let ends = fin.into_iter().chain(rst);
            connection.ends.extend(ends.map(|(end, frame)| EndSeen { direction, end, frame }));
        }
        connection.ends.sort_by_key(|end| end.frame);
    }
    if asked.is_some() && granted.is_none() && connection.chunks.is_empty() {
        connection.refused = reset(Direction::ToClient).map(|piece| piece.frame);
    }
    if let Some((frame, count)) = fragments {
        problems.at(
            frame,
            format!("{count} IP fragments between the two hosts from here on, which are not put together"),
        );
    }
    Conversation {
        stream: flow.stream,
        connection,
        from_the_start: asked.is_some() || granted.is_some(),
        problems: problems.into_vec(),
    }
}

/// The sequence number of a direction's first byte.
fn base(flow: &Flow<'_>, direction: Direction) -> u32 {
    let own = || flow.of(direction);
    let others = || flow.of(direction.opposite());
    if let Some(syn) = own().find(|piece| piece.flags.syn) {
        return syn.sequence.wrapping_add(1);
    }
    // The other side's SYN, or the end of the handshake, acknowledges the SYN that is not there.
    let theirs = others().find(|piece| piece.flags.syn);
    if theirs.is_some()
        && let Some(acknowledged) = others().find_map(|piece| piece.acknowledges)
    {
        return acknowledged;
    }
    let Some(first) = own().next() else { return others().find_map(|piece| piece.acknowledges).unwrap_or(0) };
    let earliest = |piece: &Piece<'_>| piece.sequence.wrapping_sub(first.sequence) as i32;
    let ahead = own().take(NEAR_THE_START).map(earliest).min().unwrap_or(0).min(0);
    first.sequence.wrapping_add_signed(ahead)
}

/// Hands out what is there without a hole, each side's bytes behind what their sender had got by then.
fn deliver(halves: &mut [Half<'_>; 2], start: Duration, chunks: &mut Vec<Chunk>) {
    loop {
        let [to_server, to_client] = &*halves;
        let ready = |own: &Half<'_>, other: &Half<'_>| {
            let run = own.next()?;
            let needs = run.acknowledges.map_or(0, |number| other.acknowledges_to(number));
            // All there is, but for the number that a FIN takes.
            let all = needs == other.delivered + 1 && other.next().is_none() && other.missing().is_none();
            (needs <= other.delivered || all).then_some(run.frame)
        };
        let direction = match (ready(to_server, to_client), ready(to_client, to_server)) {
            (Some(request), Some(response)) if response < request => Direction::ToClient,
            (Some(_), _) => Direction::ToServer,
            (None, Some(_)) => Direction::ToClient,
            // Each waits for the other, as where a segment was captured only when it was sent again: the request came
            // first.
            (None, None) if to_server.next().is_some() && to_client.next().is_some() => Direction::ToServer,
            (None, None) => return,
        };
        let Some((offset, run)) = halves.get_mut(direction.index()).and_then(Half::deliver) else { return };
        let Run { frame, at, bytes, .. } = run;
        let at = at.saturating_sub(start);
        chunks.push(Chunk { direction, frame, at, offset, bytes: bytes.to_vec() });
    }
}

/// Says what is missing; whether nothing is.
fn tell_missing(halves: &[Half<'_>; 2], problems: &mut Problems) -> bool {
    let mut whole = true;
    for direction in [Direction::ToServer, Direction::ToClient] {
        let Some(half) = halves.get(direction.index()) else { continue };
        if let Some((one, other)) = half.is_disputed_here() {
            whole = false;
            problems.at(
                one,
                format!(
                    "its bytes {direction} were sent again as others in frame {other}, and nobody knows which arrived; what \
                     comes after them is not judged"
                ),
            );
        } else if let Some((count, frame)) = half.missing() {
            whole = false;
            let why = match half.is_cut_here() {
                Some(cut) => format!("frame {cut} holds only a part of its packet (snapshot length)"),
                None => "the capture lost them".to_owned(),
            };
            problems.at(
                frame,
                format!(
                    "{count} bytes {direction} are missing before this packet: {why}; what comes after them is not judged"
                ),
            );
        } else if let Some(frame) = half.first_cut() {
            whole = false;
            problems.at(frame, "the capture holds only a part of this packet (snapshot length)");
        }
    }
    whole
}
