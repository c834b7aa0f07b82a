//! What writers were told and what a watcher saw.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};
use std::hash::Hash;

use dossier_db::Position;

use crate::Cursor;

/// What tells events apart: a body, a number in it, a resource's name.
pub trait Key: Clone + Eq + Hash + Debug {}

impl<K: Clone + Eq + Hash + Debug> Key for K {}

/// Shard and number.
pub type Place = (i16, i64);

/// What was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Numbers are 1, 2, 3 … in each shard, each given once.
    Dense,
    /// What is seen was committed.
    Known,
    Ordered,
    Unique,
    Reliable,
    Atomic,
    Resumable,
    Bookmarkable,
    /// The watcher came to the end.
    Whole,
}

/// How a history breaks its promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub law: Law,
    pub words: String,
}

impl Violation {
    pub(super) fn new(law: Law, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { law, words }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.words)
    }
}

impl std::error::Error for Violation {}

/// Every committed event with its place and its transaction.
#[derive(Clone, Debug)]
pub struct Committed<K> {
    places: HashMap<K, (Place, usize)>,
    shards: BTreeMap<i16, BTreeMap<i64, K>>,
    /// Events of each transaction.
    transactions: Vec<usize>,
}

impl<K> Default for Committed<K> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            shards: BTreeMap::new(),
            transactions: Vec::new(),
        }
    }
}

impl<K: Key> Committed<K> {
    /// One transaction: the positions a writer was told, one per event.
    pub fn add(&mut self, positions: &[Position], keys: Vec<K>) -> Result<(), Violation> {
        if positions.len() != keys.len() {
            let words = format!("{} events got {} numbers", keys.len(), positions.len());
            return Err(Violation::new(Law::Dense, words));
        }
        let places = positions.iter().map(|at| (at.shard, at.seq));
        self.insert(places.zip(keys).collect())
    }

    /// The events of a reading from the beginning by one watcher, where writers are told no
    /// positions. `transaction` names which of them belong together.
    pub fn of_reading<T: Eq + Hash>(
        reading: &Watched<K>,
        transaction: impl Fn(&K) -> T,
    ) -> Result<Self, Violation> {
        let mut last: Option<&Cursor> = None;
        let mut together: HashMap<T, Vec<(Place, K)>> = HashMap::new();
        for saw in &reading.seen {
            if let Saw::Event { cursor, key } = saw {
                let moved = (0..cursor.shards()).filter_map(|shard| i16::try_from(shard).ok());
                let moved = moved
                    .filter(|shard| cursor.seq(*shard) > last.map_or(0, |last| last.seq(*shard)));
                // Reading shard after shard, the event's own is the last that moved.
                let Some(shard) = moved.max() else {
                    let words = format!("{key:?} moved its cursor nowhere");
                    return Err(Violation::new(Law::Ordered, words));
                };
                let place = (shard, cursor.seq(shard));
                let events = together.entry(transaction(key)).or_default();
                events.push((place, key.clone()));
            }
            last = saw.cursor().or(last);
        }
        let mut committed = Self::default();
        together
            .into_values()
            .try_for_each(|events| committed.insert(events))?;
        Ok(committed)
    }

    /// What a watcher that may see only some of the events can see.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&K) -> bool) -> Self {
        let mut transactions: BTreeMap<usize, Vec<(Place, K)>> = BTreeMap::new();
        for (key, (place, transaction)) in &self.places {
            if keep(key) {
                let events = transactions.entry(*transaction).or_default();
                events.push((*place, key.clone()));
            }
        }
        let mut kept = Self::default();
        for events in transactions.into_values() {
            // Places stay as different as they were.
            let _ = kept.insert(events);
        }
        kept
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.places.keys()
    }

    /// Each shard's numbers are 1, 2, 3 … without a gap.
    pub fn check_dense(&self) -> Result<(), Violation> {
        for (shard, events) in &self.shards {
            for (expected, seq) in (1..).zip(events.keys()) {
                if *seq != expected {
                    let words = format!("shard {shard} has no {expected}, but {seq}");
                    return Err(Violation::new(Law::Dense, words));
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, events: Vec<(Place, K)>) -> Result<(), Violation> {
        let transaction = self.transactions.len();
        self.transactions.push(events.len());
        for ((shard, seq), key) in events {
            let before = self.places.insert(key.clone(), ((shard, seq), transaction));
            if before.is_some() {
                let words = format!("{key:?} was committed twice");
                return Err(Violation::new(Law::Dense, words));
            }
            let there = self.shards.entry(shard).or_default();
            if let Some(other) = there.insert(seq, key.clone()) {
                let words = format!("{key:?} and {other:?} both are {seq} of shard {shard}");
                return Err(Violation::new(Law::Dense, words));
            }
        }
        Ok(())
    }

    pub(super) fn place(&self, key: &K) -> Option<(Place, usize)> {
        self.places.get(key).copied()
    }

    pub(super) fn size(&self, transaction: usize) -> usize {
        self.transactions.get(transaction).copied().unwrap_or(0)
    }

    /// The first event of a shard in `after < seq < before`.
    pub(super) fn between(&self, shard: i16, after: i64, before: i64) -> Option<(i64, &K)> {
        if before <= after + 1 {
            return None;
        }
        let there = self.shards.get(&shard)?;
        let (seq, key) = there.range(after + 1..before).next()?;
        Some((*seq, key))
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = i16> {
        self.shards.keys().copied()
    }

    /// Every event with its place and transaction.
    pub(super) fn all(&self) -> impl Iterator<Item = (Place, usize)> {
        self.places.values().copied()
    }
}

/// One thing that happened to a watcher.
#[derive(Clone, Debug)]
pub enum Saw<K> {
    /// It opened a stream after this cursor; `None`: at the beginning.
    Opened {
        after: Option<Cursor>,
    },
    Event {
        cursor: Cursor,
        key: K,
    },
    Heartbeat {
        cursor: Cursor,
    },
}

impl<K> Saw<K> {
    /// Where the watcher stood then.
    pub fn cursor(&self) -> Option<&Cursor> {
        match self {
            Self::Opened { after } => after.as_ref(),
            Self::Event { cursor, .. } | Self::Heartbeat { cursor } => Some(cursor),
        }
    }
}

/// A watcher's life, over all streams it opened. It resumes from [`Watched::cursor`] alone.
#[derive(Clone, Debug)]
pub struct Watched<K> {
    pub seen: Vec<Saw<K>>,
}

impl<K> Default for Watched<K> {
    fn default() -> Self {
        Self { seen: Vec::new() }
    }
}

impl<K: Key> Watched<K> {
    pub fn saw(&mut self, saw: Saw<K>) {
        self.seen.push(saw);
    }

    /// Opens a stream where the last one broke.
    pub fn reopen(&mut self) -> Option<Cursor> {
        let after = self.cursor().cloned();
        self.saw(Saw::Opened {
            after: after.clone(),
        });
        after
    }

    /// The last cursor it received.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.seen.last()?.cursor()
    }

    /// Keys in the order they came.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.seen.iter().filter_map(|saw| match saw {
            Saw::Event { key, .. } => Some(key),
            Saw::Opened { .. } | Saw::Heartbeat { .. } => None,
        })
    }
}
