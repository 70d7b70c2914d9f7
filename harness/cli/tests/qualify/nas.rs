//! A server that is treated as somebody's.

use crate::support::{Bench, Ended, ended};
use lab::{Lab, LabOptions, Server, TargetFiles};
use model::{ServerPolicy, Target};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

pub(crate) const SAMBA: &str = "samba-4.22";

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A running server, with the account of its lab.
pub(crate) struct Nas {
    pub(crate) runtime: Runtime,
    pub(crate) server: Server,
    run: String,
    _lab: Lab,
}

fn folder(target: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containers/servers").join(target)
}

impl Nas {
    /// Brings a target up, set to this.
    pub(crate) fn start(target: &str, policy: &ServerPolicy) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let run = format!("nas-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let (lab, server) = runtime.block_on(async {
            let lab = Lab::new(LabOptions { run_id: run.clone(), published: true }).await;
            let files = TargetFiles::read(&folder(target)).unwrap();
            let text = fs::read_to_string(folder(target).join("target.toml")).unwrap();
            let known = Target::parse(target, &text, "").unwrap();
            let prepared = lab.prepare(&known, &files, &|_| {}).await.unwrap();
            let effective = lab.effective(&known, &files, policy).unwrap();
            let server = lab.start(&prepared, &effective).await.unwrap();
            (lab, server)
        });
        Self { runtime, server, run, _lab: lab }
    }

    pub(crate) fn samba() -> Self {
        Self::start(SAMBA, &ServerPolicy::default())
    }

    pub(crate) fn address(&self) -> String {
        self.server.address.to_string()
    }

    pub(crate) fn password(&self) -> &str {
        self.server.account.password.expose()
    }

    /// The command with its account and share, and these arguments.
    pub(crate) fn command(&self, bench: &Bench, args: &[&str]) -> Command {
        let address = self.address();
        let account = ["qualify", &address, "--user", &self.server.account.user, "--share", "share"];
        let mut command = bench.command(&[&account[..], args].concat());
        command.env("COUNTERSIGN_PASSWORD", self.password());
        command
    }

    pub(crate) fn qualify(&self, bench: &Bench, args: &[&str]) -> Ended {
        ended(self.command(bench, args).output().unwrap())
    }

    /// Runs a shell command in its container.
    pub(crate) fn shell(&self, script: &str) -> String {
        let docker = |args: &[&str]| {
            let output = Command::new("docker").args(args).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let id = docker(&["ps", "-q", "--filter", &format!("label=countersign.run={}", self.run)]);
        docker(&["exec", id.trim(), "sh", "-c", script])
    }

    /// What is in its share.
    pub(crate) fn listing(&self) -> String {
        self.shell("ls -A /srv/1/share")
    }

    /// An address of another family that leads to it.
    pub(crate) fn relay(&self, listen: &str) -> SocketAddr {
        let to = self.server.address;
        let listener = self.runtime.block_on(TcpListener::bind(listen)).unwrap();
        let address = listener.local_addr().unwrap();
        self.runtime.spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(to).await else { return };
                    near.set_nodelay(true).unwrap();
                    far.set_nodelay(true).unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        address
    }
}

/// Every file of a folder, with those of the folders in it.
pub(crate) fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// A target file with what is known of a target of this repository, under its name.
pub(crate) fn target_file(bench: &Bench, target: &str) -> String {
    let known = fs::read_to_string(folder(target).join("expectations.toml")).unwrap();
    fs::write(bench.path("nas.toml"), format!("id = \"{target}\"\n{known}")).unwrap();
    "nas.toml".to_owned()
}
