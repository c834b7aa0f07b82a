//! Expected counts of levels.

use crate::comparator::Comparator;
use crate::model::{Model, Rates};
use crate::pattern::{Pattern, crossed};

/// What is believed weighs as much as this many matching pairs: a tenant with few duplicates keeps
/// sensible rates, one with many forgets them.
const BELIEF: f64 = 20.0;

/// Expected counts of levels among pairs of one kind.
pub struct Tally {
    pub fields: Vec<Vec<f64>>,
    pub exchanges: Vec<Crossing>,
}

/// How often two fields were exchanged, and the levels of their crossed comparisons.
pub struct Crossing {
    exchanged: f64,
    straight: f64,
    pub levels: Vec<f64>,
}

impl Tally {
    pub fn of(model: &Model) -> Self {
        let empty = |rates: &Rates| vec![0.0; rates.m.len()];
        let exchanges = model.exchanges.iter();
        Self {
            fields: model.fields.iter().map(empty).collect(),
            exchanges: exchanges
                .map(|exchange| Crossing {
                    exchanged: 0.0,
                    straight: 0.0,
                    levels: empty(&exchange.crossed),
                })
                .collect(),
        }
    }

    /// Counts a pattern, leaving out a family of fields; `shares` is how far each exchange explains
    /// it.
    pub fn see(
        &mut self,
        model: &Model,
        pattern: Pattern,
        expected: f64,
        without: Option<usize>,
        shares: &[f64],
    ) {
        let schema = &model.schema;
        for (field, counts) in self.fields.iter_mut().enumerate() {
            if without == Some(schema.family(field)) {
                continue;
            }
            let straight = schema.exchange_of(field).map_or(1.0, |at| 1.0 - shares[at]);
            if let Some(count) = counts.get_mut(usize::from(pattern.level(field).0)) {
                *count += expected * straight;
            }
        }
        self.see_crossed(model, pattern, expected, without, shares);
    }

    /// Counts the crossed levels of a pattern alone.
    pub fn see_crossed(
        &mut self,
        model: &Model,
        pattern: Pattern,
        expected: f64,
        without: Option<usize>,
        shares: &[f64],
    ) {
        let schema = &model.schema;
        for (at, crossing) in self.exchanges.iter_mut().enumerate() {
            if without == Some(schema.exchanges()[at].0) {
                continue;
            }
            crossing.exchanged += expected * shares[at];
            crossing.straight += expected * (1.0 - shares[at]);
            for level in pattern.crossed(schema, at).into_iter().flatten() {
                if let Some(count) = crossing.levels.get_mut(usize::from(level.0)) {
                    *count += expected * shares[at];
                }
            }
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (counts, more) in self.fields.iter_mut().zip(&other.fields) {
            add(counts, more);
        }
        for (crossing, more) in self.exchanges.iter_mut().zip(&other.exchanges) {
            crossing.exchanged += more.exchanged;
            crossing.straight += more.straight;
            add(&mut crossing.levels, &more.levels);
        }
    }

    /// Makes the counts the model's rates of matches, together with what was believed.
    pub fn settle(&self, model: &mut Model) {
        for (at, field) in model.schema.fields().iter().enumerate() {
            model.fields[at].m = blended(&self.fields[at], field.comparator.belief(), BELIEF);
        }
        for (at, crossing) in self.exchanges.iter().enumerate() {
            let comparator: Comparator = crossed(&model.schema, at);
            let exchange = &mut model.exchanges[at];
            let pairs = crossing.exchanged + crossing.straight;
            exchange.rate = (BELIEF * super::EXCHANGED + crossing.exchanged) / (BELIEF + pairs);
            exchange.crossed.m = blended(&crossing.levels, comparator.belief(), BELIEF);
        }
    }
}

/// Rates of what was counted, together with what is believed as if it had been seen so often.
pub fn blended(counts: &[f64], believed: &[f64], strength: f64) -> Vec<f64> {
    let seen: f64 = counts.iter().sum();
    let each = believed.iter().zip(counts);
    each.map(|(belief, count)| (strength * belief + count) / (strength + seen))
        .collect()
}

fn add(counts: &mut [f64], more: &[f64]) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count += more;
    }
}
