//! What was learned: how often each level is seen among records of one customer, and among others.

use serde::{Deserialize, Serialize};

use crate::comparator::Level;
use crate::frequency::Frequencies;
use crate::pattern::Pattern;
use crate::schema::Schema;

/// What was learned from a table.
///
/// A model is a value: serialised and read again it scores the same. Apart from what it counts about
/// frequent values (see [`Frequencies`]) nothing of a record is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub(crate) schema: Schema,
    pub(crate) fields: Vec<Rates>,
    pub(crate) frequencies: Vec<Frequencies>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) prior: f64,
}

/// Probabilities of the levels of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Among pairs that match.
    pub m: Vec<f64>,
    /// Among pairs that do not.
    pub u: Vec<f64>,
}

/// What was learned about two fields whose values are put into each other's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// How often that happened to one of two matching records.
    pub rate: f64,
    /// Levels of the crossed comparisons, when it happened.
    pub crossed: Rates,
}

impl Rates {
    /// How much more often matching pairs show the level than others; 1 for a missing value.
    pub(crate) fn ratio(&self, level: Level) -> f64 {
        let at = usize::from(level.0);
        match (self.m.get(at), self.u.get(at)) {
            (Some(m), Some(u)) => m / u,
            _ => 1.0,
        }
    }
}

impl Exchange {
    /// The likelihood ratio of an exchanged pair of fields, and the share of it that an exchange has.
    pub(crate) fn mix(&self, straight: f64, crossed: Option<[Level; 2]>) -> (f64, f64) {
        let straight = (1.0 - self.rate) * straight;
        let crossed = crossed.map_or(0.0, |[one, other]| {
            // Grouped so that the product does not depend on which record is which.
            self.rate * (self.crossed.ratio(one) * self.crossed.ratio(other))
        });
        (straight + crossed, crossed / (straight + crossed))
    }
}

impl Model {
    /// The schema it was learned for.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The probability that two records of the table, picked blindly, match.
    pub const fn prior(&self) -> f64 {
        self.prior
    }

    /// What was learned about a field.
    pub fn rates(&self, field: usize) -> Option<&Rates> {
        self.fields.get(field)
    }

    /// The likelihood ratio of a pattern without regard to frequencies of values, leaving out the
    /// fields of one family; and per exchange the share that an exchange has in it.
    pub(crate) fn ratio(
        &self,
        pattern: Pattern,
        without: Option<usize>,
        shares: &mut [f64],
    ) -> f64 {
        let straight = |field: usize| self.fields[field].ratio(pattern.level(field));
        let mut ratio = 1.0;
        for field in 0..self.fields.len() {
            if without != Some(field) && self.schema.exchange_of(field).is_none() {
                ratio *= straight(field);
            }
        }
        for (at, (left, right)) in self.schema.exchanges().iter().enumerate() {
            shares[at] = 0.0;
            if without != Some(*left) {
                let crossed = pattern.crossed(&self.schema, at);
                let (mixed, share) =
                    self.exchanges[at].mix(straight(*left) * straight(*right), crossed);
                shares[at] = share;
                ratio *= mixed;
            }
        }
        ratio
    }
}

/// The probability of a match, given its odds.
pub(crate) fn probability(odds: f64) -> f64 {
    if odds.is_infinite() {
        1.0
    } else {
        odds / (1.0 + odds)
    }
}
