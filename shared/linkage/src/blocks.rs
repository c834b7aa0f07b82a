//! Blocks: groups of records that share keys, none too large.
//!
//! Hashed dynamic blocking (Borthwick, Ash, Pang, Qureshi and Jones 2020): a key that too many
//! records share makes no block by itself. It is combined with the other such keys of its records,
//! and those combinations again, until the groups are small enough to compare everybody with
//! everybody.

use rayon::prelude::*;

use crate::key::{Key, keys};
use crate::record::Side;
use crate::table::{Row, Table};

/// How often keys that are too common are combined.
const ROUNDS: usize = 3;
/// The most common keys of a record that are combined, the least common first.
const COMBINED: usize = 8;
/// A combination that keeps more of its smaller group than this would only repeat it.
const SHRUNK: f64 = 0.9;
/// The largest sizes of a block that are tried until the budget is kept.
const SIZES: [usize; 6] = [48, 32, 20, 12, 8, SIZE_MIN];
const SIZE_MIN: usize = 5;

/// What came of the blocking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockReport {
    /// Groups of records that are compared with one another.
    pub blocks: usize,
    /// The most records a group may have.
    pub size_max: usize,
    /// Pairs in all groups; a pair of several groups is compared once.
    pub pairs_max: u64,
    /// Groups that were too large and were cut by combining keys.
    pub cut: usize,
    /// Groups that were still too large after that and were left out.
    pub dropped: usize,
}

/// Records by block and blocks by record.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Where the left members of each block begin, and then its right ones, and the end.
    begins: Vec<usize>,
    members: Vec<Row>,
    row_begins: Vec<usize>,
    row_blocks: Vec<u32>,
    pub report: BlockReport,
}

/// A record under a key that too many share.
struct Common {
    row: Row,
    size: u32,
    key: Key,
}

impl Blocks {
    /// Groups the records into blocks with at most `budget` pairs.
    pub fn of(table: &Table, budget: u64) -> Self {
        let rows = 0..table.len() as Row;
        let mut first: Vec<(Key, Row)> = rows
            .into_par_iter()
            .map_init(Vec::new, |found, row| {
                keys(table, row, found);
                found.iter().map(|key| (*key, row)).collect::<Vec<_>>()
            })
            .flatten_iter()
            .collect();
        first.par_sort_unstable();
        let mut sizes = SIZES.into_iter().skip_while(|size| {
            // Combined keys make about as many pairs as the keys by themselves.
            *size > SIZE_MIN && 2 * pairs_within(table, &first, *size) > budget
        });
        let mut blocks = Self::sized(table, &first, sizes.next().unwrap_or(SIZE_MIN));
        for size in sizes {
            if blocks.report.pairs_max <= budget {
                break;
            }
            blocks = Self::sized(table, &first, size);
        }
        blocks.index(table.len());
        blocks
    }

    fn sized(table: &Table, first: &[(Key, Row)], size_max: usize) -> Self {
        let mut blocks = Self {
            begins: vec![0],
            members: Vec::new(),
            row_begins: Vec::new(),
            row_blocks: Vec::new(),
            report: BlockReport {
                size_max,
                ..BlockReport::default()
            },
        };
        let mut common = blocks.accept(table, first, |_| u32::MAX);
        for _ in 1..ROUNDS {
            blocks.report.cut += distinct(&common);
            let combined = combine(common);
            let entries: Vec<(Key, Row)> =
                combined.iter().map(|(key, row, _)| (*key, *row)).collect();
            common = blocks.accept(table, &entries, |at| combined[at].2);
        }
        blocks.report.dropped = distinct(&common);
        blocks
    }

    /// Makes blocks of the groups that are small enough and returns the others, by row. `parent` is
    /// the size of the smaller group that the group of an entry was cut from.
    fn accept(
        &mut self,
        table: &Table,
        entries: &[(Key, Row)],
        parent: impl Fn(usize) -> u32,
    ) -> Vec<Common> {
        let mut common = Vec::new();
        let mut at = 0;
        for group in entries.chunk_by(|one, other| one.0 == other.0) {
            let size = group.len();
            let pairs = pairs_of(table, group);
            if size > self.report.size_max {
                if f64::from(parent(at)) * SHRUNK >= size as f64 {
                    common.extend(group.iter().map(|(key, row)| Common {
                        row: *row,
                        size: size as u32,
                        key: *key,
                    }));
                }
            } else if pairs > 0 {
                for side in [Side::Left, Side::Right] {
                    let rows = group.iter().map(|(_, row)| *row);
                    self.members
                        .extend(rows.filter(|row| table.side(*row) == side));
                    self.begins.push(self.members.len());
                }
                self.report.blocks += 1;
                self.report.pairs_max += pairs;
            }
            at += size;
        }
        common.par_sort_unstable_by_key(|entry| (entry.row, entry.size, entry.key));
        common
    }

