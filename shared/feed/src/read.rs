//! Reads the counters and the events after a position.

use dossier_db::{Db, error};
use dossier_kernel::{Error, Reason, Result, TenantId, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use uuid::Uuid;

use crate::Cursor;

/// Events of one read at most.
pub(crate) const EVENTS_MAX: usize = 500;

/// One shard's counter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) shard: i16,
    pub(crate) epoch: Uuid,
    pub(crate) seq: i64,
    /// Events up to this one are deleted.
    pub(crate) floor: i64,
}

pub(crate) struct Event {
    pub(crate) seq: i64,
    pub(crate) tenant: TenantId,
    pub(crate) subject: Uuid,
    pub(crate) time: Timestamp,
    pub(crate) body: Vec<u8>,
}

pub(crate) async fn heads<C: ConnectionTrait>(conn: &C) -> Result<Vec<Head>> {
    let sql = "SELECT shard, epoch, seq, floor FROM feed_head ORDER BY shard";
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    let rows = conn.query_all_raw(statement).await.map_err(error)?;
    let heads = rows
        .iter()
        .map(head)
        .collect::<Result<Vec<_>, DbErr>>()
        .map_err(error)?;
    if heads.is_empty() {
        return Err(Error::internal("the feed has no counters"));
    }
    Ok(heads)
}

/// Events of one shard after `after` that were not blanked, with the counter as of the same instant: one statement is one
/// snapshot, so neither a new event nor a compaction can slip in between.
pub(crate) async fn events(
    db: &Db,
    tenant: &TenantId,
    shard: i16,
    after: i64,
) -> Result<(Head, Vec<Event>)> {
    let mut values = vec![shard.into(), after.into(), (EVENTS_MAX as i64).into()];
    let of_tenant = if tenant.is_all() {
        ""
    } else {
        values.push(tenant.as_str().into());
        "AND e.tenant_id = $4 "
    };
    let sql = format!(
        "SELECT h.shard, h.epoch, h.seq, h.floor, e.seq, e.tenant_id, e.subject, e.time, e.body \
         FROM feed_head h \
         LEFT JOIN feed_event e ON e.shard = h.shard AND e.shard = $1 AND e.seq > $2 \
         AND length(e.body) > 0 {of_tenant}\
         WHERE h.shard = $1 ORDER BY e.seq LIMIT $3"
    );
    let statement = Statement::from_sql_and_values(db.backend().into(), sql, values);
    let rows = db
        .reader_of(tenant)
        .query_all_raw(statement)
        .await
        .map_err(error)?;
    let first = rows
        .first()
        .ok_or_else(|| Error::internal("the feed has no such shard"))?;
    let head = head(first).map_err(error)?;
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(event) = event(row).map_err(error)? {
            events.push(event);
        }
    }
    Ok((head, events))
}

/// Where the feed stands.
pub(crate) fn cursor_at_head(heads: &[Head]) -> Cursor {
    cursor(heads, |head| head.seq)
}

/// The oldest cursor that works.
pub(crate) fn cursor_at_floor(heads: &[Head]) -> Cursor {
    cursor(heads, |head| head.floor)
}

fn cursor(heads: &[Head], seq: impl Fn(&Head) -> i64) -> Cursor {
    let epoch = heads.first().map_or(Uuid::nil(), |head| head.epoch);
    let mut cursor = Cursor::new(epoch, Vec::new());
    heads
        .iter()
        .for_each(|head| cursor.set(head.shard, seq(head)));
    cursor
}

/// Refuses a cursor that this history cannot continue.
pub(crate) fn check(cursor: &Cursor, heads: &[Head]) -> Result<()> {
    let unknown = cursor.shards() > heads.len();
    let future = heads.iter().any(|head| cursor.seq(head.shard) > head.seq);
    if unknown || future || heads.iter().any(|head| head.epoch != cursor.epoch()) {
        return Err(Error::new(
            Reason::EpochChanged,
            "The cursor is of another history, such as before a restore; start with a snapshot.",
        )
        .with("floor", cursor_at_floor(heads).to_string()));
    }
    if heads.iter().any(|head| cursor.seq(head.shard) < head.floor) {
        return Err(Error::new(
            Reason::Compacted,
            "The cursor lies before what is kept; start with a snapshot.",
        )
        .with("floor", cursor_at_floor(heads).to_string()));
    }
    Ok(())
}

fn head(row: &QueryResult) -> Result<Head, DbErr> {
    Ok(Head {
        shard: row.try_get_by(0)?,
        epoch: row.try_get_by(1)?,
        seq: row.try_get_by(2)?,
        floor: row.try_get_by(3)?,
    })
}

/// `None` on the row of a shard that has no such event.
fn event(row: &QueryResult) -> Result<Option<Event>, DbErr> {
    let Some(seq) = row.try_get_by::<Option<i64>, _>(4)? else {
        return Ok(None);
    };
    let tenant: String = row.try_get_by(5)?;
    Ok(Some(Event {
        seq,
        tenant: TenantId::parse(&tenant).map_err(|_| DbErr::Type("tenant_id".to_owned()))?,
        subject: row.try_get_by(6)?,
        time: Timestamp(row.try_get_by(7)?),
        body: row.try_get_by(8)?,
    }))
}
