//! How values agree among records of different customers.

use rayon::prelude::*;

use super::counts::PatternCounts;
use super::pairs;
use super::pass::Pass;
use super::tally::{Tally, blended};
use crate::model::{Model, probability};
use crate::pattern::crossed;
use crate::table::Table;

/// What is believed of chance weighs as much as this many pairs.
const BELIEF: f64 = 1_000.0;

/// What a table says about pairs picked blindly.
pub struct Chance {
    sample: PatternCounts,
    /// All pairs.
    pairs: f64,
    /// Per field the pairs that have values in it.
    known: Vec<f64>,
    /// Per field the pairs that are equal in it.
    pub equal: Vec<f64>,
}

impl Chance {
    pub fn of(table: &Table) -> Self {
        let fields = (0..table.schema().fields().len()).into_par_iter();
        Self {
            sample: PatternCounts::of(table, &pairs::random(table)),
            pairs: pairs::all(table),
            known: fields
                .clone()
                .map(|field| pairs::known(table, field))
                .collect(),
            equal: fields.map(|field| pairs::equal(table, field)).collect(),
        }
    }

    /// The prior: how many matches the passes found, each missing those that differ in its field.
    pub fn prior(&self, model: &Model, passes: &[Pass]) -> f64 {
        let found: f64 = passes.iter().map(|pass| pass.total * pass.share).sum();
        let reach: f64 = passes
            .iter()
            .map(|pass| model.fields[pass.field].m[0])
            .sum();
        if reach > 0.0 {
            ((found / reach + 0.5) / (self.pairs + 1.0)).min(super::PRIOR_MAX)
        } else {
            model.prior
        }
    }

    /// The model's rates of chance: the levels of pairs picked blindly, less the matches among them;
    /// and of equality, which is too rare in a sample, from all pairs that are equal.
    pub fn settle(&self, model: &mut Model, passes: &[Pass]) {
        let others = self.others(model);
        let schema = model.schema.clone();
        for (at, field) in schema.fields().iter().enumerate() {
            let believed = field.comparator.chance();
            let rates = &mut model.fields[at];
            let equal = match passes.iter().find(|pass| pass.field == at) {
                Some(pass) => self.equal[at] * (1.0 - pass.share),
                None => (self.equal[at] - model.prior * self.known[at] * rates.m[0]).max(0.0),
            };
            let equal = (equal + BELIEF * believed[0]) / (self.known[at] + BELIEF);
            rates.u = blended(&others.fields[at], believed, BELIEF);
            let rest: f64 = rates.u[1..].iter().sum();
            rates.u[0] = equal;
            for level in &mut rates.u[1..] {
                *level *= (1.0 - equal) / rest;
            }
        }
        for (at, crossing) in others.exchanges.iter().enumerate() {
            let believed = crossed(&schema, at).chance();
            model.exchanges[at].crossed.u = blended(&crossing.levels, believed, BELIEF);
        }
    }

    /// Expected counts of levels among the pairs of the sample that do not match.
    fn others(&self, model: &Model) -> Tally {
        let mut others = Tally::of(model);
        let mut shares = vec![0.0; model.exchanges.len()];
        // Straight and crossed comparisons both count in full, as they are chance alike.
        let straight = vec![0.0; model.exchanges.len()];
        let crossed = vec![1.0; model.exchanges.len()];
        let odds = model.prior / (1.0 - model.prior);
        for (pattern, count) in self.sample.iter() {
            let matching = probability(odds * model.ratio(pattern, None, &mut shares));
            let expected = count * (1.0 - matching);
            others.see(model, pattern, expected, None, &straight);
            others.see_crossed(model, pattern, expected, None, &crossed);
        }
        others
    }
}