    /// Lists the blocks of each record.
    fn index(&mut self, rows: usize) {
        let mut counts = vec![0_usize; rows + 1];
        for row in &self.members {
            counts[*row as usize + 1] += 1;
        }
        for row in 0..rows {
            counts[row + 1] += counts[row];
        }
        let mut next = counts.clone();
        self.row_blocks = vec![0; self.members.len()];
        for block in 0..self.report.blocks {
            for row in &self.members[self.begins[2 * block]..self.begins[2 * block + 2]] {
                let place = &mut next[*row as usize];
                self.row_blocks[*place] = block as u32;
                *place += 1;
            }
        }
        self.row_begins = counts;
    }

    /// Whoever shares a block with a record, itself included, some more than once; of two sides only
    /// the other.
    pub fn neighbours(&self, table: &Table, row: Row) -> impl Iterator<Item = Row> {
        let half = usize::from(table.is_linked() && table.side(row) == Side::Left);
        let row = row as usize;
        let blocks = &self.row_blocks[self.row_begins[row]..self.row_begins[row + 1]];
        blocks.iter().flat_map(move |block| {
            let half = 2 * *block as usize + half;
            self.members[self.begins[half]..self.begins[half + 1]]
                .iter()
                .copied()
        })
    }
}

/// The pairs that a group makes.
fn pairs_of(table: &Table, group: &[(Key, Row)]) -> u64 {
    let rows = group.iter().map(|(_, row)| *row);
    table.pairs_among(rows)
}

/// The pairs of all groups of at most this size.
fn pairs_within(table: &Table, entries: &[(Key, Row)], size_max: usize) -> u64 {
    entries
        .chunk_by(|one, other| one.0 == other.0)
        .filter(|group| group.len() <= size_max)
        .map(|group| pairs_of(table, group))
        .sum()
}

fn distinct(common: &[Common]) -> usize {
    let mut keys: Vec<Key> = common.iter().map(|entry| entry.key).collect();
    keys.par_sort_unstable();
    keys.dedup();
    keys.len()
}

/// All pairs of each record's least common keys, with the size of the smaller group; sorted.
fn combine(common: Vec<Common>) -> Vec<(Key, Row, u32)> {
    let by_row: Vec<&[Common]> = common.chunk_by(|one, other| one.row == other.row).collect();
    let mut combined: Vec<(Key, Row, u32)> = by_row
        .into_par_iter()
        .flat_map_iter(|group| {
            let few = &group[..group.len().min(COMBINED)];
            few.iter().enumerate().flat_map(move |(at, one)| {
                few[at + 1..].iter().map(move |other| {
                    let (low, high) = (one.key.min(other.key), one.key.max(other.key));
                    let key = low.rotate_left(23) ^ high.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    (key, one.row, one.size.min(other.size))
                })
            })
        })
        .collect();
    combined.par_sort_unstable();
    combined.dedup_by_key(|(key, row, _)| (*key, *row));
    combined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparator::Comparator;
    use crate::record::{Record, RecordId};
    use crate::schema::Schema;

    fn table(records: u32) -> Table {
        let fields = [
            ("name", Comparator::Category),
            ("city", Comparator::Category),
        ];
        let schema = Schema::new(fields, &[]).expect("a schema");
        let record = |id: u32| Record {
            id: RecordId(u128::from(id)),
            // Hundreds share a name, hundreds a city, few both.
            values: vec![vec![(id % 4).to_string()], vec![(id / 4 % 50).to_string()]],
            ..Record::default()
        };
        Table::new(&schema, (0..records).map(record))
    }

    #[test]
    fn what_is_too_common_by_itself_is_combined() {
        let table = table(1_000);
        let blocks = Blocks::of(&table, u64::MAX);
        assert!(blocks.report.cut > 0, "{:?}", blocks.report);
        let mut found: Vec<Row> = blocks.neighbours(&table, 0).collect();
        found.sort_unstable();
        found.dedup();
        // The name is too common for a block; with the city it is shared by five.
        assert!(
            [0, 200, 400, 600, 800]
                .iter()
                .all(|row| found.contains(row))
        );
        assert!(!found.contains(&4), "shares nothing but the name");
    }

    #[test]
    fn the_budget_is_kept() {
        for budget in [100_000, 20_000, 5_000] {
            let report = Blocks::of(&table(1_000), budget).report;
            assert!(
                report.pairs_max <= budget || report.size_max == SIZE_MIN,
                "{report:?} for {budget}"
            );
        }
    }
}
