//! Validates what a watcher saw against what was committed.

use std::collections::{BTreeMap, BTreeSet};

use dossier_db::Position;
use dossier_feed::{Cursor, Item};
use uuid::Uuid;

/// What writers were told: bodies by position.
pub type Committed = BTreeMap<(i16, i64), String>;

pub fn committed(told: Vec<(Vec<Position>, Vec<String>)>) -> Committed {
    let mut all = Committed::new();
    for (positions, bodies) in told {
        assert_eq!(positions.len(), bodies.len(), "one position per change");
        for (position, body) in positions.iter().zip(bodies) {
            let before = all.insert((position.shard, position.seq), body);
            assert_eq!(before, None, "a number was given twice");
        }
    }
    all
}

/// Numbers of each shard are 1, 2, 3 … without a gap.
pub fn assert_dense(committed: &Committed) {
    let mut next: BTreeMap<i16, i64> = BTreeMap::new();
    for (shard, seq) in committed.keys() {
        let next = next.entry(*shard).or_insert(1);
        assert_eq!(seq, next, "a gap in shard {shard}");
        *next += 1;
    }
}

/// The watcher saw every committed event once, each shard in order, and nothing else.
pub fn assert_whole(seen: &[Item], committed: &Committed, epoch: Uuid) {
    let mut last: Option<Cursor> = None;
    let mut found = BTreeSet::new();
    for item in seen {
        let Item::Event { cursor, body, .. } = item else {
            panic!("no event: {item:?}")
        };
        let text = String::from_utf8(body.clone()).expect("text");
        // Which of the committed events it is: the one its cursor just came to cover.
        let place = committed.iter().find(|((shard, seq), body)| {
            let there = Position {
                shard: *shard,
                seq: *seq,
                epoch,
            };
            let beyond = Position {
                shard: *shard,
                seq: *seq + 1,
                epoch,
            };
            let of = |position| Cursor::of(&[position]).expect("one position");
            **body == text && cursor.covers(&of(there)) && !cursor.covers(&of(beyond))
        });
        let (place, _) = place.unwrap_or_else(|| panic!("{text} was never committed there"));
        assert!(found.insert(*place), "{text} came twice");
        if let Some(last) = &last {
            assert!(cursor.covers(last) && cursor != last, "cursors only grow");
        }
        last = Some(cursor.clone());
    }
    assert_eq!(found.len(), committed.len(), "events are missing");
}
