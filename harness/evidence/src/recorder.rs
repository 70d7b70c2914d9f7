//! The recorder: everything that crossed the socket, in memory until the case is over.

use crate::{Direction, End, SMB_PORT};
use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// Keeps what crossed the socket. Appending copies the bytes and does nothing else.
///
/// Events are kept in the order in which they are told; their times only ever move forward in what is written.
#[derive(Default, Clone)]
pub struct Recorder {
    pub(crate) connections: Vec<Opened>,
    pub(crate) events: Vec<Event>,
    pub(crate) bytes: Vec<u8>,
    /// The first index that was used without having been opened.
    pub(crate) never_opened: Option<u32>,
    clients: HashSet<SocketAddr>,
}

impl Recorder {
    /// A connection that was established, `at` when. Gives its index, from 0.
    pub fn connect(&mut self, client: SocketAddr, server: SocketAddr, at: SystemTime) -> u32 {
        self.open(Some(client), server, None, at, What::Connect)
    }

    /// A connection that the server refused. Gives its index, from 0.
    pub fn refused(&mut self, client: Option<SocketAddr>, server: SocketAddr, at: SystemTime) -> u32 {
        self.open(client, server, None, at, What::Refused)
    }

    /// A connection that an interposer opened on behalf of the client at `peer`: by that address
    /// [`Recorder::append_leg`] finds the connection it belongs to. `refused` says that the server did. Gives its index,
    /// from 0.
    pub fn connect_for(
        &mut self,
        peer: SocketAddr,
        client: Option<SocketAddr>,
        server: SocketAddr,
        refused: bool,
        at: SystemTime,
    ) -> u32 {
        let what = if refused { What::Refused } else { What::Connect };
        self.open(client, server, Some(peer), at, what)
    }

    /// Bytes that crossed the socket, in one direction, in the order in which they did.
    pub fn data(&mut self, connection: u32, direction: Direction, bytes: &[u8], at: SystemTime) {
        let Some(opened) = self.opened(connection) else { return };
        if bytes.is_empty() {
            return;
        }
        opened.sent[direction.index()] += bytes.len() as u64;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.event(connection, at, What::Data(direction, start..self.bytes.len()));
    }

    /// One side closed: `direction` is the way its bytes went, so `ToServer` is the client's end.
    ///
    /// A second end of the same side changes nothing, except that a FIN can be followed by a RST.
    pub fn end(&mut self, connection: u32, direction: Direction, end: End, at: SystemTime) {
        let Some(opened) = self.opened(connection) else { return };
        let before = &mut opened.ended[direction.index()];
        if matches!((*before, end), (Some(End::Rst), _) | (Some(End::Fin), End::Fin)) {
            return;
        }
        *before = Some(end);
        self.event(connection, at, What::End(direction, end));
    }

