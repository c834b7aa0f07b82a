//! The cache of a process that is alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::sync;

use crate::Key;
use crate::entry::Entry;

/// What an entry costs beside its bytes: key, bookkeeping of the map and of the eviction order.
const OVERHEAD_BYTES: usize = 200;

pub(crate) struct Memory {
    entries: sync::Cache<Key, Entry>,
    /// Marks that went before their time, because there was no room. What they would have refused
    /// is not known any more, so whoever missed before the last of them puts nothing.
    lost: Arc<AtomicU64>,
}

impl Memory {
    pub fn new(capacity_bytes: u64) -> Self {
        let weigh = |key: &Key, entry: &Entry| {
            let bytes = entry.value.as_ref().map_or(0, Bytes::len);
            u32::try_from(OVERHEAD_BYTES + key.as_str().len() + bytes).unwrap_or(u32::MAX)
        };
        let lost = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&lost);
        let entries = sync::Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(weigh)
            .expire_after(OwnTtl)
            .eviction_listener(move |_, entry: Entry, cause| {
                let in_time = matches!(cause, RemovalCause::Expired | RemovalCause::Replaced);
                if entry.value.is_none() && !in_time {
                    count.fetch_add(1, Ordering::AcqRel);
                }
            })
            .build();
        Self { entries, lost }
    }

    /// The value, or how many marks were lost when there was none.
    pub fn get(&self, key: &Key) -> Result<Bytes, u64> {
        let lost = self.lost();
        let entry = self.entries.get(key);
        entry.and_then(|entry| entry.value).ok_or(lost)
    }

    /// Keeps a value unless a newer entry is known, or was and is lost since the miss.
    pub fn put(&self, key: &Key, entry: Entry, lost: u64) {
        if self.lost() == lost {
            self.set(key, entry);
        }
        // The map tells of a mark under the lock of its key: one that went before the value came
        // is counted by now.
        if self.lost() != lost {
            self.entries.invalidate(key);
        }
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }

    /// Keeps the entry unless a newer one is known; the map serialises writers of one key.
    pub fn set(&self, key: &Key, entry: Entry) {
        self.entries
            .entry_by_ref(key)
            .and_compute_with(|held| match held {
                Some(held) if held.value().version > entry.version => Op::Nop,
                _ => Op::Put(entry),
            });
    }
}

/// Every entry brings its own life.
struct OwnTtl;

impl Expiry<Key, Entry> for OwnTtl {
    fn expire_after_create(&self, _: &Key, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

#[cfg(test)]
mod tests {
    use dossier_kernel::TenantId;

    use super::*;

    fn key() -> Key {
        Key::new(&TenantId::embedded_default(), "cache.test", 1)
    }

    #[test]
    fn a_mark_that_has_no_room_is_counted() {
        let memory = Memory::new(1);
        memory.set(&key(), Entry::mark(2));
        memory.entries.run_pending_tasks();
        assert_eq!(memory.get(&key()), Err(1));
    }

    #[test]
    fn a_late_reader_puts_nothing_after_a_mark_was_lost() {
        let memory = Memory::new(1 << 20);
        let value = |version| Entry::value(version, Bytes::from_static(b"x"), Duration::MAX);
        let late = memory.get(&key()).expect_err("nothing yet");
        memory.set(&key(), Entry::mark(2));
        // As when there is no room; the map itself decides when that is.
        memory.entries.invalidate(&key());
        memory.put(&key(), value(1), late);
        let miss = memory.get(&key()).expect_err("older than the mark");
        memory.put(&key(), value(2), miss);
        assert!(memory.get(&key()).is_ok(), "whoever looks now may put");
    }
}
