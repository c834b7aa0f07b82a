//! A sound history passes; each way to break it is refused by the guarantee it breaks.

use dossier_db::Position;
use uuid::Uuid;

use super::*;
use crate::testing::check_whole;

const EPOCH: Uuid = Uuid::from_u128(7);

fn cursor(seqs: [i64; 2]) -> Cursor {
    Cursor::new(EPOCH, seqs.to_vec())
}

fn at(shard: i16, seq: i64) -> Position {
    let epoch = EPOCH;
    Position { shard, seq, epoch }
}

/// Two shards; `c` and `d` are one transaction.
fn committed() -> Committed<char> {
    let mut committed = Committed::default();
    for (positions, keys) in [
        (vec![at(0, 1)], vec!['a']),
        (vec![at(0, 2)], vec!['b']),
        (vec![at(0, 3), at(1, 1)], vec!['c', 'd']),
        (vec![at(1, 2)], vec!['e']),
        (vec![at(0, 4)], vec!['f']),
    ] {
        committed.add(&positions, keys).expect("sound");
    }
    committed.check_dense().expect("dense");
    committed
}

fn event(key: char, seqs: [i64; 2]) -> Saw<char> {
    let cursor = cursor(seqs);
    Saw::Event { cursor, key }
}

fn heartbeat(seqs: [i64; 2]) -> Saw<char> {
    let cursor = cursor(seqs);
    Saw::Heartbeat { cursor }
}

fn opened(after: Option<[i64; 2]>) -> Saw<char> {
    let after = after.map(cursor);
    Saw::Opened { after }
}

/// Cut twice: between the two events of a transaction, and after a heartbeat.
fn sound() -> Vec<Saw<char>> {
    vec![
        opened(None),
        event('a', [1, 0]),
        event('b', [2, 0]),
        heartbeat([2, 0]),
        event('c', [3, 0]),
        opened(Some([3, 0])),
        event('d', [3, 1]),
        event('e', [3, 2]),
        heartbeat([3, 2]),
        opened(Some([3, 2])),
        event('f', [4, 2]),
        heartbeat([4, 2]),
    ]
}

fn judge(seen: Vec<Saw<char>>) -> Result<(), Violation> {
    check_whole(&committed(), &Watched { seen })
}

/// What [`check_whole`] says of the sound history with one thing changed.
fn broken(change: impl FnOnce(&mut Vec<Saw<char>>)) -> Law {
    let mut seen = sound();
    change(&mut seen);
    judge(seen).expect_err("broken").law
}

#[test]
fn a_sound_history_passes() {
    judge(sound()).expect("sound");
}

#[test]
fn what_was_rolled_back_must_not_come() {
    let law = broken(|seen| seen.insert(1, event('x', [1, 0])));
    assert_eq!(law, Law::Known);
}

#[test]
fn swapped_events_are_out_of_order() {
    let law = broken(|seen| {
        seen[1] = event('b', [2, 0]);
        seen[2] = event('a', [2, 0]);
    });
    assert_eq!(law, Law::Ordered);
}

#[test]
fn a_cursor_that_goes_back_is_out_of_order() {
    assert_eq!(broken(|seen| seen[3] = heartbeat([1, 0])), Law::Ordered);
}

#[test]
fn an_event_that_comes_twice_is_not_unique() {
    let law = broken(|seen| seen.insert(2, event('a', [1, 0])));
    assert_eq!(law, Law::Unique);
    // Also where a cut lies between the two.
    let law = broken(|seen| seen.insert(6, event('c', [3, 0])));
    assert_eq!(law, Law::Unique);
}

#[test]
fn a_dropped_event_makes_the_feed_unreliable() {
    let law = broken(|seen| {
        let dropped = seen.remove(2);
        assert_eq!(dropped.cursor(), Some(&cursor([2, 0])));
        seen.remove(2);
    });
    assert_eq!(law, Law::Reliable);
}

#[test]
fn a_heartbeat_inside_a_transaction_splits_it() {
    let law = broken(|seen| seen.insert(5, heartbeat([3, 0])));
    assert_eq!(law, Law::Atomic);
    // Also where the watcher began inside one, and the rest of it does not come.
    let seen = vec![opened(Some([3, 0])), heartbeat([3, 0])];
    let law = judge(seen).expect_err("split").law;
    assert_eq!(law, Law::Atomic);
}

#[test]
fn a_resume_that_skips_is_told() {
    let law = broken(|seen| {
        seen.remove(6);
        seen.remove(7);
    });
    assert_eq!(law, Law::Resumable);
}

#[test]
fn a_heartbeat_that_jumps_ahead_is_no_bookmark() {
    assert_eq!(broken(|seen| seen[8] = heartbeat([4, 2])), Law::Ordered);
    let law = broken(|seen| {
        seen[8] = heartbeat([4, 2]);
        seen[9] = opened(Some([4, 2]));
    });
    assert_eq!(law, Law::Bookmarkable);
}

#[test]
fn a_heartbeat_that_lags_behind_is_no_bookmark() {
    let mut committed = committed();
    committed.add(&[at(0, 5)], vec!['g']).expect("sound");
    // Cursors agree with each other and are all one too low.
    let seen = vec![opened(Some([4, 2])), event('g', [4, 2]), heartbeat([4, 2])];
    let law = bookmarkable(&committed, &Watched { seen })
        .expect_err("lags")
        .law;
    assert_eq!(law, Law::Bookmarkable);
}

#[test]
fn an_end_that_never_came_is_told() {
    let law = broken(|seen| {
        seen.truncate(9);
    });
    assert_eq!(law, Law::Whole);
}

#[test]
fn gaps_and_numbers_given_twice_are_refused() {
    let mut gap = committed();
    gap.add(&[at(0, 6)], vec!['z'])
        .expect("a number nobody has");
    assert_eq!(gap.check_dense().expect_err("a gap").law, Law::Dense);
    let twice = committed().add(&[at(0, 1)], vec!['z']);
    assert_eq!(twice.expect_err("twice").law, Law::Dense);
}

#[test]
fn a_reading_gives_back_what_was_committed() {
    let whole = [
        opened(None),
        event('a', [1, 0]),
        event('b', [2, 0]),
        event('c', [3, 0]),
        event('f', [4, 0]),
        event('d', [4, 1]),
        event('e', [4, 2]),
        heartbeat([4, 2]),
    ];
    let reading = Watched {
        seen: whole.to_vec(),
    };
    let transaction = |key: &char| if *key == 'd' { 'c' } else { *key };
    let read = Committed::of_reading(&reading, transaction).expect("sound");
    for key in "abcdef".chars() {
        assert_eq!(
            read.place(&key).map(|(place, _)| place),
            committed().place(&key).map(|(place, _)| place)
        );
    }
    check_whole(&read, &Watched { seen: sound() }).expect("sound");
    let ours = read.only(|key| "acd".contains(*key));
    assert_eq!(ours.len(), 3);
}
