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

/// A record under a key; sorted by key, so that those who share one are neighbours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    key: Key,
    row: Row,
    /// How many records share the key, or, of combined keys, the less common of both.
    sharing: u32,
}

impl Blocks {
    /// Groups the records into blocks with at most `budget` pairs.
    pub fn of(table: &Table, budget: u64) -> Self {
        let rows = 0..table.len() as Row;
        let mut first: Vec<Entry> = rows
            .into_par_iter()
            .map_init(Vec::new, |found, row| {
                keys(table, row, found);
                let entry = |key: &Key| Entry {
                    key: *key,
                    row,
                    sharing: u32::MAX,
                };
                found.iter().map(entry).collect::<Vec<_>>()
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

    fn sized(table: &Table, first: &[Entry], size_max: usize) -> Self {
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
        let mut common = blocks.accept(table, first);
        for _ in 1..ROUNDS {
            blocks.report.cut += distinct(&common);
            common = blocks.accept(table, &combine(common));
        }
        blocks.report.dropped = distinct(&common);
        blocks
    }

    /// Makes blocks of the groups that are small enough and returns the others, by row; those that
    /// combining keys has hardly made smaller are left out.
    fn accept(&mut self, table: &Table, entries: &[Entry]) -> Vec<Entry> {
        let mut common = Vec::new();
        for group in groups(entries) {
            let size = group.len();
            let pairs = pairs_of(table, group);
            if size > self.report.size_max {
                if f64::from(group[0].sharing) * SHRUNK >= size as f64 {
                    common.extend(group.iter().map(|entry| Entry {
                        sharing: size as u32,
                        ..*entry
                    }));
                }
            } else if pairs > 0 {
                for side in [Side::Left, Side::Right] {
                    let rows = group.iter().map(|entry| entry.row);
                    self.members
                        .extend(rows.filter(|row| table.side(*row) == side));
                    self.begins.push(self.members.len());
                }
                self.report.blocks += 1;
                self.report.pairs_max += pairs;
            }
        }
        common.par_sort_unstable_by_key(|entry| (entry.row, entry.sharing, entry.key));
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

/// Those who share a key.
fn groups(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|one, other| one.key == other.key)
}

/// The pairs that a group makes.
fn pairs_of(table: &Table, group: &[Entry]) -> u64 {
    table.pairs_among(group.iter().map(|entry| entry.row))
}

/// The pairs of all groups of at most this size.
fn pairs_within(table: &Table, entries: &[Entry], size_max: usize) -> u64 {
    groups(entries)
        .filter(|group| group.len() <= size_max)
        .map(|group| pairs_of(table, group))
        .sum()
}

fn distinct(common: &[Entry]) -> usize {
    let mut keys: Vec<Key> = common.iter().map(|entry| entry.key).collect();
    keys.par_sort_unstable();
    keys.dedup();
    keys.len()
}

/// All pairs of each record's least common keys, sorted.
fn combine(common: Vec<Entry>) -> Vec<Entry> {
    let by_row: Vec<&[Entry]> = common.chunk_by(|one, other| one.row == other.row).collect();
    let mut combined: Vec<Entry> = by_row
        .into_par_iter()
        .flat_map_iter(|group| {
            let few = &group[..group.len().min(COMBINED)];
            few.iter().enumerate().flat_map(move |(at, one)| {
                few[at + 1..].iter().map(move |other| {
                    let (low, high) = (one.key.min(other.key), one.key.max(other.key));
                    Entry {
                        key: low.rotate_left(23) ^ high.wrapping_mul(0x9E37_79B9_7F4A_7C15),
                        row: one.row,
                        sharing: one.sharing.min(other.sharing),
                    }
                })
            })
        })
        .collect();
    combined.par_sort_unstable();
    combined.dedup_by_key(|entry| (entry.key, entry.row));
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
