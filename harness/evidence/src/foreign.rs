//! Captures that were made elsewhere: their packets are real ones, and nothing is known of them beforehand.
//!
//! What a capture does not hold is said and never filled in: a connection is handed out up to the first byte that is
//! missing, in an order in which it can have happened.

mod annotate;
mod assemble;
mod blocks;
mod flows;
mod frames;
mod half;
mod link;

pub use annotate::annotate;

use crate::error::EvidenceError;
use crate::problem::Problems;
use crate::{Connection, Direction, Problem, files};
use flows::Flows;
use link::Seen;
use std::path::Path;

/// A capture, as far as it is of the protocol that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The connections of that protocol, in the order in which they begin in the file.
    pub conversations: Vec<Conversation>,
    /// How many packets the file has.
    pub packets: u64,
    /// How many conversations there are besides, which are not handed out: a file can hold more than anybody reads.
    pub left_out: usize,
    /// What could not be read and belongs to no conversation.
    pub problems: Vec<Problem>,
}

/// One TCP connection of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its number among all TCP connections of the file, from 0: Wireshark's `tcp.stream`.
    pub stream: u32,
    /// Its bytes up to the first that is missing.
    pub connection: Connection,
    /// Whether its first packets are there: a SYN.
    pub from_the_start: bool,
    /// What is missing, or was captured in two versions.
    pub problems: Vec<Problem>,
}

/// Which connections are asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The server's ports.
    pub ports: Vec<u16>,
    /// Looks at the first bytes that one side of a connection at another port sends, and says which way such bytes go;
    /// `None` where they are of another protocol.
    pub recognises: fn(&[u8]) -> Option<Direction>,
}

/// What is read at most, in bytes: it is held in memory, beside what is made of it.
const MAX_BYTES: u64 = 512 << 20;
/// More connections than these are not handed out.
const MOST_CONVERSATIONS: usize = 1000;
const MEND: &str = "give a capture in pcapng or pcap format, such as Wireshark, tshark or tcpdump write";

impl Capture {
    /// Reads a `.pcapng` or `.pcap`, whatever its name is.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 512 MiB, or is neither. One that is damaged further on is read as far as it
    /// goes.
    pub fn read(path: &Path, wanted: &Wanted) -> Result<Self, EvidenceError> {
        const SMALLER: &str =
            "cut the connection in question out of it, such as with tshark -Y 'tcp.stream == 0' -w";
        let file = files::read(path, MAX_BYTES, SMALLER)?;
        Self::of(&file, wanted).map_err(|what| EvidenceError::Unusable {
            path: path.to_owned(),
            what,
            mend: MEND,
        })
    }

    /// Reads the bytes of such a file.
    ///
    /// # Errors
    /// What it is instead.
    pub fn of(file: &[u8], wanted: &Wanted) -> Result<Self, String> {
        let mut problems = Problems::default();
        let mut flows = Flows::new(wanted);
        let mut unread = Unread::default();
        let packets = frames::each(file, &mut problems, |frame| match link::read(&frame) {
            Seen::Tcp(segment) => flows.take(&frame, segment),
            Seen::Fragment(from, to) => flows.fragment(frame.number, from, to),
            Seen::Unread(what) => unread.add(frame.number, what),
            Seen::Other => {}
        })?;
        unread.tell(&mut problems);
        let (flows, fragments) = flows.finish();
        let left_out = flows.len().saturating_sub(MOST_CONVERSATIONS);
        let assembled = flows.into_iter().take(MOST_CONVERSATIONS).map(|flow| {
            let between = fragments.between(flow.addresses());
            assemble::assemble(&flow, between)
        });
        let conversations = assembled.collect();
        Ok(Self { conversations, packets, left_out, problems: problems.into_vec() })
    }
}

/// Packets that cannot be read: a hostile file can consist of them, so only the first is named.
#[derive(Default)]
struct Unread {
    count: u64,
    first: Option<(u64, String)>,
}

impl Unread {
    fn add(&mut self, frame: u64, what: String) {
        self.count += 1;
        self.first.get_or_insert((frame, what));
    }

    fn tell(self, problems: &mut Problems) {
        let Some((frame, what)) = self.first else { return };
        let more = match self.count {
            1 => String::new(),
            count => format!(", and {} more packets like it", count - 1),
        };
        problems.at(frame, format!("{what}{more}"));
    }
}
