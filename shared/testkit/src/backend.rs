//! Where a suite keeps its data.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use uuid::Uuid;

use crate::cluster::Cluster;

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
    /// Sees every tenant's rows.
    pub admin_url: String,
    /// What the suite connects with.
    pub database_url: String,
    pub redis_url: String,
}

impl Stores {
    /// None on SQLite, which keeps to the suite's own directory. Without a cluster on the server of
    /// the test run.
    pub fn create(backend: Backend, cluster: Option<&Cluster>) -> anyhow::Result<Option<Self>> {
        if backend == Backend::SqliteMemory {
            return Ok(None);
        }
        let server = match cluster {
            Some(cluster) => cluster.url().to_owned(),
            None => required("DOSSIER_TEST_POSTGRES_URL")?,
        };
        let redis_url = required("DOSSIER_TEST_REDIS_URL")?;
        let database = format!("suite_{}", Uuid::new_v4().simple());
        // An ordinary role of its own: whoever administers the server passes the wall between
        // tenants, and a suite must not.
        let role = format!("CREATE ROLE {database} LOGIN PASSWORD '{database}'");
        psql(&server, &role)?;
        let make = format!("CREATE DATABASE {database} OWNER {database} TEMPLATE template0");
        psql(&server, &make)?;
        let (prefix, _) = server
            .rsplit_once('/')
            .context("the URL names a database")?;
        let admin_url = format!("{prefix}/{database}");
        let (scheme, place) = admin_url.split_once("://").context("a URL has a scheme")?;
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        let database_url = format!("{scheme}://{database}:{database}@{place}");
        Ok(Some(Self {
            server,
            database,
            admin_url,
            database_url,
            redis_url,
        }))
    }

    /// Makes a copy beside the database, in place of an older one. Nobody may be connected.
    pub fn back_up(&self) -> anyhow::Result<()> {
        let (server, database) = (&self.server, &self.database);
        psql(server, &format!("DROP DATABASE IF EXISTS {database}_copy"))?;
        psql(
            server,
            &format!("CREATE DATABASE {database}_copy TEMPLATE {database}"),
        )
    }

    /// Puts the copy in the database's place.
    pub fn restore(&self) -> anyhow::Result<()> {
        let (server, database) = (&self.server, &self.database);
        psql(server, &format!("DROP DATABASE {database}"))?;
        psql(
            server,
            &format!("CREATE DATABASE {database} OWNER {database} TEMPLATE {database}_copy"),
        )
    }

    /// Everything PostgreSQL holds for the suite, as the statements that would make it again.
    pub fn dump(&self) -> anyhow::Result<Vec<u8>> {
        let output = Command::new("pg_dump")
            .arg("--inserts")
            .arg(&self.admin_url)
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
    /// What a statement answers on the suite's database, unaligned and without headings.
    pub fn ask(&self, statement: &str) -> anyhow::Result<String> {
        ask(&self.database_url, statement)
    }

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
        for name in ["", "_copy"].map(|end| format!("{}{end}", self.database)) {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = psql(&self.server, &drop);
        }
        let _ = psql(&self.server, &format!("DROP ROLE {}", self.database));
    }
}

pub(crate) fn required(name: &str) -> anyhow::Result<String> {
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

/// What a statement answers on this database, unaligned and without headings.
pub(crate) fn ask(url: &str, statement: &str) -> anyhow::Result<String> {
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
    psql.args(["--set", "ON_ERROR_STOP=1", "--command", statement, url]);
    Ok(String::from_utf8(succeed(&mut psql)?)?.trim().to_owned())
}

/// Runs a program that comes with PostgreSQL or Redis, and answers what it printed.
pub(crate) fn succeed(command: &mut Command) -> anyhow::Result<Vec<u8>> {
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
