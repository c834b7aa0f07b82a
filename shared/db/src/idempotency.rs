//! What requests with a `request_id` came to, kept in the transaction of their effect.

use std::time::Duration;

use dossier_kernel::{Error, Reason, Result, TenantId, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::{Insert, Once, Tx, error};

/// 7 days are promised; one more, so that no clock's drift breaks the promise.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(8 * 24 * 3600);

/// What the claim of a request id found.
pub(crate) enum Claim {
    /// Nobody used it: do the work, then [`remember`].
    New,
    /// The work is done; this is what it came to.
    Done(Vec<u8>),
}

/// The outcome of a request, to be kept if it was not made before.
pub(crate) struct Kept {
    pub tenant: TenantId,
    pub once: Once,
    pub outcome: Vec<u8>,
    pub time: Timestamp,
}

const COLUMNS: [&str; 6] = [
    "tenant_id",
    "request_id",
    "method",
    "fingerprint",
    "create_time",
    "outcome",
];

impl Kept {
    pub fn values(&self) -> [Value; COLUMNS.len()] {
        let Self {
            tenant,
            once,
            outcome,
            time,
        } = self;
        [
            tenant.as_str().into(),
            once.request_id.into(),
            once.method.into(),
            once.fingerprint.to_vec().into(),
            time.micros().into(),
            outcome.clone().into(),
        ]
    }
}

/// Claims and remembers at once what [`Kept::values`] gave; false where any of the requests was
/// made before.
pub(crate) async fn keep_all(tx: &Tx, values: Vec<Value>) -> std::result::Result<bool, DbErr> {
    let insert = Insert::into("idempotency", &COLUMNS).skip_conflicts();
    let count = insert.rows_in(&values) as u64;
    Ok(insert.rows(tx.conn(), values).await? == count)
}

/// Claims the id before the work runs, so that on PostgreSQL a concurrent duplicate waits here for
/// the first to commit instead of failing at some unique key of the work's own.
pub(crate) async fn claim(
    tx: &Tx,
    tenant: &TenantId,
    once: &Once,
    now: Timestamp,
) -> Result<Claim> {
    let claimed = tx
        .conn()
        .execute_raw(Statement::from_sql_and_values(
            tx.backend().into(),
            "INSERT INTO idempotency (tenant_id, request_id, method, fingerprint, create_time) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            [
                tenant.as_str().into(),
                once.request_id.into(),
                once.method.into(),
                Value::from(once.fingerprint.to_vec()),
                now.micros().into(),
            ],
        ))
        .await
        .map_err(error)?;
    if claimed.rows_affected() == 1 {
        return Ok(Claim::New);
    }
    let row = tx
        .conn()
        .query_one_raw(Statement::from_sql_and_values(
            tx.backend().into(),
            "SELECT method, fingerprint, outcome FROM idempotency \
             WHERE tenant_id = $1 AND request_id = $2",
            [tenant.as_str().into(), once.request_id.into()],
        ))
        .await
        .map_err(error)?
        .ok_or_else(|| Error::unavailable("The request id was released just now; retry."))?;
    let method: String = row.try_get_by(0).map_err(error)?;
    let fingerprint: Vec<u8> = row.try_get_by(1).map_err(error)?;
    let outcome: Option<Vec<u8>> = row.try_get_by(2).map_err(error)?;
    if method != once.method || fingerprint != once.fingerprint {
        return Err(Error::new(
            Reason::RequestIdReused,
            "The request id was used with another request; use a new id for a new request.",
        ));
    }
    // Claim and outcome share a transaction: a claim that others see had its outcome.
    outcome.map(Claim::Done).ok_or_else(erased)
}

pub(crate) async fn remember(
    tx: &Tx,
    tenant: &TenantId,
    once: &Once,
    outcome: Vec<u8>,
) -> Result<()> {
    tx.conn()
        .execute_raw(Statement::from_sql_and_values(
            tx.backend().into(),
            "UPDATE idempotency SET outcome = $3 WHERE tenant_id = $1 AND request_id = $2",
            [
                tenant.as_str().into(),
                once.request_id.into(),
                outcome.into(),
            ],
        ))
        .await
        .map_err(error)?;
    Ok(())
}

/// What a request made was erased, and its outcome with it.
fn erased() -> Error {
    let words = "What the request with this id made was erased; it is not made again.";
    Error::new(Reason::NotFound, words)
}

/// Whether an outcome of the tenant is kept that was made before `time`, by any method but `besides`.
pub async fn has_outcome_before(
    conn: &impl ConnectionTrait,
    tenant: &TenantId,
    time: Timestamp,
    besides: &str,
) -> Result<bool> {
    let statement = Statement::from_sql_and_values(
        conn.get_database_backend(),
        "SELECT 1 FROM idempotency \
         WHERE create_time < $1 AND tenant_id = $2 AND method <> $3 LIMIT 1",
        [time.micros().into(), tenant.as_str().into(), besides.into()],
    );
    let row = conn.query_one_raw(statement).await.map_err(error)?;
    Ok(row.is_some())
}

/// Deletes outcomes older than the promise; says how many.
pub(crate) async fn forget(tx: &Tx, now: Timestamp) -> Result<u64> {
    let deleted = tx
        .conn()
        .execute_raw(Statement::from_sql_and_values(
            tx.backend().into(),
            "DELETE FROM idempotency WHERE create_time < $1",
            [now.minus(KEPT_FOR).micros().into()],
        ))
        .await
        .map_err(error)?;
    Ok(deleted.rows_affected())
}

/// The table `idempotency`. Part of every service's migrations.
pub(crate) struct CreateIdempotency;

impl MigrationName for CreateIdempotency {
    fn name(&self) -> &str {
        "db_0001_idempotency"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateIdempotency {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, end) = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => ("BLOB", "BLOB", " WITHOUT ROWID"),
            _ => ("uuid", "bytea", ""),
        };
        let conn = manager.get_connection();
        conn.execute_unprepared(&format!(
            "CREATE TABLE idempotency (\
             tenant_id text NOT NULL, request_id {uuid} NOT NULL, method text NOT NULL, \
             fingerprint {bytes} NOT NULL, outcome {bytes}, create_time bigint NOT NULL, \
             PRIMARY KEY (tenant_id, request_id)){end}"
        ))
        .await?;
        conn.execute_unprepared("CREATE INDEX idempotency_age ON idempotency (create_time)")
            .await?;
        Ok(())
    }
}
