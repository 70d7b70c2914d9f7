//! How much memory servers may use together: what the machine has free, so that a run of many servers starts as many at
//! the same time as fit, and the others after them.

use std::fs;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What part of the free memory is left to everything else: the harness, and the engine's builds.
const LEFT: u64 = 4;
/// Where it is not known what is free.
const UNKNOWN_MIB: u64 = 2048;

/// Memory to be handed out, in MiB.
pub(crate) struct Memory {
    free: Semaphore,
    total: u32,
}

impl Memory {
    /// This much, or three quarters of what is free now, less what others use for the whole run.
    pub(crate) fn new(wanted: Option<u32>, taken: u64) -> Self {
        let free = || fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available);
        let total = wanted.unwrap_or_else(|| {
            let free = free().unwrap_or(UNKNOWN_MIB);
            u32::try_from(free - free / LEFT).unwrap_or(u32::MAX)
        });
        let total = total.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
        // A semaphore has room for more than any machine; its type does not say so.
        let total = total.clamp(1, 1 << 28);
        Self { free: Semaphore::new(total as usize), total }
    }

    /// Waits until there is room for a server of this size. One that is larger than everything there is has it alone.
    pub(crate) async fn take(&self, mib: u64) -> Option<SemaphorePermit<'_>> {
        let wanted = u32::try_from(mib).unwrap_or(u32::MAX).min(self.total);
        // It is never closed.
        self.free.acquire_many(wanted).await.ok()
    }
}

/// MemAvailable of /proc/meminfo (proc_meminfo(5)), in MiB.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn what_is_free_is_what_the_kernel_says() {
        let text = "MemTotal:       24683948 kB\nMemFree:          996404 kB\nMemAvailable:   23688192 kB\n";
        assert_eq!(available(text), Some(23133));
        for bad in ["", "MemAvailable: many kB\n", "MemAvailable: 5 MB\n", "MemFree: 5 kB\n"] {
            assert_eq!(available(bad), None, "{bad}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_is_handed_out_than_there_is_and_everybody_gets_a_turn() {
        let memory = Arc::new(Memory::new(Some(1100), 100));
        let (used, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let all = (0..40).map(|i| {
            let (memory, used, most) = (Arc::clone(&memory), Arc::clone(&used), Arc::clone(&most));
            // Every tenth is larger than everything there is.
            let mib = if i % 10 == 0 { 5000 } else { 300 };
            tokio::spawn(async move {
                let _room = memory.take(mib).await.unwrap();
                let now = used.fetch_add(mib.min(1000), Ordering::SeqCst) + mib.min(1000);
                most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                used.fetch_sub(mib.min(1000), Ordering::SeqCst);
            })
        });
        for task in all.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert!((600..=1000).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    }
}
