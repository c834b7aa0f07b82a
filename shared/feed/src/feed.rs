//! The feed of one service's database.

use std::sync::Arc;
use std::time::Duration;

use dossier_db::{Db, Tx, error};
use dossier_kernel::{Ctx, Error, Reason, Result, TenantId, Timestamp};
use futures::stream::BoxStream;
use sea_orm::{ConnectionTrait, Statement, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::append::shards;
use crate::read::{self, Head};
use crate::{Cursor, Item, watch};

/// How watchers look for news.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A watcher that received nothing for this long receives its cursor.
    pub heartbeat: Duration,
    /// Commits of this process wake watchers at once. For those of other processes they look again
    /// after `poll_min`, and less often while nothing happens, up to `poll_max`.
    pub poll_min: Duration,
    pub poll_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            poll_min: Duration::from_millis(20),
            poll_max: Duration::from_millis(500),
        }
    }
}

/// Events deleted in one transaction at most: nobody waits long behind a compaction.
const COMPACT_MAX: i64 = 5_000;

/// One service's feed. Cheap to clone.
#[derive(Clone)]
pub struct Feed(Arc<Inner>);

struct Inner {
    db: Db,
    options: Options,
}

impl Feed {
    pub fn open(db: Db, options: Options) -> Self {
        Self(Arc::new(Inner { db, options }))
    }

    /// Where the feed stands: covers everything committed before the call.
    pub async fn head(&self) -> Result<Cursor> {
        Ok(read::cursor_at_head(
            &read::heads(&self.db().reader_of(&TenantId::all())).await?,
        ))
    }

    /// Where the feed stands in a reading transaction of the same database: what the transaction
    /// shows is what everything up to this cursor made, so a snapshot read in it and a watch from
    /// here on neither miss nor repeat anything. (On PostgreSQL it must be `REPEATABLE READ`.)
    pub async fn head_in<C: ConnectionTrait>(conn: &C) -> Result<Cursor> {
        Ok(read::cursor_at_head(&read::heads(conn).await?))
    }

    /// Events of `tenant` (or of [`TenantId::all`]) after a cursor, or from the oldest kept. Fails
    /// with `COMPACTED` or `EPOCH_CHANGED`, both with the metadata `floor`, where the cursor cannot
    /// be continued; ends with [`Item::End`] when `stop` says so.
    pub fn watch(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
        stop: CancellationToken,
    ) -> BoxStream<'static, Result<Item>> {
        watch::watch(self, tenant, after, stop)
    }

    /// Waits until the feed covers `cursor`, at most until the deadline of `ctx`.
    pub async fn wait_for(&self, ctx: &Ctx, cursor: &Cursor) -> Result<()> {
        let mut signal = self.db().committed();
        let mut pause = self.options().poll_min;
        loop {
            signal.mark_unchanged();
            let head = self.head().await?;
            if head.covers(cursor) {
                return Ok(());
            }
            if head.epoch() != cursor.epoch() {
                return read::check(
                    cursor,
                    &read::heads(&self.db().reader_of(&TenantId::all())).await?,
                );
            }
            ctx.check_deadline()?;
            let pause_max = ctx.remaining().unwrap_or(pause).min(pause);
            let _ = tokio::time::timeout(pause_max, signal.changed()).await;
            pause = (pause * 2).min(self.options().poll_max);
        }
    }

    /// Deletes the events before the first that is not older than `keep_after`, in every shard;
    /// says how many. Followers further behind are told `COMPACTED`.
    pub async fn compact(&self, keep_after: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        for head in read::heads(&self.db().reader_of(&TenantId::all())).await? {
            let last = self.last_before(&head, keep_after).await?;
            let mut floor = head.floor;
            while floor < last {
                let next = last.min(floor + COMPACT_MAX);
                let shard = head.shard;
                let ctx = Ctx::service("feed", TenantId::all());
                let work = self
                    .db()
                    .write(&ctx, move |tx| Box::pin(cut(tx, shard, next)));
                deleted += work.await?.value;
                floor = next;
            }
        }
        Ok(deleted)
    }

    /// Begins another history: to be called on a restored copy before it serves, so that followers
    /// of the lost history notice.
    pub async fn renew_epoch(&self) -> Result<()> {
        let ctx = Ctx::service("feed", TenantId::all());
        let epoch = Uuid::new_v4();
        self.db()
            .write(&ctx, move |tx| {
                Box::pin(async move {
                    execute(tx, "UPDATE feed_head SET epoch = $1", [epoch.into()])
                        .await
                        .map(|_| ())
                })
            })
            .await?;
        Ok(())
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn shards(&self) -> i16 {
        shards(self.db().backend())
    }

    /// The number before the first event that stays.
    async fn last_before(&self, head: &Head, keep_after: Timestamp) -> Result<i64> {
        let statement = Statement::from_sql_and_values(
            self.db().backend().into(),
            "SELECT seq FROM feed_event WHERE shard = $1 AND time >= $2 ORDER BY seq LIMIT 1",
            [head.shard.into(), keep_after.micros().into()],
        );
        let row = self
            .db()
            .reader_of(&TenantId::all())
            .query_one_raw(statement)
            .await
            .map_err(error)?;
        match row {
            Some(row) => Ok(row.try_get_by::<i64, _>(0).map_err(error)? - 1),
            // What came after `head` was read stays.
            None => Ok(head.seq),
        }
    }
}

async fn cut(tx: &Tx, shard: i16, floor: i64) -> Result<u64> {
    let deleted = execute(
        tx,
        "DELETE FROM feed_event WHERE shard = $1 AND seq <= $2",
        [shard.into(), floor.into()],
    )
    .await?;
    // Last, because whoever appends waits for this row.
    execute(
        tx,
        "UPDATE feed_head SET floor = $2 WHERE shard = $1 AND floor < $2",
        [shard.into(), floor.into()],
    )
    .await?;
    Ok(deleted)
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

/// What a wait that is cut short by a deadline says.
pub(crate) fn not_yet() -> Error {
    Error::new(
        Reason::DeadlineExceeded,
        "The deadline passed before the data was as new as the cursor asked for.",
    )
}
