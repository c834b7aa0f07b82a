//! The transaction that work runs in, and what it hands to the feed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dossier_kernel::{Result, TenantId, Timestamp};
use futures::future::BoxFuture;
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use crate::Backend;

/// The open transaction. Work reads and writes through [`Tx::conn`] and awaits nothing else.
pub struct Tx {
    conn: DatabaseTransaction,
    backend: Backend,
    staged: Mutex<Vec<Change>>,
}

/// Something others must learn: appended to the feed as the last statement before the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub tenant: TenantId,
    /// Whose change it is; picks the shard, so that changes of one subject stay in order.
    pub subject: Uuid,
    pub time: Timestamp,
    /// What followers read. Holds no direct or sensitive personal data.
    pub body: Vec<u8>,
}

/// Where a change came to lie in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub shard: i16,
    /// Dense per shard, beginning with 1, in commit order.
    pub seq: i64,
    /// Which history the numbers belong to; a restore begins another.
    pub epoch: Uuid,
}

/// Gives staged changes their positions, as the last statements of a transaction: `feed::append`.
/// One position per change, in the changes' order.
pub type BeforeCommit = for<'a> fn(
    &'a DatabaseTransaction,
    Backend,
    &'a [Change],
) -> BoxFuture<'a, Result<Vec<Position>>>;

/// What is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    pub value: T,
    /// Where the changes staged by this work lie, in the order they were staged.
    pub positions: Vec<Position>,
    /// True when an earlier call with the same `request_id` did the work.
    pub replayed: bool,
}

impl<T> Committed<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Committed<U> {
        Committed {
            value: f(self.value),
            positions: self.positions,
            replayed: self.replayed,
        }
    }
}

impl Tx {
    pub(crate) fn new(conn: DatabaseTransaction, backend: Backend) -> Self {
        Self {
            conn,
            backend,
            staged: Mutex::new(Vec::new()),
        }
    }

    pub fn conn(&self) -> &DatabaseTransaction {
        &self.conn
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Hands a change to the feed. It is published if and only if this work commits.
    pub fn stage(&self, change: Change) {
        self.changes().push(change);
    }

    pub(crate) fn staged_count(&self) -> usize {
        self.changes().len()
    }

    /// Forgets what was staged after the first `count` changes: their work was rolled back.
    pub(crate) fn unstage_after(&self, count: usize) {
        self.changes().truncate(count);
    }

    pub(crate) fn into_parts(self) -> (DatabaseTransaction, Vec<Change>) {
        (
            self.conn,
            self.staged
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    // A push cannot leave the list half-changed, so a panic elsewhere does not spoil it.
    fn changes(&self) -> MutexGuard<'_, Vec<Change>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
