//! The transaction that work runs in, and what it hands to the feed and to the audit log.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dossier_kernel::{AuditEvent, Result, TenantId, Timestamp};
use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use uuid::Uuid;

use crate::{Backend, error};

/// The open transaction. Work reads and writes through [`Tx::conn`] and awaits nothing else.
pub struct Tx {
    conn: DatabaseTransaction,
    backend: Backend,
    handed: Mutex<Handed>,
}

/// What the transaction hands over before it commits.
#[derive(Debug, Default)]
pub struct Staged {
    /// For the feed.
    pub changes: Vec<Change>,
    /// For the audit log.
    pub events: Vec<AuditEvent>,
}

#[derive(Default)]
struct Handed {
    staged: Staged,
    touched: Touched,
}

/// What the running job has touched so far.
#[derive(Default)]
struct Touched {
    resources: Vec<String>,
    count: u64,
    fields: Vec<String>,
    /// The job found its work done by an earlier one, which left its own event.
    replays: bool,
}

/// How much was staged at some moment.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    changes: usize,
    events: usize,
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

/// Writes what was staged, as the last statements of a transaction: the audit log's events, then
/// the feed's changes. One position per change, in the changes' order.
pub type BeforeCommit = for<'a> fn(
    &'a DatabaseTransaction,
    Backend,
    &'a Staged,
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
            handed: Mutex::default(),
        }
    }

    pub fn conn(&self) -> &DatabaseTransaction {
        &self.conn
    }

    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Makes whoever else names `what` in the same database wait until this transaction ends: for
    /// decisions about rows that are not there yet, which nothing else puts in an order.
    pub async fn alone(&self, what: &str) -> Result<()> {
        match self.backend {
            // There is one writer.
            Backend::Sqlite => Ok(()),
            Backend::Postgres => {
                let statement = Statement::from_sql_and_values(
                    self.backend.into(),
                    "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                    [what.into()],
                );
                self.conn.execute_raw(statement).await.map_err(error)?;
                Ok(())
            }
        }
    }

    /// Hands a change to the feed. It is published if and only if this work commits.
    pub fn stage(&self, change: Change) {
        self.handed().staged.changes.push(change);
    }

    /// Says that the work changes `fields` (the contract's names) of a resource, for the event that
    /// a mutation leaves in the audit log. Each resource once; beyond the first
    /// [`AuditEvent::RESOURCES_MAX`] they are only counted.
    pub fn touch<F>(&self, resource: impl Into<String>, fields: F)
    where
        F: IntoIterator<Item: AsRef<str>>,
    {
        let mut handed = self.handed();
        let touched = &mut handed.touched;
        touched.count += 1;
        if touched.resources.len() < AuditEvent::RESOURCES_MAX {
            touched.resources.push(resource.into());
        }
        for field in fields {
            let field = field.as_ref();
            if !touched.fields.iter().any(|known| known == field) {
                touched.fields.push(field.to_owned());
            }
        }
    }

    /// Hands a whole event to the audit log, such as a read; mutations leave theirs by themselves.
    pub fn record(&self, event: AuditEvent) {
        self.handed().staged.events.push(event);
    }

    /// Another job begins.
    pub(crate) fn begin(&self) {
        self.handed().touched = Touched::default();
    }

    /// The job's effect, and its event, were kept earlier.
    pub(crate) fn replay(&self) {
        self.handed().touched.replays = true;
    }

    /// The job is done: `event` learns what it touched.
    pub(crate) fn conclude(&self, mut event: AuditEvent) {
        let mut handed = self.handed();
        let Touched {
            resources,
            count,
            fields,
            replays,
        } = std::mem::take(&mut handed.touched);
        if !replays {
            event.resources = resources;
            event.resource_count = count;
            event.fields = fields;
            handed.staged.events.push(event);
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        let handed = self.handed();
        Mark {
            changes: handed.staged.changes.len(),
            events: handed.staged.events.len(),
        }
    }

    /// The changes staged since then, as places in the order of all.
    pub(crate) fn changes_since(&self, mark: Mark) -> Range<usize> {
        mark.changes..self.handed().staged.changes.len()
    }

    /// Forgets what was staged since then: the work was rolled back.
    pub(crate) fn unstage_after(&self, mark: Mark) {
        let staged = &mut self.handed().staged;
        staged.changes.truncate(mark.changes);
        staged.events.truncate(mark.events);
    }

    pub(crate) fn into_parts(self) -> (DatabaseTransaction, Staged) {
        let handed = self
            .handed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        (self.conn, handed.staged)
    }

    // A push cannot leave a list half-changed, so a panic elsewhere does not spoil it.
    fn handed(&self) -> MutexGuard<'_, Handed> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Staged {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.events.is_empty()
    }
}
