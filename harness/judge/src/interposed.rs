//! What stood between client and server, as far as both sides of it were recorded.

use crate::view::{View, is_beyond};
use evidence::{Connection, Direction};
use model::plan::Interposed;

/// Why the case says nothing of what was to be done on the way, where it was not done: the bytes of both sides tell.
pub(crate) fn undone(view: &View<'_>) -> Option<String> {
    let what = match view.plan()?.interposed.as_ref()? {
        Interposed::Attack(name) => format!("the attack `{name}`"),
        Interposed::Defect(name) => format!("the defect `{name}`"),
        Interposed::Repair(name) => format!("the repair `{name}`"),
        Interposed::Client(_) => return None,
    };
    let connections = view.recorded();
    let (beyond, near): (Vec<&Connection>, Vec<&Connection>) =
        connections.iter().partition(|connection| is_beyond(connection));
    if beyond.is_empty() {
        return Some(format!("the evidence has nothing of the server's side of {what}"));
    }
    let same = |direction| bytes(&near, direction) == bytes(&beyond, direction);
    (same(Direction::ToServer) && same(Direction::ToClient))
        .then(|| format!("{what} was not done: both sides carried the same bytes"))
}

fn bytes(connections: &[&Connection], direction: Direction) -> Vec<u8> {
    let chunks = connections.iter().flat_map(|connection| &connection.chunks);
    chunks
        .filter(|chunk| chunk.direction == direction)
        .flat_map(|chunk| chunk.bytes.iter().copied())
        .collect()
}
