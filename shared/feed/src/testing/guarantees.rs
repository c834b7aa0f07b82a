//! One function per guarantee; each looks at nothing but its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::history::{Committed, Key, Law, Saw, Violation, Watched};
use crate::Cursor;

/// What was seen was committed: no event of a transaction that was rolled back.
pub fn known<K: Key>(committed: &Committed<K>, watched: &Watched<K>) -> Result<(), Violation> {
    match watched.keys().find(|key| committed.place(key).is_none()) {
        None => Ok(()),
        Some(key) => refuse(Law::Known, format!("{key:?} came and was never committed")),
    }
}

/// Over one stream the events of a shard come by their numbers, and cursors only grow.
pub fn ordered<K: Key>(committed: &Committed<K>, watched: &Watched<K>) -> Result<(), Violation> {
    let mut last: BTreeMap<i16, i64> = BTreeMap::new();
    let mut stood: Option<&Cursor> = None;
    for saw in &watched.seen {
        match saw {
            Saw::Opened { .. } => last.clear(),
            Saw::Event { key, .. } => {
                let Some(((shard, seq), _)) = committed.place(key) else {
                    continue;
                };
                let before = last.insert(shard, seq);
                if before.is_some_and(|before| seq < before) {
                    let words = format!("{key:?} ({seq} of shard {shard}) came after {before:?}");
                    return refuse(Law::Ordered, words);
                }
            }
            Saw::Heartbeat { .. } => {}
        }
        if let (Some(before), Some(now)) = (stood, saw.cursor())
            && !now.covers(before)
        {
            return refuse(Law::Ordered, format!("the cursor went back at {saw:?}"));
        }
        stood = saw.cursor().or(stood);
    }
    Ok(())
}

/// No event comes twice in a watcher's life.
pub fn unique<K: Key>(_: &Committed<K>, watched: &Watched<K>) -> Result<(), Violation> {
    let mut seen = HashSet::new();
    match watched.keys().find(|key| !seen.insert(*key)) {
        None => Ok(()),
        Some(key) => refuse(Law::Unique, format!("{key:?} came twice")),
    }
}

/// Between two events of a shard over one stream, none is missing.
pub fn reliable<K: Key>(committed: &Committed<K>, watched: &Watched<K>) -> Result<(), Violation> {
    let mut last: BTreeMap<i16, i64> = BTreeMap::new();
    for saw in &watched.seen {
        match saw {
            Saw::Opened { .. } => last.clear(),
            Saw::Event { key, .. } => {
                let Some(((shard, seq), _)) = committed.place(key) else {
                    continue;
                };
                if let Some(before) = last.insert(shard, seq)
                    && let Some((missing, lost)) = committed.between(shard, before, seq)
                {
                    let words = format!(
                        "{lost:?} ({missing} of shard {shard}) is missing between {before} and {seq}"
                    );
                    return refuse(Law::Reliable, words);
                }
            }
            Saw::Heartbeat { .. } => {}
        }
    }
    Ok(())
}

/// At a heartbeat a transaction was seen as a whole or not at all.
pub fn atomic<K: Key>(committed: &Committed<K>, watched: &Watched<K>) -> Result<(), Violation> {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    let mut open: HashSet<usize> = HashSet::new();
    let mut count = |transaction: usize, open: &mut HashSet<usize>| {
        let seen = counts.entry(transaction).or_insert(0);
        *seen += 1;
        if *seen < committed.size(transaction) {
            open.insert(transaction);
        } else {
            open.remove(&transaction);
        }
    };
    if let Some(Saw::Opened { after: Some(start) }) = watched.seen.first() {
        for ((shard, seq), transaction) in committed.all() {
            if seq <= start.seq(shard) {
                count(transaction, &mut open);
            }
        }
    }
    let mut seen = HashSet::new();
    for saw in &watched.seen {
        match saw {
            Saw::Opened { .. } => {}
            Saw::Event { key, .. } => {
                if let Some((_, transaction)) = committed.place(key)
                    && seen.insert(key)
                {
                    count(transaction, &mut open);
                }
            }
            Saw::Heartbeat { .. } => {
                if let Some(transaction) = open.iter().next() {
                    let words = format!("a heartbeat stands inside transaction {transaction}");
                    return refuse(Law::Atomic, words);
                }
            }
        }
    }
    Ok(())
}

