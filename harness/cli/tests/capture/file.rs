//! A capture as a list of packets, to be edited.

/// A packet with everything in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Microseconds.
    pub(crate) at: u64,
    pub(crate) data: Vec<u8>,
}

/// Where IP begins behind Ethernet, and TCP behind IPv4 without options: what the loopback interface of Linux has.
const IP: usize = 14;
const TCP: usize = IP + 20;

impl Packet {
    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.data[at], self.data[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.data[at..at + 4].try_into().unwrap())
    }

    pub(crate) fn ports(&self) -> (u16, u16) {
        (self.u16(TCP), self.u16(TCP + 2))
    }

    pub(crate) fn payload(&self) -> usize {
        TCP + usize::from(self.data[TCP + 12] >> 4) * 4
    }

    pub(crate) fn has_payload(&self) -> bool {
        self.data.len() > self.payload()
    }

    pub(crate) fn sequence(&self) -> u32 {
        self.u32(TCP + 4)
    }

    /// Moves all its numbers, so that they wrap somewhere else.
    pub(crate) fn shift(&mut self, by: u32) {
        for at in [TCP + 4, TCP + 8] {
            let shifted = self.u32(at).wrapping_add(by);
            // A SYN acknowledges nothing.
            if at == TCP + 4 || self.data[TCP + 13] & 0x10 != 0 {
                self.data[at..at + 4].copy_from_slice(&shifted.to_be_bytes());
            }
        }
    }

    /// The bytes from `from` on of its payload, as a packet of its own.
    pub(crate) fn part(&self, from: usize, to: usize) -> Self {
        let payload = self.payload();
        let mut data = self.data[..payload].to_vec();
        data.extend_from_slice(&self.data[payload + from..payload + to]);
        let sequence = self.u32(TCP + 4).wrapping_add(u32::try_from(from).unwrap());
        data[TCP + 4..TCP + 8].copy_from_slice(&sequence.to_be_bytes());
        let length = u16::try_from(data.len() - IP).unwrap();
        data[IP + 2..IP + 4].copy_from_slice(&length.to_be_bytes());
        Self { at: self.at, data }
    }

    pub(crate) fn payload_len(&self) -> usize {
        self.data.len() - self.payload()
    }

    /// As a card captures it that keeps no more than `snaplen` bytes.
    pub(crate) fn cut(&self, snaplen: usize) -> Vec<u8> {
        self.data[..self.data.len().min(snaplen)].to_vec()
    }
}

/// The packets of a little-endian pcapng that dumpcap wrote.
pub(crate) fn read(file: &[u8]) -> Vec<Packet> {
    let u32_at = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut all = Vec::new();
    let mut at = 0;
    while at < file.len() {
        if u32_at(at) == 6 {
            let length = u32_at(at + 20) as usize;
            // dumpcap writes nanoseconds.
            let nanos = u64::from(u32_at(at + 12)) << 32 | u64::from(u32_at(at + 16));
            all.push(Packet { at: nanos / 1000, data: file[at + 28..at + 28 + length].to_vec() });
        }
        at += u32_at(at + 4) as usize;
    }
    all
}

/// The packets of the connection that is the `stream`th to begin.
pub(crate) fn connection(file: &[u8], stream: usize) -> Vec<Packet> {
    let all = read(file);
    let mut begun: Vec<(u16, u16)> = Vec::new();
    for packet in &all {
        let (from, to) = packet.ports();
        if !begun.contains(&(from, to)) && !begun.contains(&(to, from)) {
            begun.push((from, to));
        }
    }
    let (client, server) = begun[stream];
    all.into_iter().filter(|it| [(client, server), (server, client)].contains(&it.ports())).collect()
}

/// A classic pcap.
pub(crate) fn pcap(packets: &[Packet]) -> Vec<u8> {
    pcap_of(packets.iter().map(|packet| (packet.at, packet.data.clone(), packet.data.len())))
}

/// A classic pcap in which no packet has more than `snaplen` bytes.
pub(crate) fn pcap_cut(packets: &[Packet], snaplen: usize) -> Vec<u8> {
    pcap_of(packets.iter().map(|packet| (packet.at, packet.cut(snaplen), packet.data.len())))
}

fn pcap_of(packets: impl Iterator<Item = (u64, Vec<u8>, usize)>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0x0004_0000, 1] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for (at, data, length) in packets {
        for word in [(at / 1_000_000) as u32, (at % 1_000_000) as u32, data.len() as u32, length as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&data);
    }
    file
}
