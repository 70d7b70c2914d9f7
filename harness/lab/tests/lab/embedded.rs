//! The server in this process. Needs smbclient, and no engine.

use crate::common::{Login, lab_without_engine, security_mode, smbclient, target};
use model::{GuestMapping, ServerPolicy, Signing};
use smb::wire::SecurityMode;
use std::net::TcpStream;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_what_its_policy_says() {
    let lab = lab_without_engine("embedded").await;
    let (target, files) = target("embedded");
    let prepared =
        lab.prepare(&target, &files, &|line| panic!("there is nothing to do, not `{line}`")).await.unwrap();
    for signing in [Signing::Required, Signing::NotRequired] {
        let policy = ServerPolicy { signing, ..ServerPolicy::default() };
        let begin = Instant::now();
        let server = lab.start(&prepared, &lab.effective(&target, &files, &policy).unwrap()).await.unwrap();
        eprintln!("ready in {:?}", begin.elapsed());
        assert!(server.address.ip().is_loopback());
        assert_eq!(server.image, None);
        let required = security_mode(server.address).contains(SecurityMode::SIGNING_REQUIRED);
        assert_eq!(required, signing == Signing::Required);

        let account = &server.account;
        for (share, login, expected) in [
            (&target.shares.share, Login::User(account), true),
            (&target.shares.guest, Login::User(account), true),
            (&target.shares.share, Login::WrongPassword(account), false),
            (&target.shares.share, Login::Anonymous, false),
            (&target.shares.guest, Login::Unknown, false),
            (&target.shares.guest, Login::Anonymous, true),
        ] {
            let (worked, said) = smbclient(&server, share, &login, &["-m", "SMB3_11"]).await;
            assert_eq!(worked, expected, "{share} under {signing}: {said}");
        }
        let address = server.address;
        server.stop().await;
        assert!(TcpStream::connect(address).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_start_at_once() {
    let lab = lab_without_engine("hundred").await;
    let (target, files) = target("embedded");
    let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
    let effective = lab.effective(&target, &files, &ServerPolicy::default()).unwrap();
    let begin = Instant::now();
    let servers = futures_util::future::join_all((0..100).map(|_| lab.start(&prepared, &effective))).await;
    eprintln!("100 ready in {:?}", begin.elapsed());
    assert!(servers.iter().all(Result::is_ok));
}

#[tokio::test]
async fn what_it_cannot_do_is_said() {
    let lab = lab_without_engine("cannot").await;
    let (target, files) = target("embedded");
    let policy = ServerPolicy { guest: GuestMapping::BadUser, ..ServerPolicy::default() };
    let message = lab.effective(&target, &files, &policy).unwrap_err().to_string();
    assert!(
        message.starts_with("set embedded to this policy: ") && message.contains("bad-user"),
        "{message}"
    );
}
