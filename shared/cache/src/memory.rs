//! The cache of a process that is alone.

use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::ops::compute::Op;
use moka::sync;

use crate::Key;
use crate::entry::Entry;

/// What an entry costs beside its bytes: key, bookkeeping of the map and of the eviction order.
const OVERHEAD_BYTES: usize = 200;

pub(crate) struct Memory(sync::Cache<Key, Entry>);

impl Memory {
    pub fn new(capacity_bytes: u64) -> Self {
        let weigh = |key: &Key, entry: &Entry| {
            let bytes = entry.value.as_ref().map_or(0, Bytes::len);
            u32::try_from(OVERHEAD_BYTES + key.as_str().len() + bytes).unwrap_or(u32::MAX)
        };
        let cache = sync::Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(weigh)
            .expire_after(OwnTtl)
            .build();
        Self(cache)
    }

    pub fn get(&self, key: &Key) -> Option<Bytes> {
        self.0.get(key)?.value
    }

    /// Keeps the entry unless a newer one is known; the map serialises writers of one key.
    pub fn set(&self, key: &Key, entry: Entry) {
        self.0
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
