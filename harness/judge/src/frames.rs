//! What a reader is shown beside findings: the messages they are about and what was asked, decoded and bounded.

mod bytes;
mod smb1;
mod smb2;

use crate::view::View;
use evidence::Direction;
use model::{Finding, Frame, FrameRef, Heading};
use smb::follow::Way;

/// How many messages of one case are shown at most.
const MOST: usize = 6;
/// How many bytes of one are shown at most.
const BYTES: usize = 256;

/// The messages that `findings` are about, each after the request it answers; of a finding without a place, how the first
/// connection ended.
pub(crate) fn around(view: &View<'_>, findings: &[Finding]) -> Vec<Frame> {
    let mut all: Vec<Frame> = Vec::new();
    for finding in findings {
        let frames = match finding.at {
            Some(at) => at_place(view, at),
            None => last(view),
        };
        for frame in frames {
            let same = |it: &Frame| place(it) == place(&frame);
            if !all.iter().any(same) && all.len() < MOST {
                all.push(frame);
            }
        }
    }
    all.sort_by_key(place);
    all
}

fn place(frame: &Frame) -> (u32, u64, u32) {
    (frame.connection, frame.frame, frame.element)
}

/// The message at a place, and its request before it.
fn at_place(view: &View<'_>, at: FrameRef) -> Vec<Frame> {
    let index = at.connection as usize;
    if let Some(connection) = view.connections().get(index) {
        let mut messages = connection.messages.iter();
        if let Some(message) = messages.find(|it| it.frame == at.frame && it.element == at.element) {
            let request = message.request.and_then(|request| connection.messages.get(request));
            let both = request.into_iter().chain([message]);
            return both.map(|message| smb2::frame(at.connection, message)).collect();
        }
    }
    if let Some(connection) = view.smb1().get(index)
        && let Some(message) = connection.messages.iter().find(|it| it.frame == at.frame)
    {
        let request = message.request.and_then(|request| connection.messages.get(request));
        let both = request.into_iter().chain([message]);
        return both.map(|message| smb1::frame(at.connection, message)).collect();
    }
    raw(view, at).into_iter().collect()
}

/// Bytes that are no message.
fn raw(view: &View<'_>, at: FrameRef) -> Option<Frame> {
    let recorded = view.recorded().get(at.connection as usize)?;
    let chunk = recorded.chunks.iter().find(|chunk| chunk.frame == at.frame)?;
    Some(Frame {
        connection: at.connection,
        frame: at.frame,
        element: at.element,
        direction: match chunk.direction {
            Direction::ToServer => Heading::ToServer,
            Direction::ToClient => Heading::ToClient,
        },
        summary: "bytes that are no message".to_owned(),
        fields: Vec::new(),
        length: u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX),
        hex: hex(&chunk.bytes),
    })
}

/// The last request and the last answer of the first connection.
fn last(view: &View<'_>) -> Vec<Frame> {
    let new = view.connections().first().map(|it| it.messages.as_slice()).unwrap_or_default();
    if !new.is_empty() {
        return new[new.len().saturating_sub(2)..].iter().map(|message| smb2::frame(0, message)).collect();
    }
    let old = view.smb1().first().map(|it| it.messages.as_slice()).unwrap_or_default();
    old[old.len().saturating_sub(2)..].iter().map(|message| smb1::frame(0, message)).collect()
}

const fn heading(way: Way) -> Heading {
    match way {
        Way::ToServer => Heading::ToServer,
        Way::ToClient => Heading::ToClient,
    }
}

/// The first bytes; a logon is left out, because it can be attacked offline and what is shown here is passed on.
fn hex(bytes: &[u8]) -> String {
    /// The start of an NTLM AUTHENTICATE_MESSAGE ([MS-NLMP] 2.2.1.3).
    const LOGON: &[u8] = b"NTLMSSP\0\x03";
    let end = bytes.windows(LOGON.len()).position(|it| it == LOGON).unwrap_or(bytes.len());
    bytes.iter().take(end.min(BYTES)).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logon_is_not_shown() {
        assert_eq!(hex(b"ab\x60NTLMSSP\0\x03\0\0\0secret"), "616260");
        assert_eq!(hex(&[0; 300]).len(), 2 * BYTES);
    }
}
