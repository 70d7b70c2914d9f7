//! What the tests stand their clients before: the embedded server, and things between it and them.

use smb_server::{Access, LocalFsBackend, Share, ShutdownHandle, SmbServer};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const USER: &str = "tester";
pub(crate) const PASSWORD: &str = "pa55-Zm9v";

/// Commands.
pub(crate) const SESSION_SETUP: u8 = 1;
pub(crate) const TREE_CONNECT: u8 = 3;
pub(crate) const TREE_DISCONNECT: u8 = 4;
pub(crate) const CREATE: u8 = 5;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shutdown: ShutdownHandle,
    pub(crate) storage: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.shutdown();
    }
}

impl Server {
    /// Shares: `share` for the user to write, `readonly` for the user to read, `guest` for everybody.
    pub(crate) async fn start(signing_required: bool) -> Self {
        let storage = TempDir::new().unwrap();
        let share = |name: &str| {
            let path = storage.path().join(name);
            std::fs::create_dir(&path).unwrap();
            Share::new(name, LocalFsBackend::new(path).unwrap().watch_host_changes(false))
        };
        let server = SmbServer::builder()
            .listen(SocketAddr::from(([127, 0, 0, 1], 0)))
            .netbios_name("COUNTERSIGN")
            .user(USER, PASSWORD)
            .share(share("share").user(USER, Access::ReadWrite))
            .share(share("readonly").user(USER, Access::Read))
            .share(share("guest").public())
            .require_signing(signing_required)
            .logon_throttle(0, Duration::from_secs(1))
            .build()
            .unwrap();
        let address = server.bind().await.unwrap();
        let shutdown = server.shutdown_handle();
        tokio::spawn(server.serve());
        Self { address, shutdown, storage }
    }
}

/// What is done to a message on its way.
pub(crate) type Change = fn(&mut [u8]);
/// Everything that the client sent, message by message.
pub(crate) type Sent = Arc<Mutex<Vec<Vec<u8>>>>;

/// Lets a message alone.
pub(crate) fn alone(_: &mut [u8]) {}

/// Stands before `server` and lets `client_says` and `server_says` at each of their messages.
pub(crate) async fn between(
    server: SocketAddr,
    client_says: Change,
    server_says: Change,
) -> (SocketAddr, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Sent::default();
    let seen = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (from_server, to_server) = TcpStream::connect(server).await.unwrap().into_split();
            let (from_client, to_client) = client.into_split();
            let seen = Arc::clone(&seen);
            tokio::spawn(pass(from_client, to_server, move |m| {
                seen.lock().unwrap().push(m.to_vec());
                client_says(m);
            }));
            tokio::spawn(pass(from_server, to_client, server_says));
        }
    });
    (address, sent)
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut change: impl FnMut(&mut [u8])) {
    while let Ok(mut message) = message(&mut from).await {
        change(&mut message);
        if to.write_all(&framed(&message)).await.is_err() {
            return;
        }
    }
}

async fn message(from: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut message = vec![0; length as usize];
    from.read_exact(&mut message).await?;
    Ok(message)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

/// Answers every message with what `answer` makes of it; nothing where that is empty, and hangs up where it is none.
pub(crate) async fn pretend(answer: fn(&[u8]) -> Option<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.into_split();
                while let Ok(message) = message(&mut from).await {
                    let Some(bytes) = answer(&message) else { return };
                    if to.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// An SMB2 error response to `request`, or to an SMB1 NEGOTIATE, framed.
pub(crate) fn refusal(request: &[u8], status: u32) -> Vec<u8> {
    let mut answer = vec![0; 64 + 9];
    answer[..4].copy_from_slice(b"\xfeSMB");
    answer[4] = 64;
    answer[8..12].copy_from_slice(&status.to_le_bytes());
    answer[14] = 1;
    answer[16] = 1;
    if request.starts_with(b"\xfeSMB") {
        answer[12..14].copy_from_slice(&request[12..14]);
        answer[24..32].copy_from_slice(&request[24..32]);
    }
    answer[64] = 9;
    framed(&answer)
}

/// The command of a signed response; none where it is not signed.
pub(crate) fn signed(message: &[u8]) -> Option<u8> {
    (message.starts_with(b"\xfeSMB") && message.len() >= 64 && message[16] & 8 != 0).then(|| message[12])
}

/// Changes the signature of a signed response to `command`.
pub(crate) fn flip<const COMMAND: u8>(message: &mut [u8]) {
    if signed(message) == Some(COMMAND) {
        message[48] ^= 1;
    }
}

/// Takes the signature off a response to `command`.
pub(crate) fn strip<const COMMAND: u8>(message: &mut [u8]) {
    if signed(message) == Some(COMMAND) {
        message[16] &= !8;
        message[48..64].fill(0);
    }
}

/// Makes a guest's session of the one that was granted, as a server does that maps to guest.
pub(crate) fn as_guest(message: &mut [u8]) {
    if signed(message) == Some(SESSION_SETUP) {
        strip::<SESSION_SETUP>(message);
        message[66] |= 1;
    }
}

/// Asks for FILE_APPEND_DATA beside what a CREATE asks for.
pub(crate) fn append(message: &mut [u8]) {
    if message.starts_with(b"\xfeSMB") && message[12] == CREATE {
        message[88] |= 4;
    }
}

/// What a NEGOTIATE offers: its dialects, its SecurityMode, its signing algorithms.
pub(crate) fn offers(negotiate: &[u8]) -> (Vec<u16>, u16, Vec<u16>) {
    let u16_at = |at: usize| u16::from_le_bytes([negotiate[at], negotiate[at + 1]]);
    let list =
        |at: usize, count: u16| (0..usize::from(count)).map(|i| u16_at(at + 2 * i)).collect::<Vec<_>>();
    let dialects = list(100, u16_at(66));
    let (mut at, mut algorithms) = (usize::from(u16_at(92)), Vec::new());
    for _ in 0..u16_at(96) {
        if u16_at(at) == 8 {
            algorithms = list(at + 10, u16_at(at + 8));
        }
        at = (at + 8 + usize::from(u16_at(at + 2))).next_multiple_of(8);
    }
    (dialects, u16_at(68), algorithms)
}
