//! Work that only inserts rows: what waits is inserted together, with a few statements for all of it.

use sea_orm::{DbErr, Value};

use crate::idempotency::{self, Kept};
use crate::job::Job;
use crate::{Change, Insert, Tx};

/// Rows that a piece of work inserts and expects to be new, and what is told of them.
#[derive(Clone, Debug)]
pub struct NewRows {
    pub insert: Insert<'static>,
    /// Value after value, row after row.
    pub values: Vec<Value>,
    /// For the feed, see [`Tx::stage`].
    pub changes: Vec<Change>,
    /// For the audit log, see [`Tx::touch`].
    pub resources: Vec<String>,
    pub fields: &'static [&'static str],
}

/// What work comes to where all its rows are new and its request was not made before.
pub(crate) struct Expected {
    pub rows: NewRows,
    pub kept: Option<Kept>,
}

impl Expected {
    pub fn row_count(&self) -> usize {
        self.rows.insert.rows_in(&self.rows.values)
    }

    /// Whether one statement can insert the rows of both.
    pub fn is_like(&self, other: &Self) -> bool {
        self.rows.insert == other.rows.insert
    }

    /// The rows are inserted: others may be told.
    pub fn tell(self, tx: &Tx) {
        for resource in self.rows.resources {
            tx.touch(resource, self.rows.fields);
        }
        self.rows
            .changes
            .into_iter()
            .for_each(|change| tx.stage(change));
    }
}

/// What several pieces of work expect, put together.
pub(crate) struct Together {
    insert: Insert<'static>,
    values: Vec<Value>,
    kept: Vec<Value>,
}

impl Together {
    /// `None` where nobody expects anything.
    pub fn of(jobs: &[Box<dyn Job>]) -> Option<Self> {
        let mut expected = jobs.iter().filter_map(|job| job.expected());
        let mut all = Self {
            insert: expected.next()?.rows.insert.skip_conflicts(),
            values: Vec::new(),
            kept: Vec::new(),
        };
        for Expected { rows, kept } in jobs.iter().filter_map(|job| job.expected()) {
            all.values.extend(rows.values.iter().cloned());
            all.kept.extend(kept.iter().flat_map(Kept::values));
        }
        Some(all)
    }

    /// False where something stands against any of it; the caller then undoes the rest.
    pub async fn insert(self, tx: &Tx) -> Result<bool, DbErr> {
        if !idempotency::keep_all(tx, self.kept).await? {
            return Ok(false);
        }
        let rows = self.insert.rows_in(&self.values) as u64;
        Ok(self.insert.rows(tx.conn(), self.values).await? == rows)
    }
}
