//! With nothing switched on, every byte passes, and what crossed the server's side is recorded with its keys.
#![cfg(test)]

mod support;

use countersign_interpose::{Interposer, Limits, Mischief, Options};
use evidence::{Direction, Evidence, Sidecar};
use model::{Algorithm, Dialect};
use rstest::rstest;
use smb::auth::Wrapping;
use smb::follow::Signature;
use std::time::Duration;
use support::client::{PATTERN, Plan, drive};
use support::own::Own;
use support::seen::{Seen, is_right, keep, run};
use support::{Embedded, options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Everything came to its end, and both sides saw the same bytes.
fn passed(seen: &Seen) {
    assert_eq!(seen.problem, None);
    assert!(seen.driven.finished, "{:?}", seen.driven.statuses);
    assert_eq!(seen.driven.read.as_deref(), Some(PATTERN));
    assert_eq!(seen.bytes[0], seen.bytes[1]);
    assert!(is_right(&seen.client) && is_right(&seen.server));
    let signed = seen.server.messages.iter().filter(|m| matches!(m.signature, Signature::Valid(_))).count();
    assert!(signed >= 20, "{signed} signed messages");
    assert_eq!(seen.applied, 0);
}

fn uncompounded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[20..24].fill(0);
    bytes
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_session_passes(
    #[values(Dialect::Smb202, Dialect::Smb21, Dialect::Smb30, Dialect::Smb302, Dialect::Smb311)]
    dialect: Dialect,
    #[values(Wrapping::Spnego, Wrapping::Raw)] wrapping: Wrapping,
    #[values(true, false)] key_exchange: bool,
) {
    let server = Embedded::start(true).await;
    let plan = Plan { wrapping, key_exchange, ..Plan::new(dialect, true) };
    let seen = run(server.address, Mischief::None, &plan).await;
    passed(&seen);
    let kept = [Dialect::Smb21, Dialect::Smb30, Dialect::Smb311].contains(&dialect);
    if kept && (wrapping, key_exchange) == (Wrapping::Spnego, true) {
        // Of a compound each element by itself, which is all that the tests with it need.
        keep(dialect.word(), seen.server.messages.iter().map(|m| (m.way, uncompounded(&m.bytes))));
    }
}

/// The hash begins with the SMB2 NEGOTIATE, on both sides ([MS-SMB2] 3.2.5.2, 3.3.5.3.1).
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_negotiation_that_begins_with_smb1_passes(
    #[values(Dialect::Smb21, Dialect::Smb311)] dialect: Dialect,
) {
    let server = Embedded::start(true).await;
    let plan = Plan { multi_protocol: true, ..Plan::new(dialect, true) };
    passed(&run(server.address, Mischief::None, &plan).await);
    passed(&run(server.address, Mischief::Defect(support::defect("ignores-bad-signature")), &plan).await);
    let mischief = Mischief::Defect(support::defect("negotiate-sets-required"));
    let free = Embedded::start(false).await;
    let seen = run(free.address, mischief, &Plan { requires: false, ..plan }).await;
    assert!(seen.applied > 0 && seen.driven.finished, "{:?}", seen.driven.statuses);
    assert!(is_right(&seen.client) && is_right(&seen.server));
}

#[tokio::test(flavor = "multi_thread")]
async fn gmac_passes() {
    let server = Own::start(Algorithm::Aes128Gmac).await;
    let mut plan =
        Plan { algorithms: Some(vec![2]), wrapping: Wrapping::Raw, ..Plan::new(Dialect::Smb311, true) };
    plan.tells = Some(server.key.clone());
    passed(&run(server.address, Mischief::None, &plan).await);
}

/// A defect that finds nothing to do takes every message apart, signs it again, and gives the bytes that came.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_again_is_what_came(
    #[values(Dialect::Smb202, Dialect::Smb21, Dialect::Smb30, Dialect::Smb302, Dialect::Smb311)]
    dialect: Dialect,
) {
    let server = Embedded::start(true).await;
    for id in ["ignores-bad-signature", "signs-though-nobody-asked"] {
        passed(&run(server.address, Mischief::Defect(support::defect(id)), &Plan::new(dialect, true)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_gives_no_key_and_passes() {
    let server = Embedded::start(true).await;
    let plan = Plan { password: "another", ..Plan::new(Dialect::Smb311, true) };
    let interposer = Interposer::start(options(server.address, Mischief::None)).await.unwrap();
    let driven = drive(interposer.address, &plan).await;
    assert!(!driven.finished);
    let leg = interposer.finish().await;
    assert!(leg.session_keys.is_empty() && leg.problem.is_none(), "{:?}", leg.problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_needs_the_account() {
    let mischief = Mischief::Defect(support::defect("response-unsigned"));
    let options = Options { mischief, ..Options::new(([127, 0, 0, 1], 9).into()) };
    assert!(Interposer::start(options).await.is_err());
}

/// Bytes that are no SMB pass both ways as they come, also the half of a message.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_is_passes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let interposer = Interposer::start(options(upstream, Mischief::None)).await.unwrap();
    let mut client = TcpStream::connect(interposer.address).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"\0\0\x10\0half a message").await.unwrap();
    let mut got = [0; 18];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"\0\0\x10\0half a message");
    server.write_all(b"HTTP/1.1 200 OK").await.unwrap();
    let mut got = [0; 15];
    client.read_exact(&mut got).await.unwrap();
    // What the client ends, the server sees end; it may still say something.
    client.shutdown().await.unwrap();
    assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0);
    server.write_all(b"bye").await.unwrap();
    server.shutdown().await.unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"bye");
    let leg = interposer.finish().await;
    assert_eq!(leg.problem, None);
    assert_eq!(leg.recorder.sent(0, Direction::ToServer), 18);
    assert_eq!(leg.recorder.sent(0, Direction::ToClient), 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_the_server_closes_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let interposer =
        Interposer::start(options(listener.local_addr().unwrap(), Mischief::None)).await.unwrap();
    let mut client = TcpStream::connect(interposer.address).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    let ended = timeout(Duration::from_secs(5), client.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)));
    drop(client);
    let leg = interposer.finish().await;
    let folder = tempfile::TempDir::new().unwrap();
    let pcapng = folder.path().join("case.pcapng");
    let _ = leg.recorder.write(&pcapng, &Sidecar::new(support::seen::case(), "127.0.0.1:445"));
    let evidence = Evidence::read(&pcapng).unwrap();
    assert_eq!(evidence.connections[0].ends[0].end, evidence::End::Rst);
    assert_eq!(evidence.connections[0].ends[0].direction, Direction::ToClient);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    drop(listener);
    let interposer = Interposer::start(options(upstream, Mischief::None)).await.unwrap();
    let mut client = TcpStream::connect(interposer.address).await.unwrap();
    assert!(matches!(client.read(&mut [0; 8]).await, Ok(0) | Err(_)));
    let leg = interposer.finish().await;
    assert!(leg.problem.unwrap().contains("failed to connect"));
}

