//! A server that runs and answers.

use crate::Account;
use crate::container::Container;
use crate::embedded::Embedded;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A server that has answered a NEGOTIATE. Dropping it takes it down too, and blocks the thread meanwhile (0.2 s or so for
/// a container): prefer [`Server::stop`] or [`crate::Lab::down`].
pub struct Server {
    /// Where it is reached: at its container's own address where that is on this machine, and else on 127.0.0.1, where it is
    /// published then.
    pub address: SocketAddr,
    /// The account it has.
    pub account: Account,
    /// Its version, such as `4.22.6 (2:4.22.6+dfsg-0+deb13u1)`.
    pub version: Option<String>,
    /// The image it runs from, `sha256:...`.
    pub image: Option<String>,
    pub(crate) running: Running,
}

pub(crate) enum Running {
    /// It may hold others besides.
    Container(Arc<Container>),
    Embedded(Embedded),
}

impl Server {
    /// The end of its container's log, 8 MiB at most; the account's password is never in it. Empty for the embedded server, which
    /// logs to this process's `tracing`.
    pub async fn logs(&self) -> String {
        match &self.running {
            Running::Container(container) => container.logs().await,
            Running::Embedded(_) => String::new(),
        }
    }

    /// Takes it down, and returns when it is gone. A container goes with the last of its servers.
    pub async fn stop(self) {
        match self.running {
            Running::Container(container) => {
                if let Some(mut container) = Arc::into_inner(container) {
                    container.remove().await;
                }
            }
            Running::Embedded(embedded) => embedded.stop().await,
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("version", &self.version)
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}
