//! One connection: what came from one side goes to the other, and what crosses the server's side is recorded.

use super::listen::Stream;
use super::{Engine, Shared};
use evidence::{Direction, End};
use smb::follow::Way;
use smb::nbss::{self, Splitter};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// How much is taken from a socket at once.
const READ: usize = 64 << 10;
/// A side is not read on while so many bytes wait for the other: the kernel then makes it wait, too.
const QUEUED: usize = 1 << 20;

/// Relays one client until both sides have ended.
pub(super) async fn relay(client: Box<dyn Stream>, peer: SocketAddr, shared: Arc<Shared>) {
    let limits = shared.options.limits;
    let upstream = shared.options.upstream;
    let over = Instant::now() + limits.time;
    let opened = match timeout(limits.connect, TcpStream::connect(upstream)).await {
        Ok(opened) => opened,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    let server = match opened {
        Ok(server) => server,
        Err(error) => {
            return shared.unreachable(peer, &error);
        }
    };
    // Without it every small message waits for a delayed acknowledgement. A socket that cannot has other troubles, which
    // show when it is used.
    let _ = server.set_nodelay(true);
    let local = server.local_addr().ok();
    let connection = {
        let (mut books, now) = (shared.books(), SystemTime::now());
        if shared.options.near {
            // It has the same number there.
            books.near.connect(peer, upstream, now);
        }
        books.recorder.connect_for(peer, local, upstream, false, now)
    };
    let mut pump = Pump {
        engine: Engine::new(&shared.options),
        splitters: [Splitter::new(limits.message), Splitter::new(limits.message)],
        to_server: Pipe::default(),
        to_client: Pipe::default(),
        connection,
        shared,
        ends: false,
    };
    pump.run(client, server, over).await;
}

/// What waits to be written to one side.
#[derive(Default)]
struct Pipe {
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first of them that are written.
    written: usize,
    queued: usize,
    /// Whether nothing more comes from the other side.
    ended: bool,
    /// Whether this side takes nothing more.
    dead: bool,
    /// Whether it was told that nothing more comes.
    shut: bool,
}

impl Pipe {
    fn push(&mut self, bytes: Vec<u8>) {
        if !self.dead && !self.shut && !bytes.is_empty() {
            self.queued += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    fn front(&self) -> &[u8] {
        self.queue.front().and_then(|bytes| bytes.get(self.written..)).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes note that so many bytes of the front were written.
    fn advance(&mut self, written: usize) {
        self.written += written;
        self.queued = self.queued.saturating_sub(written);
        if self.front().is_empty() {
            self.queue.pop_front();
            self.written = 0;
        }
    }

    fn die(&mut self) {
        self.dead = true;
        self.queue.clear();
        (self.written, self.queued) = (0, 0);
    }

    /// Whether all that came was passed on, and its end.
    fn is_done(&self) -> bool {
        self.ended && (self.shut || self.dead)
    }
}

struct Pump {
    engine: Engine,
    /// To the server, to the client.
    splitters: [Splitter; 2],
    to_server: Pipe,
    to_client: Pipe,
    connection: u32,
    shared: Arc<Shared>,
    /// Whether the interposer ends the connection.
    ends: bool,
}

impl Pump {
    async fn run(&mut self, client: Box<dyn Stream>, server: TcpStream, mut over: Instant) {
        let (mut from_client, mut into_client) = tokio::io::split(client);
        let (mut from_server, mut into_server) = server.into_split();
        let (mut client_buffer, mut server_buffer) = (vec![0; READ], vec![0; READ]);
        let mut closing = false;
        loop {
            if shut(&mut self.to_client, &mut into_client).await {
                self.near_end(Direction::ToClient, End::Fin);
            }
            if shut(&mut self.to_server, &mut into_server).await {
                self.end(Direction::ToServer, End::Fin);
            }
            if self.to_server.is_done() && self.to_client.is_done() {
                return;
            }
            if !closing && (self.to_server.is_done() || self.to_client.is_done()) {
                closing = true;
                over = over.min(Instant::now() + self.shared.options.limits.close);
            }
            let reads_client = !self.to_server.ended && self.to_server.queued < QUEUED;
            let reads_server = !self.to_client.ended && self.to_client.queued < QUEUED;
            tokio::select! {
                read = from_client.read(&mut client_buffer), if reads_client => match read {
                    Ok(0) => {
                        self.near_end(Direction::ToServer, End::Fin);
                        self.to_server.ended = true;
                    }
                    Ok(read) => self.take(Way::ToServer, client_buffer.get(..read).unwrap_or_default()),
                    Err(_) => {
                        // It is gone: nothing more comes from it, and it takes nothing more.
                        self.near_end(Direction::ToServer, End::Rst);
                        self.to_server.ended = true;
                        self.to_client.die();
                    }
                },
                read = from_server.read(&mut server_buffer), if reads_server => match read {
                    Ok(0) => {
                        self.end(Direction::ToClient, End::Fin);
                        self.to_client.ended = true;
                    }
                    Ok(read) => self.take(Way::ToClient, server_buffer.get(..read).unwrap_or_default()),
                    Err(_) => {
                        self.end(Direction::ToClient, End::Rst);
                        self.to_client.ended = true;
                        self.to_server.die();
                    }
                },
                written = into_client.write(self.to_client.front()), if !self.to_client.is_empty() => match written {
                    Ok(written) => {
                        let bytes = self.to_client.front().get(..written).unwrap_or_default();
                        self.near(Direction::ToClient, bytes);
                        self.to_client.advance(written);
                    }
                    Err(_) => self.to_client.die(),
                },
                written = into_server.write(self.to_server.front()), if !self.to_server.is_empty() => match written {
                    Ok(written) => {
                        // What the kernel took is what crosses the socket, no more.
                        let bytes = self.to_server.front().get(..written).unwrap_or_default();
                        self.record(Direction::ToServer, bytes);
                        self.to_server.advance(written);
                    }
                    // Reading tells how it went.
                    Err(_) => self.to_server.die(),
                },
                () = sleep_until(over) => {
                    if !closing {
                        let limit = self.shared.options.limits.time;
                        self.shared.problem(format!("a connection was not over within {limit:?}"));
                    }
                    return;
                }
            }
            if self.ends {
                // What was decided to be sent is sent; what else comes is not read.
                (self.to_server.ended, self.to_client.ended) = (true, true);
            }
        }
    }

    /// Takes what came from one side.
    fn take(&mut self, way: Way, bytes: &[u8]) {
        match way {
            Way::ToClient => self.record(Direction::ToClient, bytes),
            Way::ToServer => self.near(Direction::ToServer, bytes),
        }
        let limit = self.shared.options.limits.total;
        let total = {
            let mut books = self.shared.books();
            books.total += bytes.len() as u64;
            books.total
        };
        if total > limit {
            self.shared.problem(format!("more than {limit} bytes came"));
            self.ends = true;
            return;
        }
        let passes = self.engine.passes();
        if passes {
            self.pipe(way).push(bytes.to_vec());
        }
        if matches!(self.engine, Engine::None) {
            return;
        }
        self.splitter(way).push(bytes);
        while !self.ends {
            match self.splitter(way).next_message() {
                Ok(Some(framed)) => self.message(way, framed.bytes, passes),
                Ok(None) => break,
                Err(_) if passes => {
                    // It is passed on all the same; only nobody understands it.
                    self.engine = Engine::None;
                    break;
                }
                Err(error) => {
                    self.shared.problem(format!("what goes {} cannot be read: {error}", word(way)));
                    self.ends = true;
                }
            }
        }
    }

    fn message(&mut self, way: Way, bytes: Vec<u8>, passes: bool) {
        let output = self.engine.message(way, bytes);
        self.engine.enter(&mut self.shared.books(), self.connection);
        if passes {
            return;
        }
        for (way, message) in output.send {
            match nbss::wrap(&message) {
                Ok(framed) => self.pipe(way).push(framed),
                Err(error) => {
                    self.shared.problem(error.to_string());
                    self.ends = true;
                }
            }
        }
        self.ends |= output.ends;
    }

    const fn pipe(&mut self, way: Way) -> &mut Pipe {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }

    const fn splitter(&mut self, way: Way) -> &mut Splitter {
        match way {
            Way::ToServer => &mut self.splitters[0],
            Way::ToClient => &mut self.splitters[1],
        }
    }

    fn record(&self, direction: Direction, bytes: &[u8]) {
        self.shared.books().recorder.data(self.connection, direction, bytes, SystemTime::now());
    }

    /// Records what crossed the client's side, where that is wanted.
    fn near(&self, direction: Direction, bytes: &[u8]) {
        if self.shared.options.near {
            self.shared.books().near.data(self.connection, direction, bytes, SystemTime::now());
        }
    }

    fn near_end(&self, direction: Direction, end: End) {
        if self.shared.options.near {
            self.shared.books().near.end(self.connection, direction, end, SystemTime::now());
        }
    }

    fn end(&self, direction: Direction, end: End) {
        self.shared.books().recorder.end(self.connection, direction, end, SystemTime::now());
    }
}

/// However it ends, the server's side is closed with it.
impl Drop for Pump {
    fn drop(&mut self) {
        self.end(Direction::ToServer, End::Fin);
    }
}

/// Tells one side that nothing more comes, once everything that came is written; whether that was now.
async fn shut(pipe: &mut Pipe, half: &mut (impl AsyncWrite + Unpin)) -> bool {
    if !pipe.ended || pipe.dead || pipe.shut || !pipe.is_empty() {
        return false;
    }
    // Where it fails the side is gone, which is the same.
    let _ = half.shutdown().await;
    pipe.shut = true;
    true
}

const fn word(way: Way) -> &'static str {
    match way {
        Way::ToServer => "to the server",
        Way::ToClient => "to the client",
    }
}
