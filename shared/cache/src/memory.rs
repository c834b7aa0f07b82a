//! The cache of a process that is alone.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use crate::Key;
use crate::entry::Entry;
use crate::value::Value;

/// What an entry costs beside its value and key: bookkeeping of the map and of the eviction order.
const OVERHEAD_BYTES: usize = 200;
/// About how large values are, for a first guess at their number.
const USUAL_BYTES: u64 = 1_024;
/// Writers of different keys seldom wait for each other.
const TURNS: usize = 64;

pub(crate) struct Memory {
    entries: Cache<Key, Held, Bytes, DefaultHashBuilder, Lost>,
    /// Writers of one key take turns, so that none overwrites what is newer.
    turns: Box<[Mutex<()>]>,
    hasher: RandomState,
    lost: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Held {
    entry: Entry<Value>,
    size: usize,
    until: Instant,
}

impl Held {
    fn is_mark(&self) -> bool {
        self.entry.value.is_none()
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Held> for Bytes {
    fn weight(&self, key: &Key, held: &Held) -> u64 {
        (OVERHEAD_BYTES + key.as_str().len() + held.size) as u64
    }
}

/// Counts the marks that went before their time, because there was no room. What they would have
/// refused is not known any more, so whoever missed before the last of them puts nothing.
#[derive(Clone)]
struct Lost(Arc<AtomicU64>);

impl Lifecycle<Key, Held> for Lost {
    type RequestState = ();

    /// Under the lock of the map: when a mark is gone it has been counted.
    fn before_evict(&self, (): &mut (), _: &Key, held: &mut Held) {
        if held.is_mark() && !held.is_over() {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Memory {
    pub fn new(capacity_bytes: u64) -> Self {
        let lost = Arc::new(AtomicU64::new(0));
        let count = usize::try_from(capacity_bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        let entries = Cache::with(
            count,
            capacity_bytes,
            Bytes,
            DefaultHashBuilder::default(),
            Lost(Arc::clone(&lost)),
        );
        Self {
            entries,
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            lost,
        }
    }

    /// The value, or how many marks were lost when there was none.
    pub fn get(&self, key: &Key) -> Result<Value, u64> {
        let lost = self.lost();
        let held = self.entries.get(key).filter(|held| !held.is_over());
        held.and_then(|held| held.entry.value).ok_or(lost)
    }

    /// Keeps a value of about `size` bytes unless a newer entry is known, or was and is lost since
    /// the miss.
    pub fn put(&self, key: &Key, entry: Entry<Value>, size: usize, lost: u64) {
        if self.lost() == lost {
            self.set(key, entry, size);
        }
        // A mark that went before the value came is counted by now.
        if self.lost() != lost {
            self.entries.remove_if(key, |held| !held.is_mark());
        }
    }

    pub fn mark(&self, key: &Key, version: i64) {
        self.set(key, Entry::mark(version), 0);
    }

    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }

    /// Keeps the entry unless a newer one is known.
    fn set(&self, key: &Key, entry: Entry<Value>, size: usize) {
        let turn = usize::try_from(self.hasher.hash_one(key) % TURNS as u64).unwrap_or(0);
        let _turn = self.turns[turn]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let held = self.entries.peek(key).filter(|held| !held.is_over());
        if held.is_none_or(|held| held.entry.version <= entry.version) {
            let until = Instant::now() + entry.ttl;
            let held = Held { entry, size, until };
            self.entries.insert(key.clone(), held);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dossier_kernel::TenantId;

    use super::*;

    fn key() -> Key {
        Key::new(&TenantId::embedded_default(), "cache.test", 1)
    }

    #[test]
    fn a_mark_that_has_no_room_is_counted() {
        let memory = Memory::new(1);
        memory.mark(&key(), 2);
        assert_eq!(memory.get(&key()).err(), Some(1));
    }

    #[test]
    fn a_late_reader_puts_nothing_after_a_mark_was_lost() {
        let memory = Memory::new(1 << 20);
        let value = |version| Entry::value(version, Arc::new(()) as Value, Duration::MAX);
        let late = memory.get(&key()).expect_err("nothing yet");
        memory.mark(&key(), 2);
        // As when there is no room; the map itself decides when that is.
        let (gone, mut mark) = memory.entries.remove(&key()).expect("the mark");
        Lost(Arc::clone(&memory.lost)).before_evict(&mut (), &gone, &mut mark);
        memory.put(&key(), value(1), 0, late);
        let miss = memory.get(&key()).expect_err("older than the mark");
        memory.put(&key(), value(2), 0, miss);
        assert!(memory.get(&key()).is_ok(), "whoever looks now may put");
    }
}
