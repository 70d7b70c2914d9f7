//! The sockets: accepts clients, opens the server's side for each, and moves bytes both ways.

mod listen;
mod pump;

use crate::attack::Hand;
use crate::defects::Faulty;
use crate::{Mischief, Options, Output};
use evidence::{Direction, End, Recorder, SessionKey};
use listen::Listener;
use smb::follow::Way;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// A running interposer. Dropped, it ends at once; [`Interposer::finish`] gives what it recorded.
pub struct Interposer {
    /// Where clients connect to: 127.0.0.1, at a port that the system chose. Where it listens at a path, a stand-in.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<JoinSet<()>>,
}

/// What an interposer leaves behind.
pub struct Leg {
    /// What crossed the server's side, for [`Recorder::append_leg`].
    pub recorder: Recorder,
    /// What crossed the client's side, where [`Options::near`] asked for it: the same connections, in the same order.
    pub near: Recorder,
    /// The keys of its sessions, by the connections of `recorder`, as far as the account gives them.
    pub session_keys: Vec<SessionKey>,
    /// How often the attack or the defect was really done: a case where it is 0 proves nothing.
    pub applied: u64,
    /// Why something was not passed on or not followed. Text for people.
    pub problem: Option<String>,
    /// Whether something was not passed on, so that neither side is to blame for what came then.
    pub broken: bool,
}

impl Interposer {
    /// Starts to listen.
    ///
    /// # Errors
    /// The system gives no port, or the options ask for a defect or a repair without the account that it needs.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::over(Listener::tcp().await?, options)
    }

    /// The same at a socket in the file system, where clients come who have no network.
    ///
    /// # Errors
    /// There is something at the path or it cannot be made, or the options ask for a defect or a repair without the account
    /// that it needs.
    pub fn start_at(path: &Path, options: Options) -> io::Result<Self> {
        Self::over(Listener::unix(path)?, options)
    }

    fn over(listener: Listener, options: Options) -> io::Result<Self> {
        let follows = matches!(options.mischief, Mischief::Defect(_) | Mischief::Repair(_));
        if follows && options.account.is_none() {
            let what = "a defect or a repair needs the test account";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let address = listener.address()?;
        let shared = Arc::new(Shared { options, books: Mutex::default() });
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { address, shared, stop, accepting })
    }

    /// Ends it and gives what crossed the server's side. Connections that are still open have [`Limits::close`] to end
    /// by themselves, and are cut then.
    ///
    /// [`Limits::close`]: crate::Limits::close
    pub async fn finish(self) -> Leg {
        // Where nobody waits any more, the accepting task is gone and there is nothing to stop.
        let _ = self.stop.send(());
        if let Ok(mut connections) = self.accepting.await {
            let ended = async {
                while let Some(ended) = connections.join_next().await {
                    self.shared.panicked(ended.is_err());
                }
            };
            if timeout(self.shared.options.limits.close, ended).await.is_err() {
                connections.shutdown().await;
            }
        }
        let books = std::mem::take(&mut *self.shared.books());
        let Books { recorder, near, session_keys, applied, problem, broken, .. } = books;
        Leg { recorder, near, session_keys, applied, problem, broken }
    }
}

/// Serves clients until it is told to stop, and gives back those that are left.
async fn accept(
    mut listener: Listener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return connections,
            ended = connections.join_next(), if !connections.is_empty() => {
                shared.panicked(matches!(ended, Some(Err(_))));
            }
            accepted = listener.accept(), if connections.len() < shared.options.limits.connections => {
                match accepted {
                    Ok((stream, peer)) => {
                        connections.spawn(pump::relay(stream, peer, Arc::clone(&shared)));
                    }
                    Err(error) => shared.problem(format!("failed to accept a connection: {error}")),
                }
            }
        }
    }
}

/// What all connections share.
struct Shared {
    options: Options,
    books: Mutex<Books>,
}

