//! The server in this process: needs nothing installed and starts in a moment.

use crate::{Account, ready};
use model::target::Shares;
use model::{Dialect, ServerPolicy};
use smb_server::{Access, LocalFsBackend, Share, ShutdownHandle, SmbServer};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What the report says of its version; a test holds it against the lock file.
pub(crate) const VERSION: &str = "0.8.0";
/// How long it may take to answer its first NEGOTIATE.
const READY: Duration = Duration::from_secs(5);
/// How long its connections may take to end before they are cut.
const DRAIN: Duration = Duration::from_secs(1);

/// A running server. It ends when this is dropped.
pub(crate) struct Embedded {
    shutdown: ShutdownHandle,
    serving: JoinHandle<std::io::Result<()>>,
    /// What the shares serve; deleted last.
    _storage: TempDir,
}

impl Embedded {
    pub(crate) async fn start(
        shares: &Shares,
        signing_required: bool,
        account: &Account,
    ) -> Result<(Self, SocketAddr), String> {
        let storage =
            tempfile::Builder::new().prefix("countersign-embedded").tempdir().map_err(|e| e.to_string())?;
        let share = |name: &str, folder: &str| -> std::io::Result<Share> {
            let path = storage.path().join(folder);
            std::fs::create_dir(&path)?;
            Ok(Share::new(name, LocalFsBackend::new(path)?.watch_host_changes(false)))
        };
        let account_share = share(&shares.share, "share").map_err(|e| e.to_string())?;
        let guest_share = share(&shares.guest, "guest").map_err(|e| e.to_string())?;
        let server = SmbServer::builder()
            .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            // Else it is this machine's name, which nobody wants in a report.
            .netbios_name("COUNTERSIGN")
            .user(&account.user, account.password.expose())
            .share(account_share.user(&account.user, Access::ReadWrite))
            .share(guest_share.public())
            .require_signing(signing_required)
            // Cases that log on wrongly are many, and all of one name and address.
            .logon_throttle(0, Duration::from_secs(1))
            .max_connections(usize::from(u16::MAX))
            .build()
            .map_err(|error| error.to_string())?;
        let address = server.bind().await.map_err(|error| error.to_string())?;
        let shutdown = server.shutdown_handle();
        let this = Self { shutdown, serving: tokio::spawn(server.serve()), _storage: storage };
        let dialects: (Dialect, Dialect) = ServerPolicy::default().dialects;
        ready::answers(address, dialects, READY).await?;
        Ok((this, address))
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.shutdown();
        let _ = timeout(DRAIN, &mut self.serving).await;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shutdown.shutdown();
        self.serving.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_in_the_lock_file() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
        let entry = format!("name = \"smb-server\"\nversion = \"{VERSION}\"");
        assert!(lock.contains(&entry));
    }
}
