//! The wire-level client: speaks SMB1, SMB2 and SMB3 over tokio, one step at a time, and records every byte as it crosses
//! the socket.
//!
//! It behaves as a client with the case's profile does: it signs where that client signs and gives up where that client
//! gives up. What it thinks of the server goes nowhere: the judge works it out again from what was recorded.

mod client;
mod context;
mod discover;
mod link;
mod logon;
mod smb1;
mod smb2;
mod stop;
mod workspace;

use context::Context;
pub use discover::discover;
use evidence::{Recorder, SessionKey, StepRecord};
use link::Link;
use model::PlannedCase;
use model::target::Shares;
use smb::ntlm::Password;
use std::net::SocketAddr;
use std::time::Duration;
pub(crate) use stop::Stop;
pub use workspace::{Denied, Workspace, mount};

/// Where a server is and who may log on to it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its TCP address.
    pub address: SocketAddr,
    /// The test account's name.
    pub user: String,
    /// The test account's domain; may be empty.
    pub domain: String,
    /// The test account's password.
    pub password: Password,
    /// What its shares are called.
    pub shares: Shares,
    /// What it is called in UNC paths; its IP address where nothing is said.
    pub host: Option<String>,
    /// The directory of a share to work in, where it is not the root: a server that is somebody's.
    pub folder: Option<String>,
}

/// Bounds on what a server can make the client wait for or hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the TCP connection.
    pub connect: Duration,
    /// For one whole answer, however its bytes drip in.
    pub answer: Duration,
    /// The longest message that is taken, in bytes.
    pub message: usize,
    /// The most bytes that are taken from the server in one case.
    pub received: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            message: 1 << 20,
            received: 16 << 20,
        }
    }
}

/// What one case left behind.
#[derive(Default)]
pub struct Recording {
    /// Every byte, both ways.
    pub recorder: Recorder,
    /// The session keys.
    pub session_keys: Vec<SessionKey>,
    /// Which step sent which bytes.
    pub steps: Vec<StepRecord>,
    /// Why the case was not carried to its end, where it was not.
    pub problem: Option<String>,
}

/// Runs a case against a server. It never fails: what went wrong is in the recording.
///
/// `seed` makes the client's GUID and the file's name; both are the same for the same seed.
pub async fn run(case: &PlannedCase, endpoint: &Endpoint, limits: Limits, seed: u64) -> Recording {
    let mut recording = Recording {
        recorder: Recorder::default(),
        session_keys: Vec::new(),
        steps: Vec::new(),
        problem: None,
    };
    let link = Link::connect(endpoint.address, limits, &mut recording.recorder).await;
    let result = match link {
        Ok(mut link) => {
            let context = Context::new(case, endpoint, &mut link, seed);
            let result = client::carry_out(context, &mut recording).await;
            link.close(&mut recording.recorder).await;
            result
        }
        Err(error) => Err(Stop::Link(error)),
    };
    recording.problem = result.err().map(|stop| stop.to_string());
    recording
}
