//! Who a container belongs to, and whether that process still lives: what a killed run leaves is swept by the next one.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The label with the run's id.
pub const RUN: &str = "countersign.run";
/// The label with the [`Owner`].
pub const OWNER: &str = "countersign.owner";
/// The label with the target's id.
pub const TARGET: &str = "countersign.target";

/// An owner that cannot be looked up from here (another machine, another boot, another user, another pid namespace)
/// counts as dead when its container is this old, in seconds: no run takes a day.
const STRANGERS_LIVE: i64 = 24 * 60 * 60;

/// A process, told from a later one with the same number by when it started, and from one elsewhere by where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The boot, the pid namespace and the user, in which the number means something.
    place: String,
    pid: u32,
    /// Clock ticks from boot to the process's start.
    started: u64,
}

impl Owner {
    /// This process. Where the system has no /proc it cannot be looked up later.
    #[must_use]
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or(Self { place: String::new(), pid, started: 0 })
    }

    /// The process with this number, or `None` where there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let place = place()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the name in parentheses, which may hold anything; proc(5): the third is the state, the
        // twenty-second the start.
        let mut rest = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
        let state = rest.next()?;
        let started = rest.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { place, pid, started })
    }

    /// Whether a container with this owner label, created `age` seconds ago, is left over.
    #[must_use]
    pub fn is_gone(label: &str, age: i64) -> bool {
        match (Self::parse(label), place()) {
            (Some(owner), Some(here)) if owner.place == here => Self::of(owner.pid) != Some(owner),
            _ => age > STRANGERS_LIVE,
        }
    }

    fn parse(label: &str) -> Option<Self> {
        let mut parts = label.rsplitn(3, '/');
        let started = parts.next()?.parse().ok()?;
        let pid = parts.next()?.parse().ok()?;
        Some(Self { place: parts.next()?.to_owned(), pid, started })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.place, self.pid, self.started)
    }
}

fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    let user = fs::metadata("/proc/self").ok()?.uid();
    Some(format!("{}/{}/{user}", boot.trim(), namespace.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_living_owner_is_not_gone_and_a_dead_one_is() {
        let me = Owner::this_process().to_string();
        assert!(!Owner::is_gone(&me, i64::MAX), "{me}");

        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let owner = Owner::of(child.id()).unwrap().to_string();
        assert!(!Owner::is_gone(&owner, 0));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Owner::is_gone(&owner, 0));
    }

    #[test]
    fn a_number_used_again_is_another_process() {
        let me = Owner::this_process();
        let before = Owner { started: me.started - 1, ..me };
        assert!(Owner::is_gone(&before.to_string(), 0));
    }

    #[test]
    fn a_stranger_is_left_alone_for_a_day() {
        let stranger = Owner { place: "elsewhere".to_owned(), ..Owner::this_process() }.to_string();
        for label in [stranger.as_str(), "", "nonsense"] {
            assert!(!Owner::is_gone(label, 60), "{label}");
            assert!(Owner::is_gone(label, 2 * STRANGERS_LIVE), "{label}");
        }
    }
}
