//! Work that only inserts rows: what waits is inserted together, with a few statements for all of it.

use sea_orm::{DbErr, Value};

use crate::idempotency::{self, Kept};
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

/// Does what several like pieces of work expect. False where nobody expects anything or something
/// stands against any of it; the caller then undoes the rest.
pub(crate) async fn insert_together(expected: Vec<&Expected>, tx: &Tx) -> Result<bool, DbErr> {
    let Some(first) = expected.first() else {
        return Ok(false);
    };
    let kept: Vec<&Kept> = expected.iter().flat_map(|one| &one.kept).collect();
    if !idempotency::keep_all(tx, &kept).await? {
        return Ok(false);
    }
    let insert = first.rows.insert.skip_conflicts();
    let count = expected.iter().map(|one| one.row_count()).sum();
    let values = expected.iter().flat_map(|one| one.rows.values.iter());
    let inserted = insert.each(tx.conn(), count, values.cloned()).await?;
    Ok(usize::try_from(inserted) == Ok(count))
}