    /// How many connections there are so far, refused ones among them.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.connections.len()).unwrap_or(u32::MAX)
    }

    /// The bytes so far in one direction of a connection.
    #[must_use]
    pub fn sent(&self, connection: u32, direction: Direction) -> u64 {
        self.connections.get(connection as usize).map_or(0, |opened| opened.sent[direction.index()])
    }

    /// Takes what another recorder has of the other side of an interposer, as its `leg`: 1 is the server's side, and what
    /// is here already becomes leg 0, the client's. The packets of both come in the order of their times.
    ///
    /// Gives what is to be added to the index of a connection there to have its index here.
    pub fn append_leg(&mut self, leg: u8, other: Self) -> u32 {
        let (offset, shift) = (self.connections.len(), self.bytes.len());
        let first = u32::try_from(offset).unwrap_or(u32::MAX);
        for opened in &mut self.connections {
            opened.leg.get_or_insert(0);
        }
        for mut opened in other.connections {
            opened.client = self.unique(opened.client);
            self.clients.insert(opened.client);
            opened.leg = Some(leg);
            let here = self.connections.get(..offset).unwrap_or_default();
            let of = here.iter().position(|own| own.real.0.is_some() && own.real.0 == opened.peer);
            opened.of = of.and_then(|of| u32::try_from(of).ok());
            self.connections.push(opened);
        }
        self.bytes.extend_from_slice(&other.bytes);
        let theirs = other.events.into_iter().map(|mut event| {
            event.connection = event.connection.saturating_add(first);
            if let What::Data(_, range) = &mut event.what {
                *range = range.start + shift..range.end + shift;
            }
            event
        });
        self.events = merged(std::mem::take(&mut self.events), theirs);
        self.never_opened = self.never_opened.or(other.never_opened.map(|index| index.saturating_add(first)));
        first
    }

    fn open(
        &mut self,
        client: Option<SocketAddr>,
        server: SocketAddr,
        peer: Option<SocketAddr>,
        at: SystemTime,
        what: What,
    ) -> u32 {
        let connection = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let (client_ip, server_ip) = one_family(client.map(|client| client.ip()), server.ip());
        let wanted = SocketAddr::new(client_ip, client.map_or(0, |client| client.port()));
        let opened = Opened {
            client: self.unique(wanted),
            server: SocketAddr::new(server_ip, SMB_PORT),
            real: (client, server),
            peer,
            leg: None,
            of: None,
            sent: [0; 2],
            ended: [None; 2],
        };
        self.clients.insert(opened.client);
        self.connections.push(opened);
        self.event(connection, at, what);
        connection
    }

    /// The address itself, or the next free port: two connections of one case must stay two in the file, and the
    /// server's port must tell the directions apart.
    fn unique(&self, mut client: SocketAddr) -> SocketAddr {
        for _ in 0..=u16::MAX {
            if ![0, SMB_PORT].contains(&client.port()) && !self.clients.contains(&client) {
                break;
            }
            let next = client.port().checked_add(1).unwrap_or(FIRST_EPHEMERAL);
            client.set_port(next.max(FIRST_EPHEMERAL));
        }
        client
    }

    fn opened(&mut self, connection: u32) -> Option<&mut Opened> {
        let opened = self.connections.get_mut(connection as usize);
        if opened.is_none() {
            self.never_opened.get_or_insert(connection);
        }
        opened
    }

    fn event(&mut self, connection: u32, at: SystemTime, what: What) {
        // A clock before 1970 gives the earliest time there is: the order still holds.
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.events.push(Event { connection, at, what });
    }
}

/// Without the bytes: a recorded logon can be attacked offline.
impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("connections", &self.connections.len())
            .field("events", &self.events.len())
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A connection, with the addresses it has in the file.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// The real addresses.
    real: (Option<SocketAddr>, SocketAddr),
    /// The real address of the client on whose behalf it was opened.
    peer: Option<SocketAddr>,
    /// The side of an interposer, where there is one.
    pub(crate) leg: Option<u8>,
    /// The connection on the client's side that it belongs to.
    pub(crate) of: Option<u32>,
    pub(crate) sent: [u64; 2],
    ended: [Option<End>; 2],
}

impl Opened {
    /// The real addresses, for people.
    pub(crate) fn comment(&self, connection: usize) -> String {
        let server = self.real.1;
        let leg = match (self.leg, self.of) {
            (None, _) => String::new(),
            (Some(leg), None) => format!(" (leg {leg})"),
            (Some(leg), Some(of)) => format!(" (leg {leg}, of connection {of})"),
        };
        match self.real.0 {
            Some(client) => format!("connection {connection}{leg}: {client} to {server}"),
            None => format!("connection {connection}{leg}: to {server}, the client's address is not known"),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) connection: u32,
    pub(crate) at: Duration,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Connect,
    Refused,
    Data(Direction, Range<usize>),
    End(Direction, End),
}

/// Both in the order of their times, each in its own order: a clock that was set back moves nothing of one side before
/// what that side did earlier.
fn merged(ours: Vec<Event>, theirs: impl IntoIterator<Item = Event>) -> Vec<Event> {
    fn forward(events: impl IntoIterator<Item = Event>) -> impl Iterator<Item = (Duration, Event)> {
        events.into_iter().scan(Duration::ZERO, |last, event| {
            *last = event.at.max(*last);
            Some((*last, event))
        })
    }
    let mut all: Vec<(Duration, Event)> = forward(ours).chain(forward(theirs)).collect();
    // A stable sort: what happened at one time stays in the order in which it was told, the client's side first.
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, event)| event).collect()
}

