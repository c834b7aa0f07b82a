//! The database of one service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dossier_kernel::{Clock, Ctx, Error, Reason, Result, TenantId};
use futures::future::BoxFuture;
use sea_orm::DatabaseConnection;
use sea_orm_migration::MigrationTrait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::idempotency::{self, Claim, Keeper};
use crate::job::{Job, Reply, Work};
use crate::new_rows::Expected;
use crate::writer::{Queue, Writer};
use crate::{
    Backend, BeforeCommit, Committed, NewRows, Once, Options, Reader, Tx, Wall, migrate, postgres,
    sqlite, wall,
};

/// How often outcomes of old requests are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// One service's database. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    service: &'static str,
    outcomes_name_customers: bool,
    reader: DatabaseConnection,
    writing: Writing,
    committed: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    /// Turns to hold a connection for a snapshot.
    snapshots: Semaphore,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

enum Writing {
    /// To the one writer of the file, and its connection, which is closed last.
    Sqlite {
        queue: Queue,
        conn: DatabaseConnection,
        broken: Arc<AtomicBool>,
    },
    /// Straight to the pool.
    Postgres { before_commit: BeforeCommit },
}

impl Db {
    /// Opens or creates the database. `before_commit` writes what transactions stage.
    pub async fn open(options: Options, before_commit: BeforeCommit) -> Result<Self> {
        let (committed, _) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        let (reader, writing) = match Backend::of(&options.url)? {
            Backend::Sqlite => {
                let opened = sqlite::open(&options).await?;
                let conn = opened.writer;
                let (writer, queue) = Writer::new(conn.clone(), before_commit, committed.clone());
                let broken = writer.broken();
                tasks.push(tokio::spawn(writer.run(stopped)));
                let writing = Writing::Sqlite {
                    queue,
                    conn,
                    broken,
                };
                (opened.reader, writing)
            }
            Backend::Postgres => (
                postgres::open(&options).await?,
                Writing::Postgres { before_commit },
            ),
        };
        let inner = Inner {
            service: options.schema,
            outcomes_name_customers: options.outcomes_name_customers,
            reader,
            writing,
            committed,
            stop,
            snapshots: Semaphore::new((options.max_connections / 2).max(1) as usize),
            tasks: Mutex::new(tasks),
        };
        let db = Self(Arc::new(inner));
        db.0.tasks.lock().await.push(db.spawn_forgetting());
        Ok(db)
    }

    pub fn backend(&self) -> Backend {
        match &self.0.writing {
            Writing::Sqlite { .. } => Backend::Sqlite,
            Writing::Postgres { .. } => Backend::Postgres,
        }
    }

    /// True once the disk failed or the writer died: reads are answered, writes are refused until
    /// the next start. On PostgreSQL every write is tried, so it is never true.
    pub fn is_read_only(&self) -> bool {
        match &self.0.writing {
            Writing::Sqlite { queue, broken, .. } => {
                broken.load(Ordering::Relaxed) || (queue.is_closed() && !self.is_stopping())
            }
            Writing::Postgres { .. } => false,
        }
    }

