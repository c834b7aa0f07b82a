//! Comparing the records of a table, part by part.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::blocks::{BlockReport, Blocks};
use crate::error::Error;
use crate::model::Model;
use crate::record::{Couple, RecordId, Side};
use crate::score::{Evidence, Scorer, probability_of, weight_of};
use crate::table::{Row, Table};

/// Records of one part.
const PART: usize = 256;

/// A pair that may be one customer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Whose records.
    pub couple: Couple,
    /// Match weight in bits, the prior included.
    pub weight: f64,
    /// Probability of a match.
    pub probability: f64,
}

/// What a scan may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Pairs compared for each record on average, at most.
    pub pairs_per_record: u32,
    /// Links below this probability are not reported.
    pub probability_min: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pairs_per_record: 64,
            probability_min: 0.01,
        }
    }
}

/// A table to be compared with itself by a model, in numbered parts.
pub struct Scan<'a> {
    pub(crate) table: &'a Table,
    pub(crate) scorer: Scorer<'a>,
    blocks: Blocks,
    pub(crate) dismissed: &'a BTreeSet<Couple>,
    weight_min: f64,
}

impl<'a> Scan<'a> {
    /// Prepares a scan. `dismissed` couples are never linked.
    ///
    /// # Errors
    /// [`Error::OtherSchema`] when the model was trained for other fields.
    pub fn new(
        table: &'a Table,
        model: &'a Model,
        dismissed: &'a BTreeSet<Couple>,
        limits: Limits,
    ) -> Result<Self, Error> {
        if model.schema() != table.schema() {
            return Err(Error::OtherSchema);
        }
        let budget = u64::from(limits.pairs_per_record) * table.len() as u64;
        Ok(Self {
            scorer: Scorer::new(table, model),
            blocks: Blocks::of(table, budget),
            table,
            dismissed,
            weight_min: weight_of(limits.probability_min),
        })
    }

    /// What came of the blocking.
    pub const fn report(&self) -> BlockReport {
        self.blocks.report
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.table.len().div_ceil(PART)
    }

    /// The links of a part, in the order of its records. Parts can be done in any order, at any time, each with
    /// the same result; a number that is too high has none.
    pub fn part(&self, number: usize) -> Vec<Link> {
        let end = self.table.len().min((number + 1) * PART);
        (number * PART..end)
            .into_par_iter()
            .map_init(Vec::new, |others, row| {
                let row = row as Row;
                self.links(row, |other| self.comes_first(row, other), others)
            })
            .flatten_iter()
            .collect()
    }

    /// The last record of a part: who does all up to this one can go on with [`Self::part_after`], also
    /// in another process and when records have come or gone. None for a number that is too high.
    pub fn last_of(&self, number: usize) -> Option<RecordId> {
        let end = self.table.len().min((number + 1) * PART);
        (number * PART < end).then(|| self.table.id(end as Row - 1))
    }

    /// The part of the first record after this one, which need not be in the table.
    pub fn part_after(&self, id: RecordId) -> usize {
        self.table.rows_to(id) / PART
    }

    /// How many records there are in the parts before this one.
    pub fn records_before(&self, number: usize) -> usize {
        self.table.len().min(number * PART)
    }

    /// The links of one record, sorted by the other's id; none for a record that is not in the table.
    pub fn links_of(&self, id: RecordId) -> Vec<Link> {
        let row = self.table.row(id);
        row.map_or_else(Vec::new, |row| self.links(row, |_| true, &mut Vec::new()))
    }

    /// What each field says about a couple, in the order of the schema; nothing for records that are
    /// not in the table. The weights and the prior odds add up to the weight of the couple.
    pub fn evidence(&self, couple: Couple) -> Vec<Evidence> {
        match (self.table.row(couple.low), self.table.row(couple.high)) {
            (Some(low), Some(high)) => self.scorer.evidence(low, high),
            _ => Vec::new(),
        }
    }

    /// Whether it is this row that finds a link of both.
    fn comes_first(&self, row: Row, other: Row) -> bool {
        if self.table.is_linked() {
            self.table.side(row) == Side::Left
        } else {
            row < other
        }
    }

    /// The links of a record with those neighbours that are wanted.
    fn links(&self, row: Row, wanted: impl Fn(Row) -> bool, others: &mut Vec<Row>) -> Vec<Link> {
        others.clear();
        let neighbours = self.blocks.neighbours(self.table, row);
        others
            .extend(neighbours.filter(|other| wanted(*other) && self.table.may_match(row, *other)));
        others.sort_unstable();
        others.dedup();
        let links = others.iter().filter_map(|other| self.link(row, *other));
        links.collect()
    }

    fn link(&self, one: Row, other: Row) -> Option<Link> {
        let weight = self.scorer.weight_from(self.weight_min, one, other)?;
        let couple = Couple::of(self.table.id(one), self.table.id(other));
        if self.dismissed.contains(&couple) {
            return None;
        }
        Some(Link {
            couple,
            weight,
            probability: probability_of(weight),
        })
    }
}
