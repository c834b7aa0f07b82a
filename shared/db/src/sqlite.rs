//! Opens a SQLite file: one writing connection and a pool of readers that cannot write.

use std::str::FromStr;
use std::time::Duration;

use dossier_kernel::{Error, Reason, Result};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{ConnectOptions as _, Connection as _};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, SqlxSqliteConnector, Statement,
};

use crate::{Options, error, failpoint};

/// Versions 3.7.0 to 3.51.2 can lose committed WAL writes.
const VERSION_MIN: (u32, u32, u32) = (3, 51, 3);
/// Pages are 4 KiB. The log is folded into the file when it holds this many: often enough to keep
/// it small, seldom enough that bulk writes touch each index page once.
const CHECKPOINT_PAGES: u32 = 16_000;
/// What remains of the log file after a checkpoint.
const WAL_BYTES_KEPT: u64 = 64 << 20;
const WRITER_CACHE_KIB: u32 = 8 << 10;
const READER_CACHE_KIB: u32 = 2 << 10;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Opened {
    pub(crate) writer: DatabaseConnection,
    pub(crate) reader: DatabaseConnection,
}

pub(crate) async fn open(options: &Options) -> Result<Opened> {
    let base = SqliteConnectOptions::from_str(&options.url)
        .map_err(|_| {
            Error::new(
                Reason::InvalidArgument,
                "A SQLite URL has the form sqlite://path/to/file.db.",
            )
        })?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledgement means "on disk": the log is synced at every commit.
        .synchronous(if failpoint::planted("db::synchronous_normal") {
            SqliteSynchronous::Normal
        } else {
            SqliteSynchronous::Full
        })
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        // Rolled-back work and sorts stay in memory: no temporary files with data in them.
        .pragma("temp_store", "MEMORY")
        .pragma("journal_size_limit", WAL_BYTES_KEPT.to_string())
        .disable_statement_logging();
    let writing = base
        .clone()
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .thread_name(|n| format!("sqlite-write-{n}"));
    let writer = pool(writing, 1).await?;
    let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
    check_version(&writer).await?;
    let reading = base
        .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
        .pragma("query_only", "ON")
        .thread_name(|n| format!("sqlite-read-{n}"));
    let reader = pool(reading, options.max_connections.max(1)).await?;
    Ok(Opened {
        writer,
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
    })
}

async fn pool(options: SqliteConnectOptions, size: u32) -> Result<SqlitePool> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .min_connections(1)
        .max_lifetime(None)
        // A connection to a file does not go stale: asking it first would double every statement.
        .test_before_acquire(false)
        // A rollback that failed, because SQLite had already done it, leaves the driver counting a
        // transaction that is not there: such a connection is given up.
        .after_release(|conn, _| Box::pin(async move { Ok(!conn.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(|e| error(DbErr::Conn(RuntimeErr::SqlxError(e.into()))))
}

async fn check_version(conn: &DatabaseConnection) -> Result<()> {
    let statement = Statement::from_string(
        sea_orm::DbBackend::Sqlite,
        "SELECT sqlite_version() AS version",
    );
    let row = conn.query_one_raw(statement).await.map_err(error)?;
    let version: String = match row {
        Some(row) => row.try_get("", "version").map_err(error)?,
        None => String::new(),
    };
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) >= VERSION_MIN {
        return Ok(());
    }
    Err(Error::new(
        Reason::FailedPrecondition,
        format!("SQLite {version} can lose committed writes; 3.51.3 or later is needed."),
    ))
}
