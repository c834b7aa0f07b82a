//! Where a suite keeps its data.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use uuid::Uuid;

/// The two families every promise holds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Embedded SQLite, cache in memory.
    SqliteMemory,
    /// PostgreSQL and Redis.
    PostgresRedis,
}

impl Backend {
    /// False where `DOSSIER_TEST_BACKENDS=sqlite` leaves the family out.
    pub fn is_wanted(self) -> bool {
        let all = std::env::var("DOSSIER_TEST_BACKENDS").is_ok_and(|only| only == "sqlite");
        self == Self::SqliteMemory || !all
    }
}

/// The stores of one suite: made for it, and gone with it.
pub(crate) struct Stores {
    server: String,
    database: String,
    pub database_url: String,
    pub redis_url: String,
}

impl Stores {
    /// None on SQLite, which keeps to the suite's own directory.
    pub fn create(backend: Backend) -> anyhow::Result<Option<Self>> {
        if backend == Backend::SqliteMemory {
            return Ok(None);
        }
        let server = required("DOSSIER_TEST_POSTGRES_URL")?;
        let redis_url = required("DOSSIER_TEST_REDIS_URL")?;
        let database = format!("suite_{}", Uuid::new_v4().simple());
        psql(
            &server,
            &format!("CREATE DATABASE {database} TEMPLATE template0"),
        )?;
        let (prefix, _) = server
            .rsplit_once('/')
            .context("the URL names a database")?;
        let database_url = format!("{prefix}/{database}");
        Ok(Some(Self {
            server,
            database,
            database_url,
            redis_url,
        }))
    }

    /// Everything PostgreSQL holds for the suite, as the statements that would make it again.
    pub fn dump(&self) -> anyhow::Result<Vec<u8>> {
        let output = Command::new("pg_dump")
            .arg("--inserts")
            .arg(&self.database_url)
            .output()?;
        if !output.status.success() {
            bail!(
                "pg_dump failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(output.stdout)
    }
}

impl Stores {
    /// Everything Redis holds, uncompressed, of this suite and of those that run beside it.
    pub fn dump_cache(&self, file: &Path) -> anyhow::Result<()> {
        let redis = || {
            let mut command = Command::new("redis-cli");
            command.args(["-u", &self.redis_url]);
            command
        };
        succeed(redis().args(["config", "set", "rdbcompression", "no"]))?;
        // A server that expects replicas waits five seconds for more of them.
        succeed(redis().args(["config", "set", "repl-diskless-sync-delay", "0"]))?;
        succeed(redis().arg("--rdb").arg(file))?;
        Ok(())
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        // What cannot be dropped goes with the server of the test run.
        let _ = psql(
            &self.server,
            &format!("DROP DATABASE {} WITH (FORCE)", self.database),
        );
    }
}

fn required(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| {
        format!(
            "{name} is not set: run the tests with `cargo xtask test`, which starts PostgreSQL and \
             Redis, or leave them out with DOSSIER_TEST_BACKENDS=sqlite"
        )
    })
}

fn psql(server: &str, statement: &str) -> anyhow::Result<()> {
    let mut psql = Command::new("psql");
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--set",
        "ON_ERROR_STOP=1",
        "--command",
        statement,
        server,
    ]);
    succeed(&mut psql)?;
    Ok(())
}

/// Runs a program that comes with PostgreSQL or Redis, and answers what it printed.
fn succeed(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}, which comes with PostgreSQL or Redis"))?;
    if !output.status.success() {
        bail!(
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output.stdout)
}
