//! What somebody does to the suite's database behind its back.

use anyhow::Context as _;
use dossier_testkit::{Backend, Suite};
use rusqlite::Connection;

/// Runs statements on profile's database, with all rights.
pub fn abuse(suite: &Suite, statements: &[&str]) -> anyhow::Result<()> {
    match suite.backend() {
        Backend::SqliteMemory => {
            let file = suite.dir().join("data/dossier-profile.db");
            let database = Connection::open(&file).with_context(|| file.display().to_string())?;
            database.busy_timeout(std::time::Duration::from_secs(10))?;
            for sql in statements {
                database
                    .execute_batch(sql)
                    .with_context(|| (*sql).to_owned())?;
            }
        }
        Backend::PostgresRedis => {
            let sql = statements.join("; ");
            suite.sql_as_admin(&format!("SET search_path = dossier_profile; {sql}"))?;
        }
    }
    Ok(())
}

/// Takes away what refuses changes.
pub fn disarm(suite: &Suite) -> anyhow::Result<()> {
    match suite.backend() {
        Backend::SqliteMemory => abuse(
            suite,
            &[
                "DROP TRIGGER audit_event_kept",
                "DROP TRIGGER audit_event_placed_once",
            ],
        ),
        Backend::PostgresRedis => abuse(suite, &["ALTER TABLE audit_event DISABLE TRIGGER USER"]),
    }
}
