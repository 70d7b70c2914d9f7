//! A decoded message beside a finding, with the bytes in question marked.

use crate::text::{clean, clip};
use model::{Finding, Frame, FrameField, FrameRef, Heading};

/// How many bytes stand in a line.
const LINE: usize = 16;

/// A message.
pub(super) struct Shown {
    pub(super) title: String,
    pub(super) fields: Vec<Field>,
    pub(super) lines: Vec<HexLine>,
    /// What is said of bytes that are not shown.
    pub(super) more: String,
}

/// A field, and whether a finding is about it.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) marked: bool,
}

/// A line of bytes.
pub(super) struct HexLine {
    pub(super) offset: String,
    /// Bytes, and whether a finding is about them.
    pub(super) runs: Vec<(String, bool)>,
}

/// Whether a finding is about a message.
pub(super) fn is_at(frame: &Frame, at: &FrameRef) -> bool {
    at.leg.unwrap_or_default() == 0
        && (at.connection, at.frame, at.element) == (frame.connection, frame.frame, frame.element)
}

/// The bytes of a message that findings are about.
pub(super) fn marks<'f>(frame: &Frame, findings: impl Iterator<Item = &'f Finding>) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> =
        findings.filter_map(|it| it.at.filter(|at| is_at(frame, at))?.bytes).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What a message is, in one line.
pub(super) fn title(frame: &Frame) -> String {
    let way = match frame.direction {
        Heading::ToServer => "client → server",
        Heading::ToClient => "server → client",
    };
    let element = if frame.element > 0 { format!(", element {}", frame.element) } else { String::new() };
    clean(&format!("frame {}{element}, {way}: {}", frame.frame, frame.summary))
}

/// A field's value as it is shown.
pub(super) fn value(field: &FrameField) -> String {
    // Flags are told apart, and can be broken into lines.
    clip(&clean(&field.value.replace('|', " | ")), 200)
}

impl Shown {
    pub(super) fn of(frame: &Frame, marks: &[(u32, u32)]) -> Self {
        let within = |at: u32| marks.iter().any(|(first, end)| (*first..*end).contains(&at));
        let touches = |(first, end): (u32, u32)| marks.iter().any(|mark| mark.0 < end && first < mark.1);
        let fields = frame.fields.iter().map(|field| Field {
            name: clean(&field.name),
            value: value(field),
            marked: touches(field.bytes),
        });
        let bytes: Vec<&str> =
            frame.hex.as_bytes().chunks(2).map_while(|it| str::from_utf8(it).ok()).collect();
        let lines = bytes.chunks(LINE).zip(0_u32..).map(|(line, number)| {
            let start = number * LINE as u32;
            let mut runs: Vec<(String, bool)> = Vec::new();
            for (byte, at) in line.iter().zip(start..) {
                match runs.last_mut() {
                    Some((run, marked)) if *marked == within(at) => {
                        run.push(' ');
                        run.push_str(byte);
                    }
                    _ => runs.push(((*byte).to_owned(), within(at))),
                }
            }
            HexLine { offset: format!("{start:04x}"), runs }
        });
        let missing = (frame.length as usize).saturating_sub(bytes.len());
        Self {
            title: title(frame),
            fields: fields.collect(),
            lines: lines.collect(),
            more: if missing > 0 {
                format!("{missing} more bytes are in the evidence")
            } else {
                String::new()
            },
        }
    }
}
