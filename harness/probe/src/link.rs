//! The socket, recorded: bounded reads, one write per message, and every byte into the evidence as it crossed.

use crate::Limits;
use evidence::{Direction, End, Recorder};
use smb::nbss::{self, Splitter};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Why no message comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("failed to connect to {0}: {1}")]
    Connect(SocketAddr, io::Error),
    #[error("failed to connect to {0}: no answer within {1:?}")]
    ConnectTimeout(SocketAddr, Duration),
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    #[error("the server ended the connection")]
    Ended,
    #[error("{0}")]
    Framing(#[from] nbss::NbssError),
    #[error("{0}")]
    TooLong(#[from] nbss::FrameTooLong),
    #[error("the server sent more than {0} bytes")]
    TooMuch(u64),
    #[error("the socket failed: {0}")]
    Socket(io::Error),
}

/// One TCP connection.
pub(crate) struct Link {
    stream: TcpStream,
    /// Which connection of the recording this is.
    pub(crate) connection: u32,
    limits: Limits,
    splitter: Splitter,
    buffer: Vec<u8>,
    received: u64,
    ended: bool,
}

/// How much is taken from the socket at once.
const READ: usize = 64 << 10;

impl Link {
    pub(crate) async fn connect(
        address: SocketAddr,
        limits: Limits,
        recorder: &mut Recorder,
    ) -> Result<Self, LinkError> {
        let stream = match timeout(limits.connect, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                if error.kind() == io::ErrorKind::ConnectionRefused {
                    recorder.refused(None, address, SystemTime::now());
                }
                return Err(LinkError::Connect(address, error));
            }
            Err(_) => return Err(LinkError::ConnectTimeout(address, limits.connect)),
        };
        // Without it every small message waits for a delayed acknowledgement.
        stream.set_nodelay(true).map_err(LinkError::Socket)?;
        let local = stream.local_addr().map_err(LinkError::Socket)?;
        let connection = recorder.connect(local, address, SystemTime::now());
        Ok(Self {
            stream,
            connection,
            limits,
            splitter: Splitter::new(limits.message),
            buffer: vec![0; READ],
            received: 0,
            ended: false,
        })
    }

    /// Another connection to where this one leads.
    pub(crate) async fn another(
        &self,
        address: SocketAddr,
        recorder: &mut Recorder,
    ) -> Result<Self, LinkError> {
        Self::connect(address, self.limits, recorder).await
    }

    /// Sends one message in one write.
    pub(crate) async fn send(&mut self, message: &[u8], recorder: &mut Recorder) -> Result<(), LinkError> {
        let framed = nbss::wrap(message)?;
        let deadline = Instant::now() + self.limits.answer;
        let mut rest = framed.as_slice();
        while !rest.is_empty() {
            let written = match timeout_at(deadline, self.stream.write(rest)).await {
                Ok(Ok(written)) => written,
                Ok(Err(error)) => return Err(self.failed(error, recorder).await),
                Err(_) => return Err(LinkError::Timeout(self.limits.answer)),
            };
            // What the kernel took is what crosses the socket, no more.
            let (now, later) = rest.split_at(written.min(rest.len()));
            recorder.data(self.connection, Direction::ToServer, now, SystemTime::now());
            rest = later;
        }
        Ok(())
    }

    /// When an answer that is awaited from now on must be whole.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.limits.answer
    }

    /// The next whole message of the server.
    pub(crate) async fn receive(
        &mut self,
        deadline: Instant,
        recorder: &mut Recorder,
    ) -> Result<Vec<u8>, LinkError> {
        loop {
            if let Some(framed) = self.splitter.next_message()? {
                return Ok(framed.bytes);
            }
            if self.ended {
                return Err(LinkError::Ended);
            }
            // A socket that always has bytes never lets the timer speak.
            if Instant::now() >= deadline {
                return Err(LinkError::Timeout(self.limits.answer));
            }
            let read = match timeout_at(deadline, self.stream.read(&mut self.buffer)).await {
                Ok(Ok(read)) => read,
                Ok(Err(error)) => return Err(self.failed(error, recorder).await),
                Err(_) => return Err(LinkError::Timeout(self.limits.answer)),
            };
            if read == 0 {
                self.end(End::Fin, recorder);
                continue;
            }
            self.take(read, recorder)?;
        }
    }

    /// Takes what was read into the evidence, and into the messages.
    fn take(&mut self, read: usize, recorder: &mut Recorder) -> Result<(), LinkError> {
        let bytes = &self.buffer[..read.min(self.buffer.len())];
        recorder.data(self.connection, Direction::ToClient, bytes, SystemTime::now());
        self.splitter.push(bytes);
        self.received += read as u64;
        if self.received > self.limits.received {
            return Err(LinkError::TooMuch(self.limits.received));
        }
        Ok(())
    }

    /// Ends the connection from this side, unless the server did.
    pub(crate) async fn close(&mut self, recorder: &mut Recorder) {
        if !self.ended && self.stream.shutdown().await.is_ok() {
            recorder.end(self.connection, Direction::ToServer, End::Fin, SystemTime::now());
        }
    }

    fn end(&mut self, end: End, recorder: &mut Recorder) {
        if !self.ended {
            self.ended = true;
            recorder.end(self.connection, Direction::ToClient, end, SystemTime::now());
        }
    }

    /// What an error of the socket means. A reset can overtake bytes that came before it: they are lost to us, and the
    /// reset is all there is to record.
    async fn failed(&mut self, error: io::Error, recorder: &mut Recorder) -> LinkError {
        match error.kind() {
            io::ErrorKind::ConnectionReset => {
                self.end(End::Rst, recorder);
                LinkError::Ended
            }
            // The other side is gone; whether by FIN or RST, reading tells.
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                let deadline = self.deadline();
                let end = loop {
                    match timeout_at(deadline, self.stream.read(&mut self.buffer)).await {
                        Ok(Ok(0)) => break End::Fin,
                        // It said something before it went: that belongs into the evidence.
                        Ok(Ok(read)) => match self.take(read, recorder) {
                            Ok(()) => {}
                            Err(error) => return error,
                        },
                        _ => break End::Rst,
                    }
                };
                self.end(end, recorder);
                LinkError::Ended
            }
            _ => LinkError::Socket(error),
        }
    }
}