/// Nobody makes it hold more, or wait longer, than it was told.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_bounded() {
    for (limits, sent, expected) in [
        (Limits { total: 1000, ..Limits::default() }, vec![0; 2000], "more than 1000 bytes"),
        (
            Limits { time: Duration::from_millis(100), ..Limits::default() },
            b"\0\0\x01\0".to_vec(),
            "not over within",
        ),
        (Limits { message: 1000, ..Limits::default() }, b"\0\0\x10\0".to_vec(), "the limit is 1000"),
        (Limits::default(), b"\x42\0\0\0".to_vec(), "neither message nor keepalive"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let mischief = Mischief::Attack(support::attack("strip-required"));
        let options = Options { limits, mischief, ..Options::new(upstream) };
        let interposer = Interposer::start(options).await.unwrap();
        let mut client = TcpStream::connect(interposer.address).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(&sent).await.unwrap();
        let ended = timeout(Duration::from_secs(5), async {
            let _ = client.read_to_end(&mut Vec::new()).await;
            let _ = server.read_to_end(&mut Vec::new()).await;
        });
        ended.await.unwrap();
        let leg = interposer.finish().await;
        assert!(leg.problem.as_ref().is_some_and(|problem| problem.contains(expected)), "{:?}", leg.problem);
    }
}

/// Clients that talk and do not listen, on both sides at once, fill no memory and end.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let limits = Limits { time: Duration::from_millis(500), ..Limits::default() };
    let interposer = Interposer::start(Options { limits, ..Options::new(upstream) }).await.unwrap();
    let mut client = TcpStream::connect(interposer.address).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    let talk = vec![0x55; 64 << 20];
    let both = async { tokio::join!(client.write_all(&talk), server.write_all(&talk)) };
    let (client_done, server_done) = timeout(Duration::from_secs(10), both).await.unwrap();
    assert!(client_done.is_err() && server_done.is_err());
    let leg = interposer.finish().await;
    assert!(leg.recorder.sent(0, Direction::ToClient) < 16 << 20);
    assert!(leg.problem.is_some());
}