const FIRST_EPHEMERAL: u16 = 49152;

/// Both addresses in the family that can hold both, and a stand-in for a client that is not known.
fn one_family(client: Option<IpAddr>, server: IpAddr) -> (IpAddr, IpAddr) {
    let server = server.to_canonical();
    let client = client.map_or_else(
        || match server {
            _ if server.is_loopback() => server,
            // Addresses for documentation: they are nobody's.
            IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
            IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        },
        |client| client.to_canonical(),
    );
    match (client, server) {
        (IpAddr::V4(client), IpAddr::V6(_)) => (client.to_ipv6_mapped().into(), server),
        (IpAddr::V6(_), IpAddr::V4(server)) => (client, server.to_ipv6_mapped().into()),
        _ => (client, server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn connections_stay_distinguishable() {
        let mut recorder = Recorder::default();
        let now = SystemTime::now();
        for client in
            ["127.0.0.1:50000", "127.0.0.1:50000", "127.0.0.1:445", "127.0.0.1:0", "127.0.0.1:65535"]
        {
            recorder.connect(addr(client), addr("127.0.0.1:1445"), now);
        }
        recorder.connect(addr("127.0.0.1:65535"), addr("127.0.0.1:1445"), now);
        recorder.refused(None, addr("127.0.0.1:1445"), now);
        let ports: Vec<u16> = recorder.connections.iter().map(|opened| opened.client.port()).collect();
        assert_eq!(ports, [50000, 50001, 49152, 49153, 65535, 49154, 49155]);
        assert!(recorder.connections.iter().all(|opened| opened.server == addr("127.0.0.1:445")));
    }

    #[test]
    fn addresses_share_a_family() {
        for (client, server, expected) in [
            (Some("::ffff:10.0.0.1"), "10.0.0.2", ("10.0.0.1", "10.0.0.2")),
            (Some("10.0.0.1"), "2001:db8::2", ("::ffff:10.0.0.1", "2001:db8::2")),
            (Some("2001:db8::2"), "10.0.0.1", ("2001:db8::2", "::ffff:10.0.0.1")),
            (None, "10.0.0.1", ("192.0.2.1", "10.0.0.1")),
            (None, "::1", ("::1", "::1")),
            (None, "fe80::1", ("2001:db8::1", "fe80::1")),
        ] {
            let got = one_family(client.map(|client| client.parse().unwrap()), server.parse().unwrap());
            assert_eq!(got, (expected.0.parse().unwrap(), expected.1.parse().unwrap()));
        }
    }

    #[test]
    fn counts_and_shows_no_bytes() {
        let mut recorder = Recorder::default();
        let now = SystemTime::now();
        let connection = recorder.connect(addr("[::1]:50000"), addr("[::1]:1445"), now);
        recorder.data(connection, Direction::ToServer, b"secret", now);
        recorder.data(connection, Direction::ToServer, b"", now);
        assert_eq!(recorder.sent(connection, Direction::ToServer), 6);
        assert_eq!(recorder.sent(connection, Direction::ToClient), 0);
        assert_eq!(recorder.sent(9, Direction::ToClient), 0);
        assert_eq!(format!("{recorder:?}"), "Recorder { connections: 1, events: 2, bytes: 6, .. }");
    }

    #[test]
    fn a_side_ends_once() {
        let mut recorder = Recorder::default();
        let now = SystemTime::now();
        let connection = recorder.connect(addr("[::1]:50000"), addr("[::1]:1445"), now);
        for end in [End::Fin, End::Fin, End::Rst, End::Rst, End::Fin] {
            recorder.end(connection, Direction::ToServer, end, now);
        }
        assert_eq!(recorder.events.len(), 1 + 2);
    }
}
