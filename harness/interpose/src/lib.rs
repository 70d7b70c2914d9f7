//! A relay between a client and a real server that applies exactly one named thing, or nothing.
//!
//! With [`Mischief::None`] it passes every byte and records the server's side. An [`Attack`] holds no key and sees only
//! bytes: a client or a server has to notice it. A [`Defect`] knows the test account's password, follows the logon on both
//! sides, and makes a faulty server out of a good one: it changes an answer and signs it again (or wrongly), or repairs
//! what the client broke so that the server accepts it. A [`Repair`] does the same to make one thing right that the server
//! does wrong. What is changed under the preauthentication hash of 3.1.1 gives the two sides different signing keys, so
//! there are two key schedules, and every frame is signed for the side it goes to.
//!
//! What crossed the server's side is leg 1 of the evidence ([`evidence::Recorder::append_leg`]); the client recorded
//! leg 0. Of a client that records nothing, because people run it, leg 0 is recorded here as well ([`Options::near`]).

#![forbid(unsafe_code)]

mod attack;
mod attacks;
mod defects;
mod relay;
mod relayed;
mod repairs;
mod smb1;
mod smb2;

pub use attacks::attacks;
pub use defects::defects;
pub use relay::{Interposer, Leg};
pub use repairs::repairs;

use model::Dialect;
use smb::ntlm::Password;
use smb::ntlm::overheard::Known;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What an interposer works with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server.
    pub upstream: SocketAddr,
    /// The one thing it does.
    pub mischief: Mischief,
    /// The test account. A defect and a repair need it; with anything else it only gives the session keys of what was recorded.
    pub account: Option<Account>,
    /// Whether what crosses the client's side is recorded as well: of a client that records nothing itself.
    pub near: bool,
    /// Bounds on what either side can make it hold or wait for.
    pub limits: Limits,
}

impl Options {
    /// Records what crosses, and changes nothing.
    #[must_use]
    pub fn new(upstream: SocketAddr) -> Self {
        Self { upstream, mischief: Mischief::None, account: None, near: false, limits: Limits::default() }
    }
}

/// The one thing an interposer does.
#[derive(Debug, Clone, Copy)]
pub enum Mischief {
    /// Nothing.
    None,
    /// What somebody on the wire can do who knows no secret.
    Attack(&'static Attack),
    /// What a server does wrong.
    Defect(&'static Defect),
    /// What the server should do and does not.
    Repair(&'static Repair),
}

/// The test account. `Debug` hides the password.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user name.
    pub user: String,
    /// Its domain; may be empty. The key follows from the domain that the client sends.
    pub domain: String,
    /// The password.
    pub password: Password,
}

impl Account {
    /// What its logons can be followed with.
    pub(crate) fn known(&self) -> Known<'_> {
        Known { user: Some(&self.user), password: &self.password }
    }
}

/// Bounds. Whatever either side does, one connection ends within [`Limits::time`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the TCP connection to the server.
    pub connect: Duration,
    /// For one connection, from its first byte to its last.
    pub time: Duration,
    /// For the second side to close once the first did; and for everything to end once [`Interposer::finish`] is called.
    pub close: Duration,
    /// The longest message that is taken, in bytes. With [`Mischief::None`] longer ones pass and are not followed.
    pub message: usize,
    /// The most bytes of both sides and all connections together.
    pub total: u64,
    /// The most connections at once; further ones wait.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            time: Duration::from_secs(120),
            close: Duration::from_secs(2),
            message: 8 << 20,
            total: 256 << 20,
            connections: 64,
        }
    }
}

/// Something an attacker without a key does to the bytes. Client or server has to notice.
pub struct Attack {
    /// Its name, a slug.
    pub id: &'static str,
    /// One sentence: what is done.
    pub title: &'static str,
    /// The sections that have it noticed.
    pub cites: &'static [&'static str],
    /// The rules that are broken for a judge who takes the client's side for the server's.
    pub trips: &'static [&'static str],
    /// The dialects at which there is something to do.
    pub protocols: &'static [Dialect],
    act: attack::Act,
}

/// Something a server does wrong.
pub struct Defect {
    /// Its name, a slug.
    pub id: &'static str,
    /// One sentence: what the server does.
    pub title: &'static str,
    /// The sections that it breaks.
    pub cites: &'static [&'static str],
    /// The rules that are meant to notice it.
    pub trips: &'static [&'static str],
    /// The dialects at which there is something to do.
    pub protocols: &'static [Dialect],
    act: defects::Act,
}

/// Something that the server should do and does not, done in its place: with it, a rule that the server breaks can be held.
pub struct Repair {
    /// Its name, a slug.
    pub id: &'static str,
    /// One sentence: what the server does then.
    pub title: &'static str,
    /// The sections that want it.
    pub cites: &'static [&'static str],
    /// The rules that hold with it.
    pub holds: &'static [&'static str],
    /// The dialects at which there is something to do.
    pub protocols: &'static [Dialect],
    act: defects::Act,
}

impl fmt::Debug for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attack").field(&self.id).finish()
    }
}

impl fmt::Debug for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Defect").field(&self.id).finish()
    }
}

impl fmt::Debug for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repair").field(&self.id).finish()
    }
}

/// SMB 2.0.2 to 3.1.1.
const SMB2: &[Dialect] = Dialect::SMB2;
/// Where FSCTL_VALIDATE_NEGOTIATE_INFO guards the negotiation ([MS-SMB2] 3.2.5.5).
const VALIDATED: &[Dialect] = &[Dialect::Smb202, Dialect::Smb21, Dialect::Smb30, Dialect::Smb302];
/// Where keys are derived.
const SMB3: &[Dialect] = &[Dialect::Smb30, Dialect::Smb302, Dialect::Smb311];
/// Where there are negotiate contexts and a preauthentication hash.
const SMB311: &[Dialect] = &[Dialect::Smb311];
/// NT LM 0.12.
const SMB1: &[Dialect] = &[Dialect::Nt1];

/// What is to be sent for one message that came.
#[derive(Debug, Default)]
struct Output {
    /// Messages without their framing, in order.
    send: Vec<(smb::follow::Way, Vec<u8>)>,
    /// Whether both connections end then.
    ends: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_registries_are_whole() {
        let slug = |id: &str| {
            id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') && !id.is_empty()
        };
        let mut ids = BTreeSet::new();
        let all = defects().iter().map(|d| (d.id, d.title, d.cites, d.trips, d.protocols));
        for (id, title, cites, trips, protocols) in all
            .chain(attacks().iter().map(|a| (a.id, a.title, a.cites, a.trips, a.protocols)))
            .chain(repairs().iter().map(|r| (r.id, r.title, r.cites, r.holds, r.protocols)))
        {
            assert!(slug(id) && ids.insert(id), "{id}");
            assert!(!title.is_empty() && !title.ends_with('.') && !title.contains('\n'), "{id}");
            assert!(!cites.is_empty() && cites.iter().all(|cite| cite.starts_with("MS-")), "{id}");
            assert!(!trips.is_empty() && trips.iter().all(|rule| rule.contains('/')), "{id}");
            assert!(!protocols.is_empty(), "{id}");
            let smb1 = protocols.contains(&Dialect::Nt1);
            assert!(!smb1 || protocols == SMB1 && id.starts_with("smb1-"), "{id}");
        }
        assert!(defects().len() >= 40);
    }

    #[test]
    fn no_password_is_printed() {
        let account =
            Account { user: "u".to_owned(), domain: String::new(), password: Password::new("hunter2") };
        let options = Options { account: Some(account), ..Options::new(([127, 0, 0, 1], 1).into()) };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
