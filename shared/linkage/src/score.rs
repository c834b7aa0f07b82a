//! What a pair of records is worth, and why.

use rustc_hash::FxHashMap;

use crate::bound::Bounds;
use crate::comparator::Level;
use crate::frequency::name;
use crate::model::{Model, probability};
use crate::pattern::{agree, cross};
use crate::schema::MAX_FIELDS;
use crate::table::{Row, Table};

/// What a field says about a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The field's name.
    pub field: String,
    /// How its values agree: one of [`Comparator::levels`](crate::Comparator::levels), `missing`
    /// where a record has none, or `exchanged` where they are in another field's place.
    pub level: &'static str,
    /// Bits for a match, or against it when negative.
    pub weight: f64,
}

/// Scores pairs of a table by a model.
pub(crate) struct Scorer<'a> {
    pub table: &'a Table,
    pub model: &'a Model,
    /// The prior odds in bits.
    pub prior: f64,
    /// Per field how common its values are, by their places in the pool.
    rates: Vec<FxHashMap<u32, f64>>,
    bounds: Bounds,
}

impl<'a> Scorer<'a> {
    pub fn new(table: &'a Table, model: &'a Model) -> Self {
        let fields = model.frequencies.iter().enumerate();
        let rates = fields.map(|(field, frequencies)| {
            let rows = 0..table.len() as Row;
            let values = rows.flat_map(|row| table.values(field, row));
            let mut rates = FxHashMap::default();
            for value in values {
                rates
                    .entry(value.place)
                    .or_insert_with(|| frequencies.rate(name(table, value.place)));
            }
            rates
        });
        Self {
            rates: rates.collect(),
            prior: weight_of(model.prior),
            bounds: Bounds::of(model),
            table,
            model,
        }
    }

    /// The match weight: bits for a match, the prior included. Symmetric.
    pub fn weight(&self, a: Row, b: Row) -> f64 {
        let schema = self.table.schema();
        let mut ratios = [1.0; MAX_FIELDS];
        let mut levels = [Level::MISSING; MAX_FIELDS];
        for field in 0..schema.fields().len() {
            (levels[field], ratios[field]) = self.field(field, a, b);
        }
        for (at, (left, right)) in schema.exchanges().iter().enumerate() {
            let crossed = cross(self.table, at, [levels[*left], levels[*right]], a, b);
            let straight = ratios[*left] * ratios[*right];
            (ratios[*left], _) = self.model.exchanges[at].mix(straight, crossed);
            ratios[*right] = 1.0;
        }
        let ratios = ratios[..schema.fields().len()].iter();
        ratios.fold(self.prior, |weight, ratio| weight + ratio.log2())
    }

    /// The match weight, if it is at least this. Most pairs are told apart at a glance, most others
    /// after a few fields.
    pub fn weight_from(&self, least: f64, a: Row, b: Row) -> Option<f64> {
        let schema = self.table.schema();
        let least_ratio = (least - self.prior).exp2();
        let mut bound = self.bounds.glance(self, a, b);
        for field in 0..schema.fields().len() {
            if bound.most(schema) < least_ratio {
                return None;
            }
            bound.set(field, self.field(field, a, b).1);
        }
        Some(self.weight(a, b)).filter(|weight| *weight >= least)
    }

    /// What each field says; the weights and the prior add up to the match weight.
    pub fn evidence(&self, a: Row, b: Row) -> Vec<Evidence> {
        let schema = self.table.schema();
        let fields = schema.fields().iter().enumerate();
        let scored: Vec<(Level, f64)> = (0..schema.fields().len())
            .map(|field| self.field(field, a, b))
            .collect();
        let mut evidence: Vec<Evidence> = fields
            .map(|(at, field)| Evidence {
                field: field.name.clone(),
                level: field.comparator.level_name(scored[at].0),
                weight: scored[at].1.log2(),
            })
            .collect();
        for (at, (left, right)) in schema.exchanges().iter().enumerate() {
            let crossed = cross(self.table, at, [scored[*left].0, scored[*right].0], a, b);
            let straight = scored[*left].1 * scored[*right].1;
            let (mixed, share) = self.model.exchanges[at].mix(straight, crossed);
            if share > 0.5 {
                for field in [*left, *right] {
                    evidence[field].level = "exchanged";
                    evidence[field].weight = mixed.log2() / 2.0;
                }
            } else {
                evidence[*right].weight = mixed.log2() - evidence[*left].weight;
            }
        }
        evidence
    }

    /// The level of a field and its likelihood ratio.
    fn field(&self, field: usize, a: Row, b: Row) -> (Level, f64) {
        let comparator = self.table.schema().fields()[field].comparator;
        let found = agree(comparator, self.table, (field, a), (field, b));
        let rates = &self.model.fields[field];
        if found.level != Level::EQUAL {
            return (found.level, rates.ratio(found.level));
        }
        let known = &self.rates[field];
        let rate = |value| known.get(&value).copied().unwrap_or(rates.u[0]);
        let (one, other) = found.values;
        // Chance agreement on this very value, in place of agreement on any.
        (Level::EQUAL, rates.m[0] / rate(one).max(rate(other)))
    }
}

/// The probability that a weight stands for.
pub(crate) fn probability_of(weight: f64) -> f64 {
    probability(weight.exp2())
}

/// The weight that a probability stands for.
pub(crate) fn weight_of(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}
