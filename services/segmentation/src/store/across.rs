//! What jobs ask about all tenants at once. Nothing a caller asked for goes through here: the rows
//! come with their tenant, and everything that follows is asked for that tenant alone.

use std::collections::{BTreeMap, BTreeSet};

use dossier_db::{Backend, Tx, error};
use dossier_kernel::id::SegmentId;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use super::State;
use crate::error::Error;

/// Customers whose memberships time may have changed, the longest due first, but of these tenants.
pub async fn due<'t, C: ConnectionTrait>(
    conn: &C,
    at: Timestamp,
    but: impl Iterator<Item = &'t TenantId>,
    limit: u64,
) -> Result<BTreeMap<TenantId, BTreeSet<CustomerId>>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values: Vec<Value> = vec![at.micros().into(), limit.into()];
    let mut others = String::new();
    for tenant in but {
        values.push(tenant.as_str().into());
        others += &format!(" AND tenant_id <> ${}", values.len());
    }
    let sql = format!(
        "SELECT tenant_id, customer_id FROM customer WHERE due_time <= $1{others} \
         ORDER BY due_time LIMIT $2"
    );
    let rows = query(conn, &sql, values).await?;
    let mut due: BTreeMap<TenantId, BTreeSet<CustomerId>> = BTreeMap::new();
    for (tenant, customer) in rows {
        due.entry(tenant).or_default().insert(CustomerId(customer));
    }
    Ok(due)
}

/// Segments that are being backfilled or deleted.
pub async fn unfinished_segments<C: ConnectionTrait>(
    conn: &C,
) -> Result<Vec<(TenantId, SegmentId)>> {
    let sql = "SELECT tenant_id, segment_id FROM segment WHERE state <> 'ACTIVE' \
               ORDER BY tenant_id, create_time";
    let rows = query(conn, sql, []).await?;
    Ok(rows
        .into_iter()
        .map(|(tenant, segment)| (tenant, SegmentId(segment)))
        .collect())
}

/// A feed whose history cannot be continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostFeed {
    Profile,
    Interaction,
    Feedback,
}

impl LostFeed {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Interaction => "interaction",
            Self::Feedback => "feedback",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        [Self::Profile, Self::Interaction, Self::Feedback]
            .into_iter()
            .find(|feed| feed.as_str() == name)
            .ok_or_else(|| Error::unreadable("feed", "its name").into())
    }
}

/// Forgets what a feed told, in all tenants, so that it can be read anew. Memberships stay as they
/// are until [`end_rereading`]: whoever judges at this moment is waited for, and whoever shares a
/// tenant from then on finds that facts are missing.
pub async fn begin_rereading(tx: &Tx, feed: LostFeed) -> Result<()> {
    hold_judgement(tx).await?;
    let deletions: &[&str] = match feed {
        // Who is being erased stays so: profile may still tell of their file.
        LostFeed::Profile => {
            &["UPDATE customer SET standing = 'UNKNOWN', profile = NULL WHERE standing <> 'ERASED'"]
        }
        LostFeed::Interaction => &["DELETE FROM purchase", "DELETE FROM purchase_total"],
        LostFeed::Feedback => &["DELETE FROM feedback"],
    };
    for sql in deletions {
        execute(tx, sql, []).await?;
    }
    let sql = "INSERT INTO rereading (feed) VALUES ($1) ON CONFLICT DO NOTHING";
    execute(tx, sql, [feed.as_str().into()]).await
}

/// What the feed tells is complete again. Once no feed is being read anew, all segments of all
/// tenants are evaluated for every customer; only true differences become transitions.
pub async fn end_rereading(tx: &Tx, feed: LostFeed) -> Result<()> {
    execute(
        tx,
        "DELETE FROM rereading WHERE feed = $1",
        [feed.as_str().into()],
    )
    .await?;
    if is_rereading(tx.conn()).await? {
        return Ok(());
    }
    let sql = "UPDATE segment SET state = $1, backfill_after = NULL WHERE state <> $2";
    let states = [
        State::Backfilling.as_str().into(),
        State::Deleting.as_str().into(),
    ];
    execute(tx, sql, states).await
}

/// Takes every tenant alone until the transaction ends, in the order in which others share them.
/// SQLite has one writer and needs no locks.
async fn hold_judgement(tx: &Tx) -> Result<()> {
    if tx.backend() == Backend::Sqlite {
        return Ok(());
    }
    let sql = "SELECT tenant_id FROM tenant ORDER BY tenant_id COLLATE \"C\" FOR UPDATE";
    execute(tx, sql, []).await
}

/// Whether what is stored is incomplete, so that nobody's membership may be judged. Asked by
/// whoever shares the tenant: then it stays as it is until the transaction ends.
pub async fn is_rereading<C: ConnectionTrait>(conn: &C) -> Result<bool> {
    Ok(!rereading(conn).await?.is_empty())
}

/// The feeds that are being read anew.
pub async fn rereading<C: ConnectionTrait>(conn: &C) -> Result<Vec<LostFeed>> {
    let statement = statement(
        conn.get_database_backend(),
        "SELECT feed FROM rereading",
        [],
    );
    let rows = conn.query_all_raw(statement).await.map_err(error)?;
    let read = |row: &sea_orm::QueryResult| {
        let name: String = row.try_get_by(0).map_err(error)?;
        LostFeed::parse(&name)
    };
    rows.iter().map(read).collect()
}

async fn query<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<(TenantId, Uuid)>> {
    let statement = statement(conn.get_database_backend(), sql, values);
    let rows = conn.query_all_raw(statement).await.map_err(error)?;
    let read = |row: sea_orm::QueryResult| {
        let tenant: String = row.try_get_by(0).map_err(error)?;
        Ok((TenantId::parse(&tenant)?, row.try_get_by(1).map_err(error)?))
    };
    rows.into_iter().map(read).collect()
}

async fn execute<const N: usize>(tx: &Tx, sql: &str, values: [Value; N]) -> Result<()> {
    let statement = statement(tx.backend().into(), sql, values);
    tx.conn().execute_raw(statement).await.map_err(error)?;
    Ok(())
}

fn statement(backend: DbBackend, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(backend, sql, values)
}
