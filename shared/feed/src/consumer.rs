//! Follows a feed, local or another service's, with effects that happen exactly once.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use dossier_db::{Backend, Db, Tx, error, failpoint};
use dossier_kernel::{Clock, Ctx, Error, Reason, Result, TenantId, Timestamp};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use sea_orm::{ConnectionTrait, Statement, TryGetable, Value};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::feed::not_yet;
use crate::{Cursor, Progress};

/// Events applied in one transaction at most.
const BATCH_MAX: usize = 500;
const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// One thing received from a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<E> {
    /// Where the feed stands after it.
    pub cursor: String,
    /// `None` for a heartbeat.
    pub event: Option<E>,
}

/// A named follower. Its cursor lies in `feed_cursor` of its own database. Cheap to clone.
#[derive(Clone)]
pub struct Consumer {
    db: Db,
    name: &'static str,
    progress: Arc<watch::Sender<Progress>>,
}

impl Consumer {
    /// `db` is where the effects go; `name` says whose feed is followed and why.
    pub fn new(db: Db, name: &'static str) -> Self {
        Self {
            db,
            name,
            progress: Arc::new(watch::channel(Progress::default()).0),
        }
    }

    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Waits until the effects of everything up to `cursor` are stored, at most until the deadline
    /// of `ctx`.
    pub async fn wait_for(&self, ctx: &Ctx, cursor: &Cursor) -> Result<()> {
        let mut progress = self.progress();
        let reached = async {
            // The sender lives as long as this consumer.
            let _ = progress.wait_for(|progress| progress.covers(cursor)).await;
        };
        match ctx.deadline {
            None => reached.await,
            Some(at) => tokio::time::timeout_at(at.into(), reached)
                .await
                .map_err(|_| not_yet())?,
        }
        Ok(())
    }

    /// Follows until `stop`. `open` begins a stream after a cursor; `apply` runs in the transaction
    /// that stores the cursor, so that both happen or neither. Whatever fails is tried again, from
    /// the stored cursor, after a growing pause. Returns an error only where the history cannot be
    /// continued (`COMPACTED`, `EPOCH_CHANGED`): then the effects must be rebuilt and
    /// [`Consumer::reset`] called.
    pub async fn run<E, S, O, A>(&self, open: O, apply: A, stop: CancellationToken) -> Result<()>
    where
        E: Send + 'static,
        S: Stream<Item = Result<Delivery<E>>> + Send,
        O: Fn(Option<String>) -> BoxFuture<'static, Result<S>> + Send + Sync,
        A: for<'t> Fn(&'t Tx, Vec<E>) -> BoxFuture<'t, Result<()>> + Send + Sync + 'static,
    {
        let apply = Arc::new(apply);
        let mut pause = BACK_OFF_MIN;
        while !stop.is_cancelled() {
            let before = self.progress.borrow().applied_count;
            let followed = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                followed = self.follow(&open, &apply) => followed,
            };
            if let Err(error) = followed {
                let lost = matches!(error.reason(), Reason::Compacted | Reason::EpochChanged);
                tracing::warn!(consumer = self.name, %error, "following failed");
                self.progress.send_modify(|progress| {
                    progress.last_error = Some(error.to_string());
                    progress.caught_up = false;
                });
                if lost {
                    return Err(error);
                }
            }
            if self.progress.borrow().applied_count > before {
                pause = BACK_OFF_MIN;
            }
            let _ = tokio::time::timeout(jittered(pause), stop.cancelled()).await;
            pause = (pause * 2).min(BACK_OFF_MAX);
        }
        Ok(())
    }

    /// Forgets the cursor: the next run begins with the oldest event kept. For use where the
    /// effects are deleted in the same transaction.
    pub async fn reset(&self, tx: &Tx) -> Result<()> {
        let sql = "DELETE FROM feed_cursor WHERE tenant_id = $1 AND consumer = $2";
        execute(tx, sql, [self.tenant(), self.name.into()]).await?;
        Ok(())
    }

    /// Whether everything that the feed has told is stored: this process read it to its end, and no
    /// other that follows under this name has moved or forgotten the cursor since. None does before
    /// `tx` ends.
    pub async fn is_caught_up(&self, tx: &Tx) -> Result<bool> {
        let known = {
            let progress = self.progress.borrow();
            progress.cursor.clone().filter(|_| progress.caught_up)
        };
        let Some(known) = known else { return Ok(false) };
        let lock = match tx.backend() {
            Backend::Postgres => " FOR UPDATE",
            Backend::Sqlite => "",
        };
        let sql = format!("{}{lock}", select("cursor"));
        let values = [self.tenant(), self.name.into()];
        let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
        let row = tx.conn().query_one_raw(statement).await.map_err(error)?;
        let stored: Option<String> = match row {
            Some(row) => row.try_get_by(0).map_err(error)?,
            None => None,
        };
        Ok(stored.is_some_and(|stored| stored == known))
    }

    /// One connection, until it ends or something fails.
    async fn follow<E, S, O, A>(&self, open: &O, apply: &Arc<A>) -> Result<()>
    where
        E: Send + 'static,
        S: Stream<Item = Result<Delivery<E>>> + Send,
        O: Fn(Option<String>) -> BoxFuture<'static, Result<S>>,
        A: for<'t> Fn(&'t Tx, Vec<E>) -> BoxFuture<'t, Result<()>> + Send + Sync + 'static,
    {
        let mut stored = self.stored().await?;
        self.progress.send_modify(|progress| {
            // Another process moved it, or it was reset: what was true of the old place is not of
            // this one.
            progress.caught_up &= progress.cursor == stored;
            progress.cursor.clone_from(&stored);
        });
        let stream = open(stored.clone()).await?;
        futures::pin_mut!(stream);
        while let Some(first) = stream.next().await {
            let mut batch = Batch::new(first?);
            let mut failed = None;
            while batch.events.len() < BATCH_MAX {
                match stream.next().now_or_never() {
                    Some(Some(Ok(delivery))) => batch.push(delivery),
                    // What came before it is applied first.
                    Some(Some(Err(error))) => {
                        failed = Some(error);
                        break;
                    }
                    Some(None) | None => break,
                }
            }
            let caught_up = batch.caught_up;
            let count = batch.events.len() as u64;
            if stored.as_deref() != Some(&batch.cursor) {
                let cursor = batch.cursor.clone();
                self.store(stored, batch, apply.clone()).await?;
                stored = Some(cursor);
            }
            self.progress.send_modify(|progress| {
                progress.cursor.clone_from(&stored);
                progress.applied_count += count;
                progress.caught_up = caught_up;
                progress.last_error = None;
            });
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Moves the cursor and applies the batch, in one transaction.
    async fn store<E, A>(&self, from: Option<String>, batch: Batch<E>, apply: Arc<A>) -> Result<()>
    where
        E: Send + 'static,
        A: for<'t> Fn(&'t Tx, Vec<E>) -> BoxFuture<'t, Result<()>> + Send + Sync + 'static,
    {
        let ctx = Ctx::service(self.name, TenantId::all());
        let (tenant, name) = (self.tenant(), self.name);
        self.db
            .write(&ctx, move |tx| {
                Box::pin(async move {
                    let Batch { events, cursor, .. } = batch;
                    failpoint::pass("consumer::before_apply");
                    if !failpoint::planted("consumer::forget_cursor") {
                        move_cursor(tx, tenant, name, from, cursor).await?;
                    }
                    failpoint::pass("consumer::between");
                    if events.is_empty() || failpoint::planted("consumer::forget_effects") {
                        Ok(())
                    } else {
                        apply(tx, events).await?;
                        failpoint::pass("consumer::after_apply");
                        Ok(())
                    }
                })
            })
            .await?;
        failpoint::pass("consumer::after_commit");
        Ok(())
    }

    /// When the stored cursor last moved; `None` before its first move. Also tells of the moves of
    /// other processes that follow under this name.
    pub async fn moved_time(&self) -> Result<Option<Timestamp>> {
        let time = self.select("update_time").await?;
        Ok(time.map(Timestamp))
    }

    async fn stored(&self) -> Result<Option<String>> {
        self.select("cursor").await
    }

    async fn select<T: TryGetable>(&self, column: &str) -> Result<Option<T>> {
        let sql = select(column);
        let values = [self.tenant(), self.name.into()];
        let statement = Statement::from_sql_and_values(self.db.backend().into(), sql, values);
        let row = self
            .db
            .reader_of(&TenantId::all())
            .query_one_raw(statement)
            .await
            .map_err(error)?;
        row.map(|row| row.try_get_by(0)).transpose().map_err(error)
    }

    /// Consumers follow all tenants at once.
    fn tenant(&self) -> Value {
        TenantId::all().as_str().into()
    }
}