    pub(crate) fn service(&self) -> &'static str {
        self.0.service
    }

    fn is_stopping(&self) -> bool {
        *self.0.stop.borrow()
    }

    /// Why work got no answer.
    fn unanswered(&self) -> Error {
        if self.is_stopping() {
            return Error::unavailable("The database is closed; the service is stopping.");
        }
        match self.backend() {
            Backend::Sqlite => Error::unavailable(
                "The writer ended and the service is read-only; it must be restarted.",
            ),
            Backend::Postgres => {
                Error::unavailable("The work was cut off; retry with the same request id.")
            }
        }
    }

    /// For reading what belongs to `tenant`, or to all where that is [`TenantId::all`].
    pub fn reader_of(&self, tenant: &TenantId) -> Reader {
        Reader::new(&self.0.reader, tenant)
    }

    pub(crate) fn snapshots(&self) -> &Semaphore {
        &self.0.snapshots
    }

    /// Whether the database itself keeps tenants apart for the role it was opened with.
    pub async fn wall(&self) -> Result<Wall> {
        wall::state(&self.reader_of(&TenantId::all())).await
    }

    /// Runs `work` in a transaction; `Ok` means that its effect is on disk. Where `work` fails, or
    /// the deadline of `ctx` passes first, nothing is kept. `work` awaits nothing but its
    /// transaction. Where `ctx` answers a call that changes something, the transaction also holds
    /// the call's event for the audit log.
    pub async fn write<T, F>(&self, ctx: &Ctx, work: F) -> Result<Committed<T>>
    where
        F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.insert(ctx, None, work).await
    }

    /// As [`Db::write`], but at most once per tenant and `request_id`, for at least 7 days: a call
    /// that comes again gets the first one's value with `replayed` set, a call with another body
    /// `REQUEST_ID_REUSED`. Failed work is not remembered. The value is stored as JSON and must
    /// hold no plain personal data.
    pub async fn write_once<T, F>(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        work: F,
    ) -> Result<Committed<T>>
    where
        F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        self.insert_once(ctx, once, None, work).await
    }

    /// As [`Db::write`], for `work` that may be expected to only insert rows, all of them new, and
    /// to come to a value. On SQLite the rows of all that wait are then inserted together, with a
    /// few statements. `work` is run, alone, where something stands against that, and on
    /// PostgreSQL.
    pub async fn insert<T, F>(
        &self,
        ctx: &Ctx,
        expected: Option<(NewRows, T)>,
        work: F,
    ) -> Result<Committed<T>>
    where
        F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let expected = expected.map(|(rows, value)| (Expected { rows, kept: None }, value));
        let (job, answer) = Work::new(ctx, work);
        self.hand_in(ctx, Box::new(job.expecting(expected)), answer)
            .await
    }

    /// As [`Db::insert`], at most once per tenant and `request_id`, like [`Db::write_once`].
    pub async fn insert_once<T, F>(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        expected: Option<(NewRows, T)>,
        work: F,
    ) -> Result<Committed<T>>
    where
        F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let keeper = Keeper {
            tenant: ctx.tenant.clone(),
            names_customers: self.0.outcomes_name_customers,
        };
        let expected = match expected {
            None => None,
            Some((rows, value)) => {
                let now = Clock::system().now();
                let once = once.clone();
                let kept = once
                    .map(|once| keeper.keep(once, &value, now))
                    .transpose()?;
                Some((Expected { rows, kept }, (value, false)))
            }
        };
        let (job, answer) = Work::new(ctx, move |tx| Box::pin(run_once(tx, keeper, once, work)));
        let done = self
            .hand_in(ctx, Box::new(job.expecting(expected)), answer)
            .await?;
        let (value, replayed) = done.value;
        Ok(Committed {
            value,
            positions: done.positions,
            replayed,
        })
    }

    async fn hand_in<T>(
        &self,
        ctx: &Ctx,
        job: Box<dyn Job>,
        answer: Reply<T>,
    ) -> Result<Committed<T>> {
        ctx.check_deadline()?;
        match &self.0.writing {
            Writing::Sqlite { queue, .. } => {
                let sent = queue.send(job);
                within(ctx, sent).await?.map_err(|_| self.unanswered())?;
            }
            Writing::Postgres { before_commit } => {
                let pool = self.0.reader.clone();
                let committed = self.0.committed.clone();
                // In a task of its own: a caller that goes away cannot cut it in half.
                tokio::spawn(postgres::run(
                    pool,
                    *before_commit,
                    committed,
                    ctx.tenant.clone(),
                    job,
                ));
            }
        }
        answer.await.map_err(|_| self.unanswered())?
    }

    /// Applies what the ledger lacks, in one transaction; says how many migrations that were.
    pub async fn migrate(&self, migrations: Vec<Box<dyn MigrationTrait>>) -> Result<u32> {
        let ctx = Ctx::service(self.0.service, TenantId::all());
        let service = self.0.service;
        let now = Clock::system().now();
        let done = self
            .write(&ctx, move |tx| {
                Box::pin(async move { migrate::apply(tx, service, &migrations, now).await })
            })
            .await?;
        Ok(done.value)
    }

    /// Fails with `FAILED_PRECONDITION` naming what is missing and the command that applies it.
    pub async fn check_migrated(&self, migrations: &[Box<dyn MigrationTrait>]) -> Result<()> {
        let missing = migrate::missing(&self.reader_of(&TenantId::all()), migrations).await?;
        if missing.is_empty() {
            Ok(())
        } else {
            Err(migrate::unmigrated(self.0.service, &missing))
        }
    }

    /// Counts the commits of this process that published changes.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.0.committed.subscribe()
    }

    /// Deletes outcomes of requests older than the promise; also done every hour.
    pub async fn forget_outcomes(&self) -> Result<u64> {
        let ctx = Ctx::service(self.0.service, TenantId::all());
        let now = Clock::system().now();
        let done = self
            .write(&ctx, move |tx| Box::pin(idempotency::forget(tx, now)))
            .await?;
        Ok(done.value)
    }

    /// Does what waits, then closes every connection. Later calls are refused.
    pub async fn close(&self) {
        self.0.stop.send_replace(true);
        for task in self.0.tasks.lock().await.drain(..) {
            // A task that panicked has nothing left to wait for.
            let _ = task.await;
        }
        // The writer goes last: the last connection folds the log into the file.
        let _ = self.0.reader.close_by_ref().await;
        if let Writing::Sqlite { conn, .. } = &self.0.writing {
            let _ = conn.close_by_ref().await;
        }
    }

    fn spawn_forgetting(&self) -> JoinHandle<()> {
        let mut stop = self.0.stop.subscribe();
        // The task must not keep the database open that it cleans.
        let inner = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while tokio::time::timeout(FORGET_EVERY, stop.wait_for(|stop| *stop))
                .await
                .is_err()
            {
                let Some(inner) = inner.upgrade() else { return };
                if let Err(error) = Self(inner).forget_outcomes().await {
                    tracing::warn!(%error, "old outcomes were not deleted; tried again in an hour");
                }
            }
        })
    }
}

/// The work's value, and whether an earlier call made it.
async fn run_once<T, F>(tx: &Tx, keeper: Keeper, once: Option<Once>, work: F) -> Result<(T, bool)>
where
    F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    T: Serialize + DeserializeOwned + Send + 'static,
{
    let Some(once) = once else {
        return Ok((work(tx).await?, false));
    };
    // Retention counts real days, also where a demo moves the services' clock.
    let now = Clock::system().now();
    match idempotency::claim(tx, &keeper.tenant, &once, now).await? {
        Claim::Done(outcome) => {
            let value = serde_json::from_slice(&outcome).map_err(Error::internal)?;
            tx.replay();
            Ok((value, true))
        }
        Claim::New => {
            let value = work(tx).await?;
            let kept = keeper.keep(once, &value, now)?;
            idempotency::remember(tx, kept).await?;
            Ok((value, false))
        }
    }
}

async fn within<T>(ctx: &Ctx, future: impl Future<Output = T>) -> Result<T> {
    match ctx.deadline {
        None => Ok(future.await),
        Some(at) => tokio::time::timeout_at(at.into(), future)
            .await
            .map_err(|_| {
                Error::new(
                    Reason::DeadlineExceeded,
                    "The deadline passed before the work began; nothing was changed.",
                )
            }),
    }
}
