//! One record beside a few others.

use crate::model::Model;
use crate::record::{Record, RecordId};
use crate::score::{Evidence, Scorer, probability_of};
use crate::table::Table;

/// How alike another record is, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The other record.
    pub id: RecordId,
    /// Match weight in bits, the prior included.
    pub weight: f64,
    /// Probability of a match.
    pub probability: f64,
    /// What each field says, in the order of the schema.
    pub evidence: Vec<Evidence>,
}

impl Model {
    /// Compares a record with candidates that were found by other means, such as their
    /// [`block_keys`](crate::block_keys). No candidate is left out; one with the record's own id is
    /// not a candidate. The most alike first, those alike by id. The weights are those that a scan
    /// of a table of these records gives.
    pub fn compare(
        &self,
        record: Record,
        candidates: impl IntoIterator<Item = Record>,
    ) -> Vec<Comparison> {
        let id = record.id;
        let table = Table::new(self.schema(), candidates.into_iter().chain([record]));
        let scorer = Scorer::new(&table, self);
        let Some(row) = table.row(id) else {
            return Vec::new();
        };
        let others = (0..table.len() as u32).filter(|other| table.may_match(row, *other));
        let mut comparisons: Vec<Comparison> = others
            .map(|other| {
                let weight = scorer.weight(row, other);
                Comparison {
                    id: table.id(other),
                    weight,
                    probability: probability_of(weight),
                    evidence: scorer.evidence(row, other),
                }
            })
            .collect();
        comparisons.sort_by(|one, other| {
            let heavier = other.weight.total_cmp(&one.weight);
            heavier.then(one.id.cmp(&other.id))
        });
        comparisons
    }
}