fn select(column: &str) -> String {
    format!("SELECT {column} FROM feed_cursor WHERE tenant_id = $1 AND consumer = $2")
}

struct Batch<E> {
    events: Vec<E>,
    cursor: String,
    caught_up: bool,
}

impl<E> Batch<E> {
    fn new(first: Delivery<E>) -> Self {
        let mut batch = Self {
            events: Vec::new(),
            cursor: String::new(),
            caught_up: false,
        };
        batch.push(first);
        batch
    }

    fn push(&mut self, delivery: Delivery<E>) {
        self.cursor = delivery.cursor;
        self.caught_up = delivery.event.is_none();
        self.events.extend(delivery.event);
    }
}

/// Compares and swaps, before the effects: of two that follow under one name, the second finds
/// that the cursor has moved, and its effects do not happen.
async fn move_cursor(
    tx: &Tx,
    tenant: Value,
    name: &str,
    from: Option<String>,
    to: String,
) -> Result<()> {
    let now = Clock::system().now().micros().into();
    let moved = match from {
        None => {
            let sql = "INSERT INTO feed_cursor (tenant_id, consumer, cursor, update_time) \
                       VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
            execute(tx, sql, [tenant, name.into(), to.into(), now]).await?
        }
        Some(from) => {
            let sql = "UPDATE feed_cursor SET cursor = $3, update_time = $4 \
                       WHERE tenant_id = $1 AND consumer = $2 AND cursor = $5";
            execute(tx, sql, [tenant, name.into(), to.into(), now, from.into()]).await?
        }
    };
    if moved == 1 {
        return Ok(());
    }
    Err(Error::unavailable(
        "Another process follows the feed under this name; resuming after it.",
    ))
}

async fn execute<const N: usize>(tx: &Tx, sql: &str, values: [Value; N]) -> Result<u64> {
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    Ok(tx
        .conn()
        .execute_raw(statement)
        .await
        .map_err(error)?
        .rows_affected())
}

/// Between half and all of `pause`, so that followers do not come back all at once.
fn jittered(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0_u8) % 512;
    pause / 2 + pause * u32::try_from(share).unwrap_or(0) / 1_024
}
