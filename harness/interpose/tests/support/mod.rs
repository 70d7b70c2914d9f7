//! What the tests share: an account, a server in this process, a small client, and both sides of what crossed.
#![allow(dead_code, reason = "every test uses its own part of this")]

pub(crate) mod client;
pub(crate) mod own;
pub(crate) mod seen;
pub(crate) mod smb1;

use countersign_interpose::{Account, Attack, Defect, Limits, Mischief, Options, attacks, defects};
use smb_server::{Access, LocalFsBackend, Share, ShutdownHandle, SmbServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const USER: &str = "tester";
pub(crate) const PASSWORD: &str = "of no account";
pub(crate) const SHARE: &str = "share";

pub(crate) fn account() -> Account {
    Account { user: USER.to_owned(), domain: "WORKGROUP".to_owned(), password: PASSWORD.into() }
}

pub(crate) fn defect(id: &str) -> &'static Defect {
    defects().iter().find(|defect| defect.id == id).unwrap_or_else(|| panic!("no defect {id}"))
}

pub(crate) fn attack(id: &str) -> &'static Attack {
    attacks().iter().find(|attack| attack.id == id).unwrap_or_else(|| panic!("no attack {id}"))
}

pub(crate) fn options(upstream: SocketAddr, mischief: Mischief) -> Options {
    let limits = Limits { time: Duration::from_secs(20), ..Limits::default() };
    Options { mischief, account: Some(account()), limits, ..Options::new(upstream) }
}

/// A real server in this process; gone when dropped.
pub(crate) struct Embedded {
    pub(crate) address: SocketAddr,
    shutdown: ShutdownHandle,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    _storage: TempDir,
}

impl Embedded {
    pub(crate) async fn start(signing_required: bool) -> Self {
        let storage = TempDir::new().unwrap();
        let share = Share::new(SHARE, LocalFsBackend::new(storage.path()).unwrap().watch_host_changes(false));
        let server = SmbServer::builder()
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .netbios_name("COUNTERSIGN")
            .user(USER, PASSWORD)
            .share(share.user(USER, Access::ReadWrite))
            .require_signing(signing_required)
            .logon_throttle(0, Duration::from_secs(1))
            .build()
            .unwrap();
        let address = server.bind().await.unwrap();
        let shutdown = server.shutdown_handle();
        Self { address, shutdown, serving: tokio::spawn(server.serve()), _storage: storage }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shutdown.shutdown();
        self.serving.abort();
    }
}
