//! Where clients come: a TCP port of this machine, or a socket in the file system.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// A client's side of a connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) enum Listener {
    Tcp(TcpListener),
    /// With the port that the next client is said to come from: a socket in the file system has none.
    Unix {
        listener: UnixListener,
        next: u16,
        #[expect(dead_code, reason = "the socket goes when this does")]
        path: Removed,
    },
}

/// Takes the socket out of the file system when nobody listens any more.
pub(super) struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // Where it is gone already, that is what was wanted.
        let _ = std::fs::remove_file(&self.0);
    }
}

const FIRST_EPHEMERAL: u16 = 49152;

impl Listener {
    pub(super) async fn tcp() -> io::Result<Self> {
        Ok(Self::Tcp(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?))
    }

    pub(super) fn unix(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        Ok(Self::Unix { listener, next: FIRST_EPHEMERAL, path: Removed(path.to_owned()) })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::Unix { .. } => Ok((Ipv4Addr::LOCALHOST, 0).into()),
        }
    }

    pub(super) async fn accept(&mut self) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Without it every small message waits for a delayed acknowledgement. A socket that cannot has other
                // troubles, which show when it is used.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), peer))
            }
            Self::Unix { listener, next: port, .. } => {
                let (stream, _) = listener.accept().await?;
                let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                *port = port.checked_add(1).unwrap_or(FIRST_EPHEMERAL);
                Ok((Box::new(stream), peer))
            }
        }
    }
}
