//! Expectation and maximisation (Dempster, Laird and Rubin 1977; Winkler 1988).

use super::counts::PatternCounts;
use super::pairs::Drawn;
use super::tally::Tally;
use crate::model::{Model, probability};
use crate::table::Table;

/// Rounds of maximisation at most; it ends earlier when the share of matches does not move.
const ROUNDS: usize = 25;
const STILL: f64 = 1e-6;
/// The share of matches that the first round begins with.
const SHARE: f64 = 0.1;

/// Pairs that are equal in one field, from which the rates of all other fields are learned.
pub struct Pass {
    pub field: usize,
    /// The field and the one it is exchanged with say nothing here.
    family: usize,
    counts: PatternCounts,
    /// How many pairs of the table are equal in the field.
    pub total: f64,
    /// The share of them that match.
    pub share: f64,
}

impl Pass {
    pub fn new(table: &Table, drawn: Drawn) -> Self {
        Self {
            field: drawn.field,
            family: table.schema().family(drawn.field),
            counts: PatternCounts::of(table, &drawn.pairs),
            total: drawn.total,
            share: SHARE,
        }
    }

    /// Learns the rates of matches among these pairs; chance stays as the model has it.
    pub fn maximise(&mut self, model: &Model) -> Tally {
        let mut model = model.clone();
        let mut tally = Tally::of(&model);
        for _ in 0..ROUNDS {
            let before = self.share;
            tally = self.expect(&model);
            tally.settle(&mut model);
            if (self.share - before).abs() < STILL {
                break;
            }
        }
        tally
    }

    /// Expected counts of levels among the matches, and from them the new share.
    fn expect(&mut self, model: &Model) -> Tally {
        let mut tally = Tally::of(model);
        let mut shares = vec![0.0; model.exchanges.len()];
        let odds = self.share / (1.0 - self.share);
        let (mut matches, mut pairs) = (0.0, 0.0);
        for (pattern, count) in self.counts.iter() {
            let ratio = model.ratio(pattern, Some(self.family), &mut shares);
            let expected = count * probability(odds * ratio);
            matches += expected;
            pairs += count;
            tally.see(model, pattern, expected, Some(self.family), &shares);
        }
        // Half a match and half a pair of others keep the odds finite.
        self.share = (matches + 0.5) / (pairs + 1.0);
        tally
    }
}
