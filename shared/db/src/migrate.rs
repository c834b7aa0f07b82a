//! Migrations under a lock, with a ledger per service.
//!
//! All that is missing is applied in one transaction: it is there or it is not. On PostgreSQL an
//! advisory lock lets one process migrate while others wait; on SQLite the writer's transaction is
//! the lock. Serving processes only check, and tolerate a ledger that knows more than they do.

use std::collections::BTreeSet;

use dossier_kernel::{Error, Reason, Result, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::{MigrationTrait, SchemaManager};

use crate::idempotency::{CreateIdempotency, CreateSubject};
use crate::lease::CreateLease;
use crate::{Backend, Tx, error, postgres, wall};

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS dossier_migration \
    (name text NOT NULL PRIMARY KEY, apply_time bigint NOT NULL)";

/// The tables that every service's database has for this crate: the first of its migrations.
pub fn shared() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(CreateIdempotency),
        Box::new(CreateLease),
        Box::new(CreateSubject),
    ]
}

pub(crate) async fn apply(
    tx: &Tx,
    service: &str,
    migrations: &[Box<dyn MigrationTrait>],
    now: Timestamp,
) -> Result<u32> {
    let conn = tx.conn();
    if tx.backend() == Backend::Postgres {
        let schema = postgres::schema(service);
        run(
            tx,
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            [schema.as_str().into()],
        )
        .await?;
        conn.execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""))
            .await
            .map_err(error)?;
    }
    conn.execute_unprepared(LEDGER).await.map_err(error)?;
    let known = ledger(conn).await.map_err(error)?;
    let manager = SchemaManager::new(conn);
    let mut applied = 0;
    for migration in migrations.iter().filter(|m| !known.contains(m.name())) {
        migration.up(&manager).await.map_err(|cause| {
            Error::new(
                Reason::FailedPrecondition,
                format!(
                    "The migration {} of {service} failed; nothing was changed.",
                    migration.name()
                ),
            )
            .caused_by(error(cause))
        })?;
        run(
            tx,
            "INSERT INTO dossier_migration (name, apply_time) VALUES ($1, $2)",
            [migration.name().into(), now.micros().into()],
        )
        .await?;
        applied += 1;
    }
    if tx.backend() == Backend::Postgres {
        wall::raise(conn).await.map_err(error)?;
    }
    Ok(applied)
}

/// What the database lacks: migrations, and tables behind the wall between tenants.
pub(crate) async fn missing(
    conn: &impl ConnectionTrait,
    migrations: &[Box<dyn MigrationTrait>],
) -> Result<Vec<String>> {
    let known = if has_ledger(conn).await.map_err(error)? {
        ledger(conn).await.map_err(error)?
    } else {
        BTreeSet::new()
    };
    let names = migrations.iter().map(|m| m.name());
    let mut missing: Vec<String> = names
        .filter(|name| !known.contains(*name))
        .map(str::to_owned)
        .collect();
    if conn.get_database_backend() == DbBackend::Postgres {
        let gaps = wall::gaps(conn).await.map_err(error)?;
        missing.extend(gaps.iter().map(|table| format!("{table}_wall")));
    }
    Ok(missing)
}

pub(crate) fn unmigrated(service: &str, missing: &[String]) -> Error {
    Error::new(
        Reason::FailedPrecondition,
        format!(
            "The database of {service} lacks {} migration(s), the first of which is {}; run `dossier migrate`.",
            missing.len(),
            missing.first().map_or("unknown", String::as_str),
        ),
    )
    .with("missing", missing.join(" "))
}

async fn ledger(conn: &impl ConnectionTrait) -> Result<BTreeSet<String>, DbErr> {
    let statement = Statement::from_string(
        conn.get_database_backend(),
        "SELECT name FROM dossier_migration",
    );
    conn.query_all_raw(statement)
        .await?
        .iter()
        .map(|row| row.try_get_by(0))
        .collect()
}

async fn has_ledger(conn: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let sql = match conn.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'dossier_migration'"
        }
        _ => "SELECT 1 WHERE to_regclass('dossier_migration') IS NOT NULL",
    };
    let statement = Statement::from_string(conn.get_database_backend(), sql);
    Ok(conn.query_one_raw(statement).await?.is_some())
}

async fn run<const N: usize>(tx: &Tx, sql: &str, values: [sea_orm::Value; N]) -> Result<()> {
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    tx.conn()
        .execute_raw(statement)
        .await
        .map(|_| ())
        .map_err(error)
}
