//! Servers of the worst kind, and a proxy that turns a good server into one.

use model::{Algorithm, NtStatus};
use smb::nbss::{self, Splitter};
use smb::wire::{
    self, Body, Capabilities, Command, ContextData, DialectRevision, Flags, Header, NegotiateContext,
    NegotiateRequest, NegotiateResponse, PreauthIntegrity, SecurityMode, SigningCapabilities,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A listening server; gone when dropped.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves every connection with `serve`.
pub(crate) async fn listen<F, S>(serve: S) -> Listening
where
    S: Fn(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(Peer { stream, splitter: Splitter::new(1 << 20) }));
        }
    });
    Listening { address, serving }
}

/// The client at the other end.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    splitter: Splitter,
}

impl Peer {
    /// The next message, or none where the client is gone.
    pub(crate) async fn message(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            match self.splitter.next_message() {
                Ok(Some(framed)) => return Some(framed.bytes),
                Ok(None) => {}
                Err(_) => return None,
            }
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.splitter.push(&buffer[..read]),
            }
        }
    }

    /// Sends bytes as they are; whether the client is still there.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Sends a message in its frame.
    pub(crate) async fn send(&mut self, message: &[u8]) -> bool {
        self.raw(&nbss::wrap(message).unwrap()).await
    }

    /// Waits, saying nothing, until the client goes.
    pub(crate) async fn hold(mut self) {
        while self.message().await.is_some() {}
    }

    /// Drops the connection with a RST.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// The header that answers `request` with `status`.
pub(crate) fn answering(request: &[u8], status: NtStatus) -> Header {
    let asked = Header::parse(request).unwrap();
    Header {
        status,
        credits: 32,
        flags: Flags::SERVER_TO_REDIR,
        signature: [0; 16],
        next_command: 0,
        ..asked
    }
}

/// An answer with a body of these bytes.
pub(crate) fn answer(request: &[u8], status: NtStatus, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    answering(request, status).write(&mut message);
    message.extend_from_slice(body);
    message
}

/// An answer to NEGOTIATE that a client takes: its first dialect and the first algorithm that exists.
pub(crate) fn negotiated(request: &[u8]) -> Vec<u8> {
    let asked = NegotiateRequest::parse(request).unwrap();
    let dialect = asked.dialects[0];
    let mut contexts = Vec::new();
    if dialect == DialectRevision::SMB_3_1_1 {
        let preauth = PreauthIntegrity { hash_algorithms: vec![1], salt: vec![0x5a; 32] };
        contexts.push(NegotiateContext::of(&preauth).unwrap());
        let offered = asked.negotiate_contexts.iter().find(|c| c.context_type == SigningCapabilities::TYPE);
        if let Some(offered) = offered {
            let offered = SigningCapabilities::parse(&offered.data).unwrap().algorithms;
            let first = offered.into_iter().find(|id| Algorithm::from_smb2_id(*id).is_some()).unwrap_or(1);
            contexts.push(NegotiateContext::of(&SigningCapabilities { algorithms: vec![first] }).unwrap());
        }
    }
    let body = NegotiateResponse {
        security_mode: SecurityMode::SIGNING_ENABLED,
        dialect_revision: dialect,
        server_guid: [7; 16],
        capabilities: Capabilities(0),
        max_transact_size: 65536,
        max_read_size: 65536,
        max_write_size: 65536,
        negotiate_contexts: contexts,
        ..NegotiateResponse::default()
    };
    wire::message(&answering(request, NtStatus::SUCCESS), &body).unwrap()
}

/// The command of a request.
pub(crate) fn command(request: &[u8]) -> Command {
    Header::parse(request).unwrap().command
}

/// What a proxy does with one message of the server.
pub(crate) enum Pass {
    /// These bytes go to the client, framing included.
    On(Vec<u8>),
    /// These bytes go to the client, and then the connection ends.
    Last(Vec<u8>, Ending),
    /// These bytes go to the client again and again.
    Forever(Vec<u8>),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Fin,
    Rst,
}

/// A proxy in front of the server at `upstream`, which gives every framed message of the server, with its number from
/// 0, to `filter`.
pub(crate) async fn proxy<S>(upstream: SocketAddr, filter: S) -> Listening
where
    S: FnMut(usize, Vec<u8>) -> Pass + Send + 'static,
{
    let filter = Arc::new(Mutex::new(filter));
    listen(move |peer| {
        let filter = Arc::clone(&filter);
        async move {
            let server = TcpStream::connect(upstream).await.unwrap();
            server.set_nodelay(true).unwrap();
            let (mut from_server, mut to_server) = server.into_split();
            let (mut from_client, mut to_client) = peer.stream.into_split();
            let requests = tokio::spawn(async move {
                let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                from_client
            });
            let (mut splitter, mut buffer) = (Splitter::new(1 << 20), vec![0; 65536]);
            let mut number = 0;
            let ending = 'all: loop {
                let read = from_server.read(&mut buffer).await.unwrap_or(0);
                if read == 0 {
                    break Ending::Fin;
                }
                splitter.push(&buffer[..read]);
                while let Some(framed) = splitter.next_message().unwrap() {
                    let pass = (filter.lock().unwrap())(number, nbss::wrap(&framed.bytes).unwrap());
                    number += 1;
                    let (bytes, ending, again) = match pass {
                        Pass::On(bytes) => (bytes, None, false),
                        Pass::Last(bytes, ending) => (bytes, Some(ending), false),
                        Pass::Forever(bytes) => (bytes, None, true),
                    };
                    loop {
                        if to_client.write_all(&bytes).await.is_err() {
                            break 'all Ending::Fin;
                        }
                        if !again {
                            break;
                        }
                    }
                    if let Some(ending) = ending {
                        break 'all ending;
                    }
                }
            };
            // Aborted or not, the reading half is dropped with its task; a RST needs the whole socket.
            requests.abort();
            let _ = requests.await;
            if ending == Ending::Rst {
                to_client.as_ref().set_zero_linger().unwrap();
                to_client.forget();
            }
        }
    })
    .await
}
