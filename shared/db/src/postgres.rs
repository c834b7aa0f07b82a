//! Opens a PostgreSQL database and runs one job in one transaction.

use std::str::FromStr;
use std::time::Duration;

use dossier_kernel::{Error, Reason, Result, TenantId};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqlxPostgresConnector, TransactionTrait};
use tokio::sync::watch;

use crate::commit_by::CommitBy;
use crate::job::{CommitFailure, Job, attempt, too_late};
use crate::{Backend, BeforeCommit, Options, Position, Tx, error, failpoint, wall};

/// A connection unused for longer is asked whether it is alive before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(5);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// The schema of a service.
pub(crate) fn schema(service: &str) -> String {
    format!("dossier_{service}")
}

pub(crate) async fn open(options: &Options) -> Result<DatabaseConnection> {
    let connect = PgConnectOptions::from_str(&options.url)
        .map_err(|_| {
            Error::new(
                Reason::InvalidArgument,
                "A PostgreSQL URL has the form postgres://user:password@host:port/database.",
            )
        })?
        .application_name(&schema(options.schema))
        .options([
            ("search_path", schema(options.schema).as_str()),
            // An acknowledgement means "on disk", whatever the server's default.
            ("synchronous_commit", "on"),
        ])
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .min_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_FOR {
                    conn.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(connect)
        .await
        .map_err(|e| error(DbErr::Conn(RuntimeErr::SqlxError(e.into()))))?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

/// Runs `job` in a transaction of its own and answers it.
pub(crate) async fn run(
    pool: DatabaseConnection,
    before_commit: BeforeCommit,
    committed: watch::Sender<u64>,
    tenant: TenantId,
    mut job: Box<dyn Job>,
) {
    let outcome = transact(&pool, before_commit, &tenant, job.as_mut()).await;
    if outcome
        .as_ref()
        .is_ok_and(|positions| !positions.is_empty())
    {
        committed.send_modify(|count| *count += 1);
    }
    failpoint::pass("db::before_answer");
    job.answer(outcome);
}

async fn transact(
    pool: &DatabaseConnection,
    before_commit: BeforeCommit,
    tenant: &TenantId,
    job: &mut dyn Job,
) -> Result<Vec<Position>, CommitFailure> {
    if job_is_late(job.deadline()) {
        return Err(too_late());
    }
    failpoint::pass("db::before_begin");
    let tx = Tx::new(pool.begin().await.map_err(error)?, Backend::Postgres);
    wall::enter(tx.conn(), tenant).await.map_err(error)?;
    if !attempt(job, &tx, CommitBy::default()).await? {
        let (txn, _) = tx.into_parts();
        // What cannot be rolled back was not committed either: the connection is gone.
        let _ = txn.rollback().await;
        return Ok(Vec::new());
    }
    failpoint::pass("db::after_job");
    let (txn, staged) = tx.into_parts();
    let positions = match staged.is_empty() {
        true => Vec::new(),
        false => before_commit(&txn, Backend::Postgres, &staged).await?,
    };
    // Other writers may have held the feed's counter: look at the clock once more.
    if job_is_late(job.deadline()) {
        return Err(too_late());
    }
    failpoint::pass("db::before_commit");
    if failpoint::planted("db::forget_commit") {
        return Ok(positions);
    }
    txn.commit().await.map_err(error)?;
    failpoint::pass("db::after_commit");
    Ok(positions)
}

fn job_is_late(deadline: Option<std::time::Instant>) -> bool {
    deadline.is_some_and(|at| at <= std::time::Instant::now())
}
