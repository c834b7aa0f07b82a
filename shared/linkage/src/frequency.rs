//! How common a value is: two people called Smith agree less than two called Featherstonehaugh.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::table::Table;

/// Values that fewer records share are counted together, so that a stored model singles nobody out.
const SHARED_BY: u32 = 5;
/// The most values of a field that are counted by themselves.
const COUNTED: usize = 20_000;

/// What is believed of chance weighs as much as this many records: in a table of a few records, two
/// that share a value say little about how common it is.
const BELIEF: f64 = 200.0;

/// How common the values of a field are (term frequencies; Newcombe 1959, Winkler 1989).
///
/// A value that at least five records share is held as a 64-bit hash and its rate; all others share
/// one rate. A hash is no secret: whoever stores a model treats it like the values it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frequencies {
    common: Vec<(u64, f64)>,
    rare: f64,
}

impl Frequencies {
    pub(crate) fn count(table: &Table, field: usize) -> Self {
        let mut counts: FxHashMap<u64, u32> = FxHashMap::default();
        let mut records = 0_u32;
        for row in 0..table.len() as u32 {
            let values = table.values(field, row);
            records += u32::from(!values.is_empty());
            for value in values {
                *counts.entry(name(table, value.place)).or_default() += 1;
            }
        }
        let chance = table.schema().fields()[field].comparator.chance()[0];
        // Of the records that share a value, one is compared with the others.
        let rate = |others: f64| (others + BELIEF * chance) / (f64::from(records) + BELIEF);
        let (mut common, rare): (Vec<_>, Vec<_>) = counts
            .into_iter()
            .partition(|(_, count)| *count >= SHARED_BY);
        common.sort_unstable_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        common.truncate(COUNTED);
        common.sort_unstable();
        let others: u32 = rare.iter().map(|(_, count)| count - 1).sum();
        Self {
            rare: rate(f64::from(others) / rare.len().max(1) as f64),
            common: common
                .into_iter()
                .map(|(name, count)| (name, rate(f64::from(count - 1))))
                .collect(),
        }
    }

    /// The share of the rarest values.
    pub(crate) fn least(&self) -> f64 {
        let rates = self.common.iter().map(|(_, rate)| *rate);
        rates.fold(self.rare, f64::min)
    }

    /// The share of records that have the value.
    pub(crate) fn rate(&self, name: u64) -> f64 {
        let place = self.common.binary_search_by_key(&name, |(name, _)| *name);
        place.map_or(self.rare, |place| self.common[place].1)
    }
}

/// A value as frequencies know it.
pub(crate) fn name(table: &Table, value: u32) -> u64 {
    xxh3_64(table.value(value).squeezed.as_bytes())
}
