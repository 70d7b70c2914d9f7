//! From what was recorded to the two files.

use crate::error::EvidenceError;
use crate::files::{self, Pending};
use crate::packet::{Flags, MAX_PAYLOAD, Segment};
use crate::recorder::{Event, Opened, Recorder, What};
use crate::sidecar::{Recorded, RecordedConnection, SCHEMA, Sidecar, sidecar_path};
use crate::{Direction, End, SMB_PORT};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

impl Recorder {
    /// Writes the evidence of a case: `pcapng`, and `sidecar` beside it with [`Sidecar::recorded`] filled in.
    ///
    /// Missing folders are created; only their owner can read what is created. A `.pcapng` is there only when it is
    /// whole and its sidecar lies beside it, whenever the process is killed.
    pub fn write(&self, pcapng: &Path, sidecar: &Sidecar) -> Result<(), EvidenceError> {
        if let Some(connection) = self.never_opened {
            return Err(EvidenceError::NeverOpened { connection });
        }
        files::create_parent(pcapng)?;
        let mut recorded = Recorded::default();
        let packets = Pending::write(pcapng, |out| {
            recorded = self.write_packets(out, sidecar)?;
            Ok(())
        })?;
        let sidecar = Sidecar { schema: SCHEMA, recorded, ..sidecar.clone() };
        let beside = Pending::write(&sidecar_path(pcapng), |out| {
            serde_json::to_writer_pretty(&mut *out, &sidecar)?;
            out.write_all(b"\n")
        })?;
        // An older .pcapng must not lie beside the newer sidecar, not even for a moment.
        files::remove(pcapng)?;
        beside.put_in_place()?;
        packets.put_in_place()
    }

    fn write_packets(&self, out: &mut impl Write, sidecar: &Sidecar) -> io::Result<Recorded> {
        let mut file = Packets::start(out, sidecar)?;
        let mut wires: Vec<Wire<'_>> = self.connections.iter().enumerate().map(Wire::new).collect();
        for Event { connection, at, what } in &self.events {
            // Events are only kept for connections that were opened.
            let Some(wire) = wires.get_mut(*connection as usize) else { continue };
            match what {
                What::Connect => {
                    wire.send(&mut file, *at, Direction::ToServer, Flags::SYN, b"")?;
                    wire.send(&mut file, *at, Direction::ToClient, Flags::SYN, b"")?;
                    wire.send(&mut file, *at, Direction::ToServer, Flags::NONE, b"")?;
                }
                What::Refused => {
                    wire.send(&mut file, *at, Direction::ToServer, Flags::SYN, b"")?;
                    wire.send(&mut file, *at, Direction::ToClient, Flags::RST, b"")?;
                }
                What::Data(direction, range) => {
                    for payload in self.bytes.get(range.clone()).unwrap_or_default().chunks(MAX_PAYLOAD) {
                        wire.send(&mut file, *at, *direction, Flags::NONE, payload)?;
                    }
                }
                What::End(direction, End::Fin) => wire.send(&mut file, *at, *direction, Flags::FIN, b"")?,
                What::End(direction, End::Rst) => wire.send(&mut file, *at, *direction, Flags::RST, b"")?,
            }
        }
        let connections = wires.iter().map(Wire::recorded).collect();
        Ok(Recorded { packets: wires.iter().map(|wire| wire.packets).sum(), connections })
    }
}

/// One connection's place in both sequence spaces. They start at 0: then raw and relative numbers are the same.
struct Wire<'a> {
    opened: &'a Opened,
    comment: String,
    next: [u32; 2],
    packets: u64,
}

impl<'a> Wire<'a> {
    fn new((connection, opened): (usize, &'a Opened)) -> Self {
        Self { opened, comment: opened.comment(connection), next: [0; 2], packets: 0 }
    }

    fn send(
        &mut self,
        file: &mut Packets<impl Write>,
        at: Duration,
        direction: Direction,
        flags: Flags,
        payload: &[u8],
    ) -> io::Result<()> {
        let Opened { client, server, .. } = *self.opened;
        let (from, to) = match direction {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        };
        let first = self.packets == 0;
        let sequence = self.next[direction.index()];
        let segment = Segment {
            from,
            to,
            sequence,
            acknowledges: (!first).then_some(self.next[direction.opposite().index()]),
            flags,
            payload,
        };
        file.packet(at, &segment, first.then_some(self.comment.as_str()))?;
        // A payload is at most one packet's; SYN and FIN take a number of their own.
        let taken = payload.len() as u32 + u32::from(flags.syn) + u32::from(flags.fin);
        self.next[direction.index()] = sequence.wrapping_add(taken);
        self.packets += 1;
        Ok(())
    }

    fn recorded(&self) -> RecordedConnection {
        let [to_server, to_client] = self.opened.sent;
        let Opened { client, server, leg, of, .. } = *self.opened;
        RecordedConnection { client, server, leg, of, packets: self.packets, to_server, to_client }
    }
}

/// The file being written.
struct Packets<W: Write> {
    writer: PcapNgWriter<W>,
    last: Duration,
}

impl<W: Write> Packets<W> {
    fn start(out: W, sidecar: &Sidecar) -> io::Result<Self> {
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![
                SectionHeaderOption::Comment(comment(&format!(
                    "case {}\nserver {} (port {SMB_PORT} here, so that it reads as SMB)",
                    sidecar.case.id, sidecar.server
                ))),
                SectionHeaderOption::UserApplication(
                    concat!("countersign ", env!("CARGO_PKG_VERSION")).into(),
                ),
            ],
            ..SectionHeaderBlock::default()
        };
        let interface = InterfaceDescriptionBlock {
            linktype: DataLink::RAW,
            snaplen: 0,
            // Nanoseconds: what pcap-file writes, whatever is said here.
            options: vec![InterfaceDescriptionOption::IfTsResol(9)],
        };
        let mut writer = PcapNgWriter::with_section_header(out, section).map_err(to_io)?;
        writer.write_pcapng_block(interface).map_err(to_io)?;
        Ok(Self { writer, last: Duration::ZERO })
    }

    fn packet(&mut self, at: Duration, segment: &Segment<'_>, told: Option<&str>) -> io::Result<()> {
        // Always later than the packet before: then the order of the packets cannot change unnoticed.
        self.last = at.max(self.last + Duration::from_nanos(1));
        let data = segment.encode()?;
        let packet = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: self.last,
            original_len: data.len() as u32,
            data: data.into(),
            options: told.map(|told| EnhancedPacketOption::Comment(comment(told))).into_iter().collect(),
        };
        self.writer.write_pcapng_block(packet).map_err(to_io)?;
        Ok(())
    }
}

/// An option holds 64 KiB and the writer does not check: text beyond a page helps nobody.
fn comment(text: &str) -> std::borrow::Cow<'static, str> {
    text.chars().take(2000).collect::<String>().into()
}

fn to_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        error => io::Error::other(error.to_string()),
    }
}
