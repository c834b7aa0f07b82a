//! Pairs of a sample, counted by their pattern.

use rayon::prelude::*;

use crate::pattern::Pattern;
use crate::table::{Row, Table};

/// How many pairs show each pattern; in the order of patterns, so that sums do not depend on threads.
pub struct PatternCounts(Vec<(Pattern, f64)>);

impl PatternCounts {
    pub fn of(table: &Table, pairs: &[(Row, Row)]) -> Self {
        let mut patterns: Vec<Pattern> = pairs
            .par_iter()
            .map(|(a, b)| Pattern::of(table, *a, *b))
            .collect();
        patterns.par_sort_unstable();
        let counts = patterns
            .chunk_by(PartialEq::eq)
            .map(|same| (same[0], same.len() as f64));
        Self(counts.collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = (Pattern, f64)> {
        self.0.iter().copied()
    }
}
