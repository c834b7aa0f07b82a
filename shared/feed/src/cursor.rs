//! Where a follower stands.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dossier_db::Position;
use dossier_kernel::{Error, Result, Violation};
use uuid::Uuid;

/// A position in every shard of one history. Opaque to clients: base64url of a version byte, the
/// epoch and one varint per shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    epoch: Uuid,
    /// The number of the last event seen, by shard.
    seqs: Vec<i64>,
}

const VERSION: u8 = 1;
/// More than any backend has; a hostile cursor must not make us allocate.
const SHARDS_MAX: usize = 1_024;

impl Cursor {
    pub(crate) fn new(epoch: Uuid, seqs: Vec<i64>) -> Self {
        Self { epoch, seqs }
    }

    /// The cursor that a commit moved the feed to, in the shards it touched. A reader that covers
    /// it has seen the commit. `None` where nothing was published.
    pub fn of(positions: &[Position]) -> Option<Self> {
        let mut cursor = Self::new(positions.first()?.epoch, Vec::new());
        positions
            .iter()
            .for_each(|position| cursor.advance(position));
        Some(cursor)
    }

    /// Reads what [`fmt::Display`] wrote; anything else is a violation of the field `cursor`.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = || {
            Error::invalid(vec![Violation::new(
                "cursor",
                "is not a cursor of this service; pass the last one received unchanged",
            )])
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let (head, mut rest) = bytes.split_first_chunk::<17>().ok_or_else(refuse)?;
        let [version, epoch @ ..] = head;
        if *version != VERSION {
            return Err(refuse());
        }
        let mut seqs = Vec::new();
        while !rest.is_empty() {
            let (seq, after) = read_varint(rest).ok_or_else(refuse)?;
            if seqs.len() == SHARDS_MAX {
                return Err(refuse());
            }
            seqs.push(seq);
            rest = after;
        }
        Ok(Self {
            epoch: Uuid::from_bytes(*epoch),
            seqs,
        })
    }

    /// Moves to a position of the same history; never backwards.
    pub fn advance(&mut self, position: &Position) {
        if position.epoch == self.epoch {
            self.set(position.shard, position.seq.max(self.seq(position.shard)));
        }
    }

    /// True when whoever stands here has seen everything that `other` has seen.
    pub fn covers(&self, other: &Self) -> bool {
        self.epoch == other.epoch
            && other
                .seqs
                .iter()
                .enumerate()
                .all(|(shard, seq)| self.seqs.get(shard).copied().unwrap_or(0) >= *seq)
    }

    pub(crate) fn epoch(&self) -> Uuid {
        self.epoch
    }

    pub(crate) fn seq(&self, shard: i16) -> i64 {
        usize::try_from(shard)
            .ok()
            .and_then(|shard| self.seqs.get(shard))
            .copied()
            .unwrap_or(0)
    }

    pub(crate) fn shards(&self) -> usize {
        self.seqs.len()
    }

    pub(crate) fn set(&mut self, shard: i16, seq: i64) {
        let Ok(shard) = usize::try_from(shard) else {
            return;
        };
        if self.seqs.len() <= shard {
            self.seqs.resize(shard + 1, 0);
        }
        self.seqs[shard] = seq;
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(17 + self.seqs.len() * 3);
        bytes.push(VERSION);
        bytes.extend_from_slice(self.epoch.as_bytes());
        self.seqs
            .iter()
            .for_each(|seq| write_varint(*seq, &mut bytes));
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// LEB128 of a number that is not negative.
fn write_varint(seq: i64, bytes: &mut Vec<u8>) {
    let mut left = seq.max(0);
    while left >= 0x80 {
        bytes.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    bytes.push(left as u8);
}

/// `None` unless the shortest form of a number that fits.
fn read_varint(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0_u64;
    for (n, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            let shortest = n == 0 || *byte != 0;
            return shortest.then(|| i64::try_from(value).ok().map(|v| (v, &bytes[n + 1..])))?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor() -> impl Strategy<Value = Cursor> {
        (any::<u128>(), prop::collection::vec(0..i64::MAX, 0..20))
            .prop_map(|(epoch, seqs)| Cursor::new(Uuid::from_u128(epoch), seqs))
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_from_its_text(cursor in cursor()) {
            prop_assert_eq!(Cursor::parse(&cursor.to_string()).expect("reads"), cursor);
        }

        #[test]
        fn hostile_text_is_refused_or_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            if let Ok(cursor) = Cursor::parse(&text) {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }

        #[test]
        fn advancing_covers_where_it_was_and_where_it_went(
            cursor in cursor(), shard in 0_i16..20, seq in 0..i64::MAX,
        ) {
            let mut moved = cursor.clone();
            let position = Position { shard, seq, epoch: cursor.epoch() };
            moved.advance(&position);
            prop_assert!(moved.covers(&cursor));
            prop_assert!(moved.covers(&Cursor::of(&[position]).expect("one")));
        }
    }

    #[test]
    fn another_history_is_never_covered() {
        let ours = Cursor::new(Uuid::from_u128(1), vec![9]);
        let theirs = Cursor::new(Uuid::from_u128(2), vec![1]);
        assert!(!ours.covers(&theirs));
        assert!(Cursor::parse("").is_err());
        assert!(Cursor::parse("not base64!").is_err());
    }
}