/// A stream that was opened after the last cursor goes on with the very next event: the first of
/// each shard is the first that had not come, or that the first cursor did not cover.
pub fn resumable<K: Key>(committed: &Committed<K>, watched: &Watched<K>) -> Result<(), Violation> {
    let mut at = start(watched);
    let mut begun = HashSet::new();
    for saw in &watched.seen {
        match saw {
            Saw::Opened { .. } => begun.clear(),
            Saw::Event { key, .. } => {
                let Some(((shard, seq), _)) = committed.place(key) else {
                    continue;
                };
                let before = at.get(&shard).copied().unwrap_or(0);
                if begun.insert(shard) {
                    let words = if seq <= before {
                        Some(format!("{key:?} ({seq} of shard {shard}) had come before"))
                    } else {
                        let skipped = committed.between(shard, before, seq);
                        skipped.map(|(missing, lost)| {
                            format!("{lost:?} ({missing} of shard {shard}) was skipped by a resume")
                        })
                    };
                    if let Some(words) = words {
                        return refuse(Law::Resumable, words);
                    }
                }
                at.insert(shard, before.max(seq));
            }
            Saw::Heartbeat { .. } => {}
        }
    }
    Ok(())
}

/// Everything that a heartbeat's cursor covers was delivered, and it covers all that was.
pub fn bookmarkable<K: Key>(
    committed: &Committed<K>,
    watched: &Watched<K>,
) -> Result<(), Violation> {
    let mut at = start(watched);
    for saw in &watched.seen {
        match saw {
            Saw::Opened { .. } => {}
            Saw::Event { key, .. } => {
                if let Some(((shard, seq), _)) = committed.place(key) {
                    let at = at.entry(shard).or_insert(0);
                    *at = seq.max(*at);
                }
            }
            Saw::Heartbeat { cursor } => {
                for shard in committed.shards() {
                    let seen = at.get(&shard).copied().unwrap_or(0);
                    let told = cursor.seq(shard);
                    if let Some((missing, lost)) = committed.between(shard, seen, told + 1) {
                        let words = format!(
                            "a heartbeat covers {lost:?} ({missing} of shard {shard}), which had \
                             not come"
                        );
                        return refuse(Law::Bookmarkable, words);
                    }
                    if told < seen {
                        let words = format!(
                            "a heartbeat stands at {told} of shard {shard}, after {seen} had come"
                        );
                        return refuse(Law::Bookmarkable, words);
                    }
                }
            }
        }
    }
    Ok(())
}

/// The last heartbeat covers everything.
pub fn whole<K: Key>(committed: &Committed<K>, watched: &Watched<K>) -> Result<(), Violation> {
    let heartbeat = watched.seen.iter().rev().find_map(|saw| match saw {
        Saw::Heartbeat { cursor } => Some(cursor),
        Saw::Opened { .. } | Saw::Event { .. } => None,
    });
    let Some(cursor) = heartbeat else {
        return refuse(Law::Whole, "the watcher never caught up");
    };
    let missing = committed
        .all()
        .find(|((shard, seq), _)| *seq > cursor.seq(*shard));
    match missing {
        None => Ok(()),
        Some(((shard, seq), _)) => refuse(
            Law::Whole,
            format!("the watcher never came to {seq} of shard {shard}"),
        ),
    }
}

/// Where the watcher began, by shard.
fn start<K>(watched: &Watched<K>) -> BTreeMap<i16, i64> {
    let Some(Saw::Opened { after: Some(after) }) = watched.seen.first() else {
        return BTreeMap::new();
    };
    (0..after.shards())
        .filter_map(|shard| i16::try_from(shard).ok())
        .map(|shard| (shard, after.seq(shard)))
        .collect()
}

fn refuse(law: Law, words: impl Into<String>) -> Result<(), Violation> {
    Err(Violation::new(law, words))
}

#[cfg(test)]
mod tests;