/// What is recorded.
#[derive(Default)]
struct Books {
    recorder: Recorder,
    near: Recorder,
    session_keys: Vec<SessionKey>,
    applied: u64,
    problem: Option<String>,
    broken: bool,
    /// Bytes of both sides so far.
    total: u64,
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing that holds it panics, and what is in it holds after any statement.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the server was not to be had for the client at `peer`.
    fn unreachable(&self, peer: SocketAddr, error: &io::Error) {
        let (upstream, now) = (self.options.upstream, SystemTime::now());
        // It was there, and was gone before anybody looked.
        let reset = error.kind() == io::ErrorKind::ConnectionReset;
        if reset || error.kind() == io::ErrorKind::ConnectionRefused {
            let mut books = self.books();
            let connection = books.recorder.connect_for(peer, None, upstream, !reset, now);
            if self.options.near {
                // The client was let in here, and is sent away at once.
                let near = books.near.connect(peer, upstream, now);
                books.near.end(near, Direction::ToClient, End::Fin, now);
            }
            if self.options.near {
                // Whoever is driven here has met the harness, not a server.
                books.broken = true;
                books
                    .problem
                    .get_or_insert_with(|| format!("the server's port refused the connection: {error}"));
            }
            if reset {
                return books.recorder.end(connection, Direction::ToClient, End::Rst, now);
            }
        }
        self.problem(format!("failed to connect to {upstream}: {error}"));
    }

    /// Nothing that either side sends may do that; if it does, it must not look like a quiet connection.
    fn panicked(&self, panicked: bool) {
        if panicked {
            self.problem("a connection ended in a panic: a defect of the harness, please report it");
        }
    }

    /// Keeps the first problem: what comes after it most often comes of it.
    fn problem(&self, what: impl Into<String>) {
        let mut books = self.books();
        books.broken = true;
        books.problem.get_or_insert_with(|| what.into());
    }
}

/// What looks at the messages of one connection.
enum Engine {
    /// Nobody: bytes pass.
    None,
    /// Bytes pass, and somebody follows them for the session keys.
    Watching(Box<Faulty>),
    /// An attack; and somebody who follows the server's side for the session keys, and tells the attacker nothing.
    Attacking(Box<Hand>, Option<Box<Faulty>>),
    /// A defect or a repair.
    Faulty(Box<Faulty>),
}

impl Engine {
    fn new(options: &Options) -> Self {
        match (options.mischief, &options.account) {
            (Mischief::None, None) => Self::None,
            (Mischief::None, Some(account)) => Self::Watching(Box::new(Faulty::new(account, None))),
            (Mischief::Attack(attack), account) => {
                let watching = account.as_ref().map(|account| Box::new(Faulty::new(account, None)));
                Self::Attacking(Box::new(Hand::new(attack)), watching)
            }
            (Mischief::Defect(defect), Some(account)) => {
                Self::Faulty(Box::new(Faulty::new(account, Some(defect.act))))
            }
            (Mischief::Repair(repair), Some(account)) => {
                Self::Faulty(Box::new(Faulty::new(account, Some(repair.act))))
            }
            (Mischief::Defect(_) | Mischief::Repair(_), None) => Self::None,
        }
    }

    /// Whether bytes pass as they come, without waiting for the end of a message.
    const fn passes(&self) -> bool {
        matches!(self, Self::None | Self::Watching(_))
    }

    fn message(&mut self, way: Way, bytes: Vec<u8>) -> Output {
        match self {
            Self::None => Output { send: vec![(way, bytes)], ends: false },
            Self::Attacking(hand, None) => hand.message(way, bytes),
            Self::Attacking(hand, Some(watching)) => {
                if way == Way::ToClient {
                    watching.message(way, bytes.clone());
                }
                let output = hand.message(way, bytes);
                for (way, bytes) in output.send.iter().filter(|(way, _)| *way == Way::ToServer) {
                    watching.message(*way, bytes.clone());
                }
                output
            }
            Self::Watching(faulty) | Self::Faulty(faulty) => faulty.message(way, bytes),
        }
    }

    /// Enters what it did and learned since the last time.
    fn enter(&mut self, books: &mut Books, connection: u32) {
        let learned = match self {
            Self::None => return,
            Self::Attacking(hand, watching) => {
                books.applied += std::mem::take(&mut hand.applied);
                watching.as_mut().map(|watching| watching.take_learned()).unwrap_or_default()
            }
            Self::Watching(faulty) | Self::Faulty(faulty) => faulty.take_learned(),
        };
        books.applied += learned.applied;
        for (session_id, key) in learned.keys {
            books.session_keys.push(SessionKey { connection, session_id, key });
        }
        if let Some(problem) = learned.problem {
            books.problem.get_or_insert(problem);
        }
    }
}
