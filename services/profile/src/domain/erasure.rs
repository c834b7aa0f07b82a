//! How customers are erased: the neighbours first, then again once nothing can be on its way any more,
//! then profile, and their keys last.
//!
//! ```text
//! waiting ─ BEGINNING ─ ERASING ─ SETTLING ─ gone
//!           journal     neighbours  neighbours again, attest zeros; profile's rows, identifiers, keys
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

/// Customers of one erasure.
pub const BATCH_MAX: u64 = 500;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Rows by table, by service.
pub type Counts = BTreeMap<String, BTreeMap<String, u64>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureState {
    /// The journal is told.
    Beginning,
    /// The neighbours erase what they hold.
    Erasing,
    /// What was on its way to them may still arrive.
    Settling,
}

impl ErasureState {
    /// The word used in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beginning => "BEGINNING",
            Self::Erasing => "ERASING",
            Self::Settling => "SETTLING",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Beginning, Self::Erasing, Self::Settling]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// How long to wait after so many failures of one step.
pub fn pause(failures: i32) -> Duration {
    let doublings = u32::try_from(failures).unwrap_or(0).min(16);
    PAUSE_MIN.saturating_mul(1 << doublings).min(PAUSE_MAX)
}

/// Adds what was erased to what had been before.
pub fn add(counts: &mut Counts, more: &Counts) {
    for (service, tables) in more {
        let known = counts.entry(service.clone()).or_default();
        for (table, rows) in tables {
            *known.entry(table.clone()).or_default() += rows;
        }
    }
}

/// The tables in which something is left.
pub fn left(held: &Counts) -> Vec<String> {
    let tables = held.iter().flat_map(|(service, tables)| {
        let full = tables.iter().filter(|(_, rows)| **rows > 0);
        full.map(move |(table, _)| format!("{service}.{table}"))
    });
    tables.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(service: &str, table: &str, rows: u64) -> Counts {
        let tables = BTreeMap::from([(table.to_owned(), rows)]);
        BTreeMap::from([(service.to_owned(), tables)])
    }

    #[test]
    fn what_is_erased_twice_is_counted_together_and_what_is_left_is_named() {
        let mut all = counts("feedback", "answer", 2);
        add(&mut all, &counts("feedback", "answer", 1));
        add(&mut all, &counts("interaction", "interaction", 0));
        assert_eq!(all["feedback"]["answer"], 3);
        assert_eq!(left(&all), ["feedback.answer"]);
        assert!(left(&counts("feedback", "answer", 0)).is_empty());
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        assert_eq!(pause(0), PAUSE_MIN);
        assert_eq!(pause(3), Duration::from_secs(8));
        assert_eq!(pause(i32::MAX), PAUSE_MAX);
    }
}
