//! Which pairs a model learns from.

use rayon::prelude::*;

use crate::comparator::Comparator;
use crate::table::{Row, Table};

/// Pairs picked blindly, to see how values agree by chance.
const RANDOM: usize = 50_000;
/// Pairs drawn by one field at most.
const DRAWN: usize = 12_000;
/// The most fields that pairs are drawn by.
const PASSES: usize = 5;
/// A value that more records share is sampled: each record with this many others.
const NEIGHBOURS: usize = 24;
/// A field whose values are shared by more pairs than this for each record says too little to draw by.
const SELECTIVE: f64 = 60.0;
/// Where the random numbers begin; the fraction of the golden ratio.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Pairs that are equal in a field.
pub struct Drawn {
    pub field: usize,
    pub pairs: Vec<(Row, Row)>,
    /// How many there are in the table; those drawn are at most these.
    pub total: f64,
}

/// How many pairs the records of a table make; for two sides, only pairs across.
pub fn all(table: &Table) -> f64 {
    table.pairs_among(0..table.len() as Row) as f64
}

/// How many pairs have a value in a field.
pub fn known(table: &Table, field: usize) -> f64 {
    let rows = 0..table.len() as Row;
    table.pairs_among(rows.filter(|row| !table.values(field, *row).is_empty())) as f64
}

/// How many pairs are equal in a field.
pub fn equal(table: &Table, field: usize) -> f64 {
    let groups = groups(table, field);
    let groups = groups.chunk_by(|one, other| one.0 == other.0);
    let pairs = groups.map(|group| table.pairs_among(group.iter().map(|(_, row)| *row)));
    pairs.sum::<u64>() as f64
}

/// Pairs picked blindly, the same at every run.
pub fn random(table: &Table) -> Vec<(Row, Row)> {
    let rows = table.len() as u64;
    if all(table) < 1.0 {
        return Vec::new();
    }
    let mut state = SEED;
    // SplitMix64 (Steele, Lea and Flood 2014); the high half of a product is an unbiased enough row.
    let mut pick = || {
        state = state.wrapping_add(SEED);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(word ^ (word >> 31)) * u128::from(rows)) >> 64) as Row
    };
    let wanted = RANDOM.min(all(table) as usize);
    let pairs = (0..4 * RANDOM).map(|_| (pick(), pick()));
    pairs
        .filter(|(a, b)| table.may_match(*a, *b))
        .take(wanted)
        .collect()
}

/// The pairs that are equal in a field, for the fields that distinguish records best; `equal` says
/// how many there are in each field.
pub fn selective(table: &Table, equal: &[f64]) -> Vec<Drawn> {
    let most = SELECTIVE * table.len() as f64;
    let fields = table.schema().fields().iter().enumerate();
    let mut fields: Vec<(f64, usize)> = fields
        .filter(|(_, field)| field.comparator != Comparator::Number)
        .map(|(at, _)| (equal[at], at))
        .filter(|(equal, _)| (1.0..=most).contains(equal))
        .collect();
    fields.sort_by(|one, other| one.0.total_cmp(&other.0));
    fields.truncate(PASSES);
    fields
        .into_par_iter()
        .map(|(total, field)| Drawn {
            field,
            pairs: draw(table, field),
            total,
        })
        .collect()
}

/// Records of a field by value.
fn groups(table: &Table, field: usize) -> Vec<(u32, Row)> {
    let rows = 0..table.len() as Row;
    let mut groups: Vec<(u32, Row)> = rows
        .flat_map(|row| {
            table
                .values(field, row)
                .iter()
                .map(move |value| (value.shape, row))
        })
        .collect();
    groups.sort_unstable();
    groups
}

fn draw(table: &Table, field: usize) -> Vec<(Row, Row)> {
    let groups = groups(table, field);
    let mut pairs = Vec::new();
    for group in groups.chunk_by(|one, other| one.0 == other.0) {
        for (at, (_, row)) in group.iter().enumerate() {
            // Rows are in the order of ids, which says nothing about who is who.
            let others = group.iter().skip(at + 1).take(NEIGHBOURS);
            pairs.extend(
                others
                    .map(|(_, other)| (*row, *other))
                    .filter(|(a, b)| table.may_match(*a, *b)),
            );
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    let every = pairs.len().div_ceil(DRAWN).max(1);
    pairs.into_iter().step_by(every).collect()
}
