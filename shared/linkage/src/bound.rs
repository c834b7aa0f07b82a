//! The most that a pair can be worth, before its texts are compared.

use crate::comparator::Level;
use crate::model::{Model, Rates};
use crate::pattern::{agree_at_best, crossed};
use crate::schema::{MAX_FIELDS, Schema};
use crate::score::Scorer;
use crate::table::Row;

/// Levels as they are packed, that of a missing value the last.
const LEVELS: usize = Level::MISSING.0 as usize + 1;

/// Per comparison and level the highest likelihood ratio of that level or a worse one.
pub(crate) struct Bounds {
    fields: Vec<[f64; LEVELS]>,
    exchanges: Vec<[f64; LEVELS]>,
}

/// The highest likelihood ratios that are left possible for a pair.
pub(crate) struct Bound {
    straight: [f64; MAX_FIELDS],
    exchanged: [f64; MAX_FIELDS],
}

impl Bounds {
    pub fn of(model: &Model) -> Self {
        let fields = model.fields.iter().zip(&model.frequencies);
        let exchanges = model.exchanges.iter().map(|exchange| &exchange.crossed);
        Self {
            fields: fields
                .map(|(rates, frequencies)| highest(rates, rates.m[0] / frequencies.least()))
                .collect(),
            exchanges: exchanges
                .map(|rates| highest(rates, rates.ratio(Level::EQUAL)))
                .collect(),
        }
    }

    /// The bound of a pair from what is known of its values at a glance.
    pub fn glance(&self, scorer: &Scorer, a: Row, b: Row) -> Bound {
        let schema = scorer.table.schema();
        let mut bound = Bound {
            straight: [1.0; MAX_FIELDS],
            exchanged: [0.0; MAX_FIELDS],
        };
        for (field, described) in schema.fields().iter().enumerate() {
            let level = agree_at_best(described.comparator, scorer.table, (field, a), (field, b));
            bound.straight[field] = self.fields[field][usize::from(level.0)];
        }
        for (at, (left, right)) in schema.exchanges().iter().enumerate() {
            let by = crossed(schema, at);
            let ratio = |left, right| {
                let level = agree_at_best(by, scorer.table, (left, a), (right, b));
                self.exchanges[at][usize::from(level.0)]
            };
            let rate = scorer.model.exchanges[at].rate;
            bound.exchanged[at] = rate * ratio(*left, *right) * ratio(*right, *left);
        }
        bound
    }
}

impl Bound {
    /// Replaces what a field can weigh by what it does.
    pub const fn set(&mut self, field: usize, ratio: f64) {
        self.straight[field] = ratio;
    }

    /// The highest ratio of the whole pair.
    pub fn most(&self, schema: &Schema) -> f64 {
        let straight = self.straight[..schema.fields().len()].iter().product();
        let exchanges = schema.exchanges().iter().zip(&self.exchanged);
        exchanges.fold(straight, |most: f64, ((left, right), exchanged)| {
            let straight = self.straight[*left] * self.straight[*right];
            most / straight * (straight + exchanged)
        })
    }
}

/// Per level the highest ratio of it and those below; a missing value weighs nothing.
fn highest(rates: &Rates, equal: f64) -> [f64; LEVELS] {
    let mut highest = [1.0; LEVELS];
    let mut most: f64 = 0.0;
    for level in (0..rates.m.len()).rev() {
        let ratio = rates.m[level] / rates.u[level];
        most = most.max(if level == 0 { equal } else { ratio });
        highest[level] = most;
    }
    highest
}
