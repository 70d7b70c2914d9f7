//! How many servers run at the same time, and how many start.

use std::fs;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What a machine is taken to have that does not say, in MiB.
const UNKNOWN: u32 = 2048;

/// The memory that servers may use between them, and who may start.
pub(crate) struct Memory {
    total: u32,
    free: Semaphore,
    starts: Semaphore,
}

impl Memory {
    /// Three quarters of what is available now: the rest is for the engine, and for what else runs here.
    pub(crate) fn of_this_machine() -> Self {
        let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
        Self::new(available.map_or(UNKNOWN, |mib| mib / 4 * 3))
    }

    fn new(total: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            total,
            free: Semaphore::new(usize::try_from(total).unwrap_or(Semaphore::MAX_PERMITS)),
            starts: Semaphore::new(2 * cores),
        }
    }

    /// Waits until a server that may use this much, in MiB, can have it; it has it until what is returned is dropped. One
    /// that may use more than there is runs alone.
    pub(crate) async fn take(&self, mib: u64) -> Option<SemaphorePermit<'_>> {
        let mib = u32::try_from(mib).unwrap_or(self.total).min(self.total);
        // The semaphore is never closed.
        self.free.acquire_many(mib).await.ok()
    }

    /// Waits until another server may start; it is starting until what is returned is dropped. Two for each processor: a
    /// start is bounded in time, and must not run out of it because everything starts at once.
    pub(crate) async fn start(&self) -> Option<SemaphorePermit<'_>> {
        self.starts.acquire().await.ok()
    }
}

/// MemAvailable of proc_meminfo(5), in MiB.
fn available(meminfo: &str) -> Option<u32> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    u32::try_from(kib / 1024).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn reads_what_is_available() {
        assert_eq!(available("MemTotal:  9000000 kB\nMemAvailable:    2048000 kB\n"), Some(2000));
        assert_eq!(available("nothing"), None);
    }

    #[tokio::test]
    async fn servers_wait_for_memory() {
        let memory = Memory::new(1000);
        let first = memory.take(512).await;
        assert!(memory.take(512).now_or_never().is_none());
        drop(first);
        let whole = memory.take(5000).await;
        assert!(whole.is_some() && memory.take(1).now_or_never().is_none());
        drop(whole);
        assert!(memory.take(512).now_or_never().is_some());
    }

    #[tokio::test]
    async fn not_everything_starts_at_once() {
        let memory = Memory::new(1000);
        let mut starting = Vec::new();
        while let Some(start) = memory.start().now_or_never() {
            starting.push(start);
        }
        assert!(starting.len() >= 2 && starting.len() % 2 == 0);
        starting.pop();
        assert!(memory.start().now_or_never().is_some());
    }
}
