//! A server in containers, under several policies at once. Needs a Docker engine and smbclient.

use crate::common::{
    Login, TARGET, containers, containers_of, docker, lab, run_id, security_mode, smbclient, target,
};
use countersign_lab::{Lab, LabOptions, owner};
use futures_util::StreamExt;
use futures_util::future::join_all;
use model::{Algorithm, Dialect, Encryption, GuestMapping, ServerPolicy, Signing};
use smb::wire::SecurityMode;
use std::collections::BTreeSet;
use std::time::Instant;
use testcontainers::bollard::exec::{CreateExecOptions, StartExecResults};

fn policies() -> Vec<ServerPolicy> {
    let mut all = Vec::new();
    for signing in [Signing::Required, Signing::NotRequired] {
        for &guest in GuestMapping::ALL {
            all.push(ServerPolicy { signing, guest, ..ServerPolicy::default() });
        }
    }
    all
}

/// Runs a command in a container; what it printed.
async fn exec(container: &str, command: &[&str]) -> String {
    let docker = docker().await;
    let options = CreateExecOptions {
        cmd: Some(command.iter().map(ToString::to_string).collect()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let exec = docker.create_exec(container, options).await.unwrap();
    let StartExecResults::Attached { mut output, .. } = docker.start_exec(&exec.id, None).await.unwrap()
    else {
        panic!("not attached");
    };
    let mut said = String::new();
    while let Some(Ok(part)) = output.next().await {
        said.push_str(&part.to_string());
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn several_policies_at_once() {
    const NAME: &str = "policies";
    let lab = lab(NAME).await;
    let (target, files) = target(TARGET);
    let begin = Instant::now();
    let prepared =
        lab.prepare(&target, &files, &|line| eprintln!("{:6.2?} {line}", begin.elapsed())).await.unwrap();
    eprintln!("prepared in {:?}: {:?} {:?}", begin.elapsed(), prepared.version(), prepared.image());

    let begin = Instant::now();
    let again =
        lab.prepare(&target, &files, &|line| panic!("the second time is warm, not `{line}`")).await.unwrap();
    eprintln!("prepared again in {:?}", begin.elapsed());
    assert_eq!(again.image(), prepared.image());

    let policies = policies();
    let effective: Vec<_> = policies.iter().map(|p| lab.effective(&target, &files, p).unwrap()).collect();
    assert_eq!(effective.iter().collect::<BTreeSet<_>>().len(), policies.len());
    let begin = Instant::now();
    let together: Vec<_> = effective.iter().collect();
    let servers = lab.start_together(&prepared, &together).await.unwrap();
    let servers: Vec<_> = servers.into_iter().map(Result::unwrap).collect();
    eprintln!("{} servers ready in {:?}", servers.len(), begin.elapsed());

    for (server, policy) in servers.iter().zip(&policies) {
        let required = security_mode(server.address).contains(SecurityMode::SIGNING_REQUIRED);
        assert_eq!(required, policy.signing == Signing::Required, "{policy:?}");
        let version = server.version.as_deref().unwrap();
        assert!(version.starts_with("4.22.") && version.contains("(2:4.22."), "{version}");
        assert!(server.image.as_deref().unwrap().starts_with("sha256:"));
        let log = server.logs().await;
        assert!(log.contains("smbd version 4.22"), "{log}");
        assert!(!log.contains(server.account.password.expose()));
    }

    let running = containers_of(NAME).await;
    assert_eq!(running.len(), 1);
    for container in &running {
        // The engine is on this machine: nothing has to be published.
        let ports = container.ports.as_deref().unwrap_or_default();
        assert!(ports.iter().all(|port| port.public_port.is_none()), "{ports:?}");
        let labels = container.labels.as_ref().unwrap();
        assert_eq!(labels[owner::OWNER], owner::Owner::this_process().to_string());
        assert_eq!(labels[owner::TARGET], TARGET);
        // The account came as a file, and is nowhere else.
        let id = container.id.as_deref().unwrap();
        let known = docker().await.inspect_container(id, None).await.unwrap();
        assert!(!format!("{known:?}").contains(servers[0].account.password.expose()));
        assert_eq!(exec(id, &["ls", "/countersign"]).await.trim(), "servers");
        for number in 1..=servers.len() {
            let file = if number == 1 { "smb".to_owned() } else { number.to_string() };
            let checked = exec(id, &["testparm", "-s", &format!("/etc/samba/{file}.conf")]).await;
            assert!(checked.contains("Loaded services file OK"), "{checked}");
            // SMB1 without extended security takes an option that Samba would like to see gone.
            let known = "\"raw NTLMv2 auth\" option is deprecated";
            let other: String = checked.lines().filter(|line| !line.contains(known)).collect();
            for complaint in ["Unknown parameter", "Ignoring", "ERROR", "WARNING", "deprecated"] {
                assert!(!other.contains(complaint), "{checked}");
            }
        }
    }
    let many = vec![&effective[0]; 40];
    let error = lab.start_together(&prepared, &many).await.unwrap_err().to_string();
    assert!(error.contains("32 servers and no more"), "{error}");

    lab.down().await;
    assert!(containers_of(NAME).await.is_empty());
    // Down once more, and the servers' own end, find nothing to do.
    lab.down().await;
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_for_this_machine_alone() {
    const NAME: &str = "published";
    let lab = Lab::new(LabOptions { run_id: run_id(NAME), published: true }).await;
    let (target, files) = target(TARGET);
    let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
    let effective =
        policies()[..2].iter().map(|p| lab.effective(&target, &files, p).unwrap()).collect::<Vec<_>>();
    let servers = lab.start_together(&prepared, &effective.iter().collect::<Vec<_>>()).await.unwrap();
    let servers: Vec<_> = servers.into_iter().map(Result::unwrap).collect();
    let running = containers_of(NAME).await;
    let mut published: Vec<_> =
        running.iter().flat_map(|container| container.ports.iter().flatten()).collect();
    published.sort_by_key(|port| port.private_port);
    assert_eq!(published.len(), servers.len(), "{published:?}");
    for (server, port) in servers.iter().zip(&published) {
        assert_eq!(port.ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(port.public_port, Some(server.address.port()));
        assert!(server.address.ip().is_loopback());
        assert!(security_mode(server.address).contains(SecurityMode::SIGNING_REQUIRED));
    }
    lab.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_can_use_the_shares() {
    const NAME: &str = "clients";
    let lab = lab(NAME).await;
    let (target, files) = target(TARGET);
    let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
    let (share, guest) = (target.shares.share.as_str(), target.shares.guest.as_str());
    let check = |policy: ServerPolicy| {
        let (lab, target, files, prepared) = (&lab, &target, &files, &prepared);
        async move {
            let server = lab.start(prepared, &lab.effective(target, files, &policy).unwrap()).await.unwrap();
            let may = async |share: &str, login: Login<'_>, expected: bool| {
                let begin = Instant::now();
                let (worked, said) = smbclient(&server, share, &login, &[]).await;
                eprintln!("smbclient took {:?}", begin.elapsed());
                assert_eq!(worked, expected, "{share} under {policy:?}: {said}");
            };
            let account = &server.account;
            may(share, Login::User(account), true).await;
            may(guest, Login::User(account), true).await;
            may(share, Login::WrongPassword(account), false).await;
            may(share, Login::Unknown, false).await;
            may(guest, Login::Unknown, policy.guest != GuestMapping::Never).await;
            may(guest, Login::WrongPassword(account), policy.guest == GuestMapping::BadPassword).await;
            server.stop().await;
        }
    };
    // A guest session is not signed, and a server that requires signing takes it all the same.
    join_all(policies().into_iter().map(check)).await;

    assert!(containers_of(NAME).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_knob_is_understood() {
    let lab = lab("knobs").await;
    let (target, files) = target(TARGET);
    let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
    let default = ServerPolicy::default;
    let range = |low, high| ServerPolicy { dialects: (low, high), ..default() };
    let cases = [
        (range(Dialect::Nt1, Dialect::Nt1), None),
        (range(Dialect::Smb202, Dialect::Smb21), Some(("SMB2_10", "SMB3"))),
        (range(Dialect::Smb311, Dialect::Smb311), Some(("SMB3_11", "SMB3_02"))),
        (ServerPolicy { algorithms: Some(vec![Algorithm::HmacSha256]), ..default() }, Some(("SMB3_11", ""))),
        (ServerPolicy { encryption: Encryption::Required, ..default() }, Some(("SMB3_11", "SMB2_10"))),
        (ServerPolicy { signing: Signing::Disabled, ..default() }, Some(("SMB3_11", ""))),
    ];
    join_all(cases.iter().map(|(policy, speaks)| {
        let (lab, target, files, prepared) = (&lab, &target, &files, &prepared);
        async move {
            let effective = lab.effective(target, files, policy).unwrap();
            let server = lab.start(prepared, &effective).await;
            let server = server.unwrap_or_else(|error| panic!("{policy:?}: {error}"));
            let Some((yes, no)) = speaks else { return };
            // smbclient's own range: from `client min protocol` to -m.
            for (dialect, expected) in
                [(yes, true), (no, false)].iter().filter(|(dialect, _)| !dialect.is_empty())
            {
                let exactly = format!("--option=client min protocol={dialect}");
                let login = Login::User(&server.account);
                let begin = Instant::now();
                let (worked, said) =
                    smbclient(&server, &target.shares.share, &login, &["-m", dialect, &exactly]).await;
                eprintln!(
                    "smbclient took {:?} to {} under {policy:?}",
                    begin.elapsed(),
                    if *expected { "work" } else { "fail" }
                );
                assert_eq!(worked, *expected, "{dialect} under {policy:?}: {said}");
            }
        }
    }))
    .await;
    lab.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_panic() {
    const NAME: &str = "panic";
    let lab = std::sync::Arc::new(lab(NAME).await);
    let (target, files) = target(TARGET);
    let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
    let effective = lab.effective(&target, &files, &ServerPolicy::default()).unwrap();
    let inner = std::sync::Arc::clone(&lab);
    let case = tokio::spawn(async move {
        let _server = inner.start(&prepared, &effective).await.unwrap();
        assert_eq!(containers_of(NAME).await.len(), 1);
        panic!("as a case might");
    });
    assert!(case.await.unwrap_err().is_panic());
    assert!(containers_of(NAME).await.is_empty());
}

#[test]
fn a_server_may_be_dropped_outside_a_runtime() {
    const NAME: &str = "outside";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let lab = lab(NAME).await;
        let (target, files) = target(TARGET);
        let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
        lab.start(&prepared, &lab.effective(&target, &files, &ServerPolicy::default()).unwrap())
            .await
            .unwrap()
    });
    drop(server);
    let label = format!("{}={}", owner::RUN, run_id(NAME));
    assert!(runtime.block_on(containers(&label)).is_empty());
}
