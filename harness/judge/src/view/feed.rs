//! The bytes of a connection on their way to a follower.

use evidence::{Connection as Recorded, Direction};
use smb::follow::Way;
use smb::wire::Protocol;

/// The four bytes in front of each message.
const FRAMING: usize = 4;

/// Hands out the bytes of both directions in the order in which they were recorded. A capture may begin with the opening of
/// a NetBIOS session, which is none of SMB.
pub(crate) fn feed(recorded: &Recorded, capture: bool, mut push: impl FnMut(Way, u64, &[u8])) {
    let mut skip = if capture { opening(recorded) } else { [0; 2] };
    for chunk in &recorded.chunks {
        let (way, skip) = match chunk.direction {
            Direction::ToServer => (Way::ToServer, &mut skip[0]),
            Direction::ToClient => (Way::ToClient, &mut skip[1]),
        };
        let passed = (*skip).min(chunk.bytes.len());
        *skip -= passed;
        push(way, chunk.frame, chunk.bytes.get(passed..).unwrap_or_default());
    }
}

/// How many bytes the opening of a NetBIOS session takes, either way (RFC 1002 4.3.2, 4.3.3).
fn opening(recorded: &Recorded) -> [usize; 2] {
    match sent(recorded, Direction::ToServer, 0, FRAMING).as_slice() {
        [0x81, _, high, low] => {
            let granted = sent(recorded, Direction::ToClient, 0, FRAMING) == [0x82, 0, 0, 0];
            [FRAMING + usize::from(u16::from_be_bytes([*high, *low])), if granted { FRAMING } else { 0 }]
        }
        _ => [0; 2],
    }
}

/// Whether the first message of the client is one of SMB1: what stands behind its transport header.
pub(super) fn begins_in_smb1(recorded: &Recorded, capture: bool) -> bool {
    Protocol::of(&first(recorded, capture)) == Protocol::Smb1
}

/// The first bytes of the client's first message: its protocol, and what there is of its header.
fn first(recorded: &Recorded, capture: bool) -> Vec<u8> {
    let [skip, _] = if capture { opening(recorded) } else { [0; 2] };
    sent(recorded, Direction::ToServer, skip + FRAMING, 16)
}

/// Whether a capture begins with a NEGOTIATE: everything later rests on it.
pub(crate) fn begins_with_negotiate(recorded: &Recorded) -> bool {
    const SMB1_NEGOTIATE: u8 = 0x72;
    let first = first(recorded, true);
    match Protocol::of(&first) {
        Protocol::Smb2 => first.get(12..14) == Some(&[0, 0]),
        Protocol::Smb1 => first.get(4) == Some(&SMB1_NEGOTIATE),
        _ => false,
    }
}

fn sent(recorded: &Recorded, direction: Direction, skip: usize, take: usize) -> Vec<u8> {
    let sent = recorded.chunks.iter().filter(|chunk| chunk.direction == direction);
    sent.flat_map(|chunk| chunk.bytes.iter().copied()).skip(skip).take(take).collect()
}
