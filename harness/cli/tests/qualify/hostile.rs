//! Servers that mean ill: none hangs a discovery, and none is taken for a server.

use crate::support::{Bench, ended};
use rstest::rstest;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Serves every connection in a thread of its own.
fn serve(with: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || with(stream.unwrap()));
        }
    });
    address
}

fn silent(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
    std::thread::sleep(Duration::from_secs(60));
}

fn web(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
}

fn closing(stream: TcpStream) {
    drop(stream);
}

fn flooding(mut stream: TcpStream) {
    while stream.write_all(&[0; 65536]).is_ok() {}
}

/// The length of 16 MiB, and bytes one at a time.
fn dripping(mut stream: TcpStream) {
    let _ = stream.write_all(&[0, 0xFF, 0xFF, 0xFF]);
    while stream.write_all(&[0xFE]).is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every request comes back as it was sent.
fn echoing(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}

#[rstest]
#[case(silent)]
#[case(web)]
#[case(closing)]
#[case(flooding)]
#[case(dripping)]
#[case(echoing)]
fn what_is_no_server_of_smb_is_said_to_be_none(#[case] with: fn(TcpStream)) {
    let address = serve(with);
    let bench = Bench::new();
    let args = ["qualify", &address, "--user", "u", "--share", "s", "--timeout", "1", "--out", "r"];
    let start = Instant::now();
    let ended = ended(bench.command(&args).env("COUNTERSIGN_PASSWORD", "p").output().unwrap());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(ended.status, 3, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("is no SMB server"), "{}", ended.stderr);
    assert!(ended.stderr.contains("check the address and the port"), "{}", ended.stderr);
}
