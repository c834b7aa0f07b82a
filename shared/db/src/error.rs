//! Turns a driver's error into one of ours. The driver's words never reach a client, and what goes
//! to the log names the kind of fault but no row's values.

use std::time::Duration;

use dossier_kernel::{Error, Reason};
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// What an error of the database means to a caller.
///
/// Unique violations become `ALREADY_EXISTS` without saying of what: a store that can say more asks
/// [`is_unique_violation`] first.
pub fn error(error: DbErr) -> Error {
    let fault = Fault::of(&error);
    match fault.meaning {
        Meaning::Taken => Error::new(
            Reason::AlreadyExists,
            "The resource, or a key that must be unique, exists.",
        )
        .caused_by(fault),
        Meaning::Busy => {
            Error::unavailable("The database is busy; retry with the same request id.")
                .caused_by(fault)
        }
        Meaning::Away => {
            Error::unavailable("The database cannot be reached; retry with the same request id.")
                .caused_by(fault)
        }
        Meaning::Full => Error::new(
            Reason::ResourceExhausted,
            "The database has no space left; nothing was changed.",
        )
        .retry_after(Duration::from_secs(10))
        .caused_by(fault),
        Meaning::Broken | Meaning::Other => Error::internal(fault),
    }
}

/// True where a row with the same unique key exists.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// True where writing itself failed, so that nothing may be acknowledged any more.
pub(crate) fn is_broken(error: &DbErr) -> bool {
    Fault::of(error).meaning == Meaning::Broken
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Taken,
    Busy,
    Away,
    Full,
    /// The disk failed to write or sync.
    Broken,
    Other,
}

/// A driver's error without values of rows.
#[derive(Debug, thiserror::Error)]
#[error("database fault {code}: {what}")]
struct Fault {
    meaning: Meaning,
    code: String,
    what: String,
}

impl Fault {
    fn of(error: &DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) => Self::plain(Meaning::Busy, "no free connection"),
            DbErr::Conn(RuntimeErr::SqlxError(e))
            | DbErr::Exec(RuntimeErr::SqlxError(e))
            | DbErr::Query(RuntimeErr::SqlxError(e)) => Self::of_driver(e),
            DbErr::Conn(_) => Self::plain(Meaning::Away, "connection"),
            DbErr::RecordNotFound(_) => Self::plain(Meaning::Other, "record not found"),
            DbErr::RecordNotUpdated => Self::plain(Meaning::Other, "record not updated"),
            // Of our own making, in migrations and type conversions: no rows' values in it.
            DbErr::Custom(what) | DbErr::Migration(what) | DbErr::Type(what) => {
                Self::plain(Meaning::Other, what)
            }
            _ => Self::plain(Meaning::Other, "sea-orm"),
        }
    }

    fn plain(meaning: Meaning, what: &str) -> Self {
        Self {
            meaning,
            code: "-".to_owned(),
            what: what.to_owned(),
        }
    }

    fn of_driver(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(e) => {
                let code = e.code().unwrap_or_default().into_owned();
                let sqlite = e.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
                let meaning = if e.is_unique_violation() {
                    Meaning::Taken
                } else if sqlite {
                    sqlite_meaning(&code)
                } else {
                    postgres_meaning(&code)
                };
                // SQLite's words name tables and columns; PostgreSQL's may quote a value, except
                // in class 42, where they name what the statement got wrong.
                let what = if sqlite || code.starts_with("42") {
                    e.message().to_owned()
                } else {
                    format!("constraint {:?} of table {:?}", e.constraint(), e.table())
                };
                Self {
                    meaning,
                    code,
                    what,
                }
            }
            sqlx::Error::PoolTimedOut => Self::plain(Meaning::Busy, "no free connection"),
            // Of the system or of TLS, such as of a certificate: nothing of a row is in them.
            sqlx::Error::Io(e) => Self::plain(Meaning::Away, &format!("io: {e}")),
            sqlx::Error::Tls(e) => Self::plain(Meaning::Away, &format!("tls: {e}")),
            sqlx::Error::Protocol(_) => Self::plain(Meaning::Away, "protocol"),
            sqlx::Error::PoolClosed => Self::plain(Meaning::Away, "pool closed"),
            sqlx::Error::WorkerCrashed => Self::plain(Meaning::Away, "worker crashed"),
            sqlx::Error::ColumnNotFound(column) => {
                Self::plain(Meaning::Other, &format!("no column {column}"))
            }
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::plain(Meaning::Other, &format!("column {index} does not decode"))
            }
            sqlx::Error::Configuration(_) => Self::plain(Meaning::Away, "configuration"),
            _ => Self::plain(Meaning::Other, "driver"),
        }
    }
}

/// The primary result code is the low byte of the extended one.
fn sqlite_meaning(code: &str) -> Meaning {
    match code.parse::<i32>().map(|code| code & 0xff) {
        Ok(5 | 6) => Meaning::Busy,
        // Read-only, I/O, corrupt, cannot open, not a database.
        Ok(8 | 10 | 11 | 14 | 26) => Meaning::Broken,
        Ok(13) => Meaning::Full,
        _ => Meaning::Other,
    }
}

fn postgres_meaning(code: &str) -> Meaning {
    match code {
        "40001" | "40P01" | "55P03" | "57014" | "53300" => Meaning::Busy,
        "53100" => Meaning::Full,
        // Read-only: a standby, or by its administrator's order.
        "25006" => Meaning::Away,
        _ if code.starts_with("08") || code.starts_with("57P") => Meaning::Away,
        _ => Meaning::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_their_meaning() {
        assert_eq!(sqlite_meaning("5"), Meaning::Busy);
        assert_eq!(sqlite_meaning("517"), Meaning::Busy);
        assert_eq!(sqlite_meaning("1034"), Meaning::Broken);
        assert_eq!(sqlite_meaning("13"), Meaning::Full);
        assert_eq!(sqlite_meaning("1"), Meaning::Other);
        assert_eq!(postgres_meaning("40P01"), Meaning::Busy);
        assert_eq!(postgres_meaning("57P01"), Meaning::Away);
        assert_eq!(postgres_meaning("25006"), Meaning::Away);
        assert_eq!(postgres_meaning("23503"), Meaning::Other);
    }

    #[test]
    fn a_busy_database_says_when_to_retry() {
        let busy = error(DbErr::ConnectionAcquire(
            sea_orm::error::ConnAcquireErr::Timeout,
        ));
        assert_eq!(busy.reason(), Reason::Unavailable);
        assert!(busy.retry_delay().is_some());
    }
}
