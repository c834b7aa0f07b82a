//! What requests with a `request_id` came to, kept in the transaction of their effect.

use std::collections::BTreeSet;
use std::time::Duration;

use dossier_kernel::{Error, Reason, Result, TenantId, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use serde::Serialize;
use uuid::Uuid;

use crate::{Insert, Once, Tx, error};

/// 7 days are promised; one more, so that no clock's drift breaks the promise.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(8 * 24 * 3600);

/// Characters of a UUID as JSON has it.
const UUID_CHARS: usize = 36;
/// Outcomes that a migration looks through at once.
const OUTCOMES_MAX: usize = 500;

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
    /// See [`subjects`]; none where outcomes name no customers.
    pub subjects: BTreeSet<Uuid>,
    pub time: Timestamp,
}

/// How outcomes of a tenant are kept.
pub(crate) struct Keeper {
    pub tenant: TenantId,
    /// Whether they may name customers.
    pub names_customers: bool,
}

impl Keeper {
    pub fn keep(&self, once: Once, value: &impl Serialize, time: Timestamp) -> Result<Kept> {
        let outcome = serde_json::to_vec(value).map_err(Error::internal)?;
        let subjects = match self.names_customers {
            true => subjects(&outcome),
            false => BTreeSet::new(),
        };
        Ok(Kept {
            tenant: self.tenant.clone(),
            once,
            outcome,
            subjects,
            time,
        })
    }
}

const COLUMNS: [&str; 6] = [
    "tenant_id",
    "request_id",
    "method",
    "fingerprint",
    "create_time",
    "outcome",
];

const SUBJECT_COLUMNS: [&str; 4] = ["tenant_id", "subject", "request_id", "create_time"];

impl Kept {
    pub fn values(&self) -> [Value; COLUMNS.len()] {
        let Self {
            tenant,
            once,
            outcome,
            subjects: _,
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

    fn subject_values(&self) -> impl Iterator<Item = Value> {
        let Self {
            tenant,
            once,
            outcome: _,
            subjects,
            time,
        } = self;
        let row = |subject: &Uuid| -> [Value; SUBJECT_COLUMNS.len()] {
            [
                tenant.as_str().into(),
                (*subject).into(),
                once.request_id.into(),
                time.micros().into(),
            ]
        };
        subjects.iter().flat_map(row)
    }
}

/// Claims and remembers at once; false where any of the requests was made before.
pub(crate) async fn keep_all(tx: &Tx, kept: &[&Kept]) -> std::result::Result<bool, DbErr> {
    let insert = Insert::into("idempotency", &COLUMNS).skip_conflicts();
    let values = kept.iter().flat_map(|kept| kept.values()).collect();
    if insert.rows(tx.conn(), values).await? != kept.len() as u64 {
        return Ok(false);
    }
    let named = kept.iter().flat_map(|kept| kept.subject_values()).collect();
    keep_subjects(tx, named).await?;
    Ok(true)
}

async fn keep_subjects(tx: &Tx, values: Vec<Value>) -> std::result::Result<(), DbErr> {
    let insert = Insert::into("idempotency_subject", &SUBJECT_COLUMNS);
    insert.rows(tx.conn(), values).await.map(|_| ())
}

/// The ids that stand in an outcome, customers' among them: by these an erasure finds it.
pub(crate) fn subjects(outcome: &[u8]) -> BTreeSet<Uuid> {
    let texts = outcome.windows(UUID_CHARS).zip(outcome.iter().skip(8));
    let ids = texts.filter(|(_, hyphen)| **hyphen == b'-');
    ids.filter_map(|(text, _)| Uuid::try_parse_ascii(text).ok())
        .collect()
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

/// Keeps what a claimed request came to.
pub(crate) async fn remember(tx: &Tx, kept: Kept) -> Result<()> {
    let named = kept.subject_values().collect();
    let Kept {
        tenant,
        once,
        outcome,
        subjects: _,
        time: _,
    } = kept;
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
    keep_subjects(tx, named).await.map_err(error)
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
    let before: Value = now.minus(KEPT_FOR).micros().into();
    // In the order in which an erasure takes them, so that the two do not wait for each other.
    let deleted = forget_in(tx, "idempotency", before.clone()).await?;
    forget_in(tx, "idempotency_subject", before).await?;
    Ok(deleted)
}

async fn forget_in(tx: &Tx, table: &'static str, before: Value) -> Result<u64> {
    let sql = format!("DELETE FROM {table} WHERE create_time < $1");
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, [before]);
    let done = tx.conn().execute_raw(statement).await.map_err(error)?;
    Ok(done.rows_affected())
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

/// The table `idempotency_subject`: whom outcomes name, written with them.
pub(crate) struct CreateSubject;

impl MigrationName for CreateSubject {
    fn name(&self) -> &str {
        "db_0003_idempotency_subject"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateSubject {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, end) = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => ("BLOB", " WITHOUT ROWID"),
            _ => ("uuid", ""),
        };
        let conn = manager.get_connection();
        for sql in [
            format!(
                "CREATE TABLE idempotency_subject (\
                 tenant_id text NOT NULL, subject {uuid} NOT NULL, request_id {uuid} NOT NULL, \
                 create_time bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, subject, request_id)){end}"
            ),
            "CREATE INDEX idempotency_subject_age ON idempotency_subject (create_time)".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        fill_subjects(conn).await
    }
}

/// For what is kept from before: at most the outcomes of [`KEPT_FOR`].
async fn fill_subjects<C: ConnectionTrait>(conn: &C) -> Result<(), DbErr> {
    let (mut tenant, mut request) = (String::new(), Uuid::nil());
    loop {
        let statement = Statement::from_sql_and_values(
            conn.get_database_backend(),
            format!(
                "SELECT tenant_id, request_id, create_time, outcome FROM idempotency \
                 WHERE (tenant_id, request_id) > ($1, $2) \
                 ORDER BY tenant_id, request_id LIMIT {OUTCOMES_MAX}"
            ),
            [tenant.as_str().into(), request.into()],
        );
        let rows = conn.query_all_raw(statement).await?;
        let mut values: Vec<Value> = Vec::new();
        for row in &rows {
            (tenant, request) = (row.try_get_by(0)?, row.try_get_by(1)?);
            let (time, outcome): (i64, Option<Vec<u8>>) = (row.try_get_by(2)?, row.try_get_by(3)?);
            for subject in subjects(&outcome.unwrap_or_default()) {
                let row = [
                    tenant.as_str().into(),
                    subject.into(),
                    request.into(),
                    time.into(),
                ];
                values.extend(row);
            }
        }
        let insert = Insert::into("idempotency_subject", &SUBJECT_COLUMNS);
        insert.rows(conn, values).await?;
        if rows.len() < OUTCOMES_MAX {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_names_every_id_that_stands_in_it() {
        let [first, second] = [Uuid::now_v7(), Uuid::new_v4()];
        let named = |outcome: &str| Vec::from_iter(subjects(outcome.as_bytes()));
        assert_eq!(
            named(&format!("{{\"row\":{{\"id\":\"{first}\"}}}}")),
            [first]
        );
        assert_eq!(named(&format!("\"customers/{first}\"")), [first]);
        let both = named(&format!("[\"{second}\",\"{first}\",\"{second}\"]"));
        assert_eq!(both.len(), 2);
        assert!(both.contains(&first) && both.contains(&second));
        assert!(named("null").is_empty());
        assert!(named(&first.to_string()[..35]).is_empty());
    }
}
