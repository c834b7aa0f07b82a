//! Gives changes their numbers. Runs once per transaction, as its last statements.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dossier_db::{Backend, Change, Insert, Position, Staged, error, failpoint};
use dossier_kernel::{Error, Result};
use futures::future::BoxFuture;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

/// How many counters a backend has. SQLite has one writer, so one counter orders everything.
pub(crate) const fn shards(backend: Backend) -> i16 {
    match backend {
        Backend::Sqlite => 1,
        Backend::Postgres => 16,
    }
}

/// The shard of a subject. The last byte of a UUID of version 4, 5 or 7 is evenly spread.
pub(crate) fn shard_of(subject: Uuid, backend: Backend) -> i16 {
    i16::from(subject.as_bytes()[15]) % shards(backend)
}

/// Part of the `BeforeCommit` of every database with a feed. Whoever appends to a shard holds its counter
/// until the commit, so this comes last; shards are taken in ascending order, so that no two
/// transactions wait for each other.
pub fn append<'a>(
    txn: &'a DatabaseTransaction,
    backend: Backend,
    staged: &'a Staged,
) -> BoxFuture<'a, Result<Vec<Position>>> {
    Box::pin(async move {
        let changes = &staged.changes;
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut counts = BTreeMap::new();
        for change in changes {
            *counts
                .entry(shard_of(change.subject, backend))
                .or_insert(0_i64) += 1;
        }
        failpoint::pass("feed::before_append");
        let mut heads = advance(txn, backend, &counts).await?;
        let mut positions = Vec::with_capacity(changes.len());
        for change in changes {
            let head = heads
                .get_mut(&shard_of(change.subject, backend))
                .ok_or_else(|| Error::internal("the feed has no counter for a shard"))?;
            head.seq += 1;
            positions.push(*head);
        }
        let values = changes.iter().zip(&positions).flat_map(values);
        Insert::into("feed_event", &COLUMNS)
            .each(txn, changes.len(), values)
            .await
            .map_err(error)?;
        failpoint::pass("feed::after_append");
        Ok(positions)
    })
}

const COLUMNS: [&str; 6] = ["tenant_id", "shard", "seq", "subject", "time", "body"];

fn values((change, at): (&Change, &Position)) -> [Value; COLUMNS.len()] {
    [
        change.tenant.as_str().into(),
        at.shard.into(),
        at.seq.into(),
        change.subject.into(),
        change.time.micros().into(),
        change.body.clone().into(),
    ]
}

/// Moves the counters on; returns where each stood before.
async fn advance(
    txn: &DatabaseTransaction,
    backend: Backend,
    counts: &BTreeMap<i16, i64>,
) -> Result<BTreeMap<i16, Position>> {
    if counts.len() > 1 {
        lock(txn, backend, counts).await.map_err(error)?;
    }
    let mut rows = String::new();
    let mut values: Vec<Value> = Vec::with_capacity(counts.len() * 2);
    for (shard, count) in counts {
        let n = values.len();
        // The first row's types are those of the column; a lone row is written without VALUES.
        let _ = match n {
            0 => write!(rows, "(CAST($1 AS smallint), CAST($2 AS bigint))"),
            _ => write!(rows, ", (${}, ${})", n + 1, n + 2),
        };
        values.extend([Value::from(*shard), Value::from(*count)]);
    }
    let sql = match counts.len() {
        1 => "UPDATE feed_head SET seq = seq + $2 WHERE shard = $1 \
              RETURNING shard, seq - $2, epoch"
            .to_owned(),
        _ => format!(
            "UPDATE feed_head SET seq = feed_head.seq + v.n FROM (VALUES {rows}) AS v (shard, n) \
             WHERE feed_head.shard = v.shard \
             RETURNING feed_head.shard, feed_head.seq - v.n, feed_head.epoch"
        ),
    };
    let statement = Statement::from_sql_and_values(backend.into(), sql, values);
    let before = txn.query_all_raw(statement).await.map_err(error)?;
    before
        .iter()
        .map(position)
        .collect::<Result<_, DbErr>>()
        .map_err(error)
}

/// An UPDATE takes its rows in no particular order; this takes them in theirs.
async fn lock(
    txn: &DatabaseTransaction,
    backend: Backend,
    counts: &BTreeMap<i16, i64>,
) -> Result<(), DbErr> {
    let shards: Vec<Value> = counts.keys().map(|shard| Value::from(*shard)).collect();
    let places: Vec<String> = (1..=shards.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "SELECT shard FROM feed_head WHERE shard IN ({}) ORDER BY shard FOR UPDATE",
        places.join(", ")
    );
    txn.query_all_raw(Statement::from_sql_and_values(backend.into(), sql, shards))
        .await?;
    Ok(())
}

fn position(row: &QueryResult) -> Result<(i16, Position), DbErr> {
    let shard = row.try_get_by(0)?;
    Ok((
        shard,
        Position {
            shard,
            seq: row.try_get_by(1)?,
            epoch: row.try_get_by(2)?,
        },
    ))
}
