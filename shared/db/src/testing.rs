//! Fresh databases for tests, one of each backend (feature `testing`).
//!
//! PostgreSQL is the server that `DOSSIER_TEST_POSTGRES_URL` names; `cargo xtask test` provides
//! one. `DOSSIER_TEST_BACKENDS=sqlite` leaves it out; without either a test fails, so that nobody
//! takes half a run for a whole one.

use std::fmt;

use dossier_kernel::TenantId;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, QueryResult, Statement};
use sea_orm_migration::MigrationTrait;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{Backend, BeforeCommit, Db, Options};

/// An empty, migrated database of a test.
pub struct TestDb {
    pub db: Db,
    options: Options,
    before_commit: BeforeCommit,
    dir: Option<TempDir>,
}

impl TestDb {
    /// One database of each backend.
    pub async fn each(
        migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
        before_commit: BeforeCommit,
    ) -> Vec<Self> {
        let mut all = vec![Self::sqlite(migrations, before_commit).await];
        if std::env::var("DOSSIER_TEST_BACKENDS").as_deref() != Ok("sqlite") {
            all.push(Self::postgres(migrations, before_commit).await);
        }
        all
    }

    pub async fn sqlite(
        migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
        before_commit: BeforeCommit,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a directory for the test's database");
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        let options = Options {
            url,
            schema: "test",
            max_connections: 4,
            outcomes_name_customers: true,
        };
        Self::open(options, migrations, before_commit, Some(dir)).await
    }

    pub async fn postgres(
        migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
        before_commit: BeforeCommit,
    ) -> Self {
        let server = std::env::var("DOSSIER_TEST_POSTGRES_URL").expect(
            "set DOSSIER_TEST_POSTGRES_URL, run `cargo xtask test`, or set \
             DOSSIER_TEST_BACKENDS=sqlite to leave PostgreSQL out",
        );
        let url = ordinary(&server).await;
        // A schema of its own per test; services name theirs in their code, hence the leak.
        let schema = format!("test_{}", Uuid::new_v4().simple()).leak();
        let options = Options {
            url,
            schema,
            max_connections: 20,
            outcomes_name_customers: true,
        };
        Self::open(options, migrations, before_commit, None).await
    }

    async fn open(
        options: Options,
        migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
        before_commit: BeforeCommit,
        dir: Option<TempDir>,
    ) -> Self {
        let db = Db::open(options.clone(), before_commit)
            .await
            .expect("opens");
        db.migrate(migrations()).await.expect("migrates");
        Self {
            db,
            options,
            before_commit,
            dir,
        }
    }

    /// Opens the same database once more, as another process or the next start would.
    pub async fn reopen(&self) -> Db {
        Db::open(self.options.clone(), self.before_commit)
            .await
            .expect("opens again")
    }

    /// As [`Self::reopen`], with other options.
    pub async fn reopen_with(&self, change: impl FnOnce(&mut Options)) -> Db {
        let mut options = self.options.clone();
        change(&mut options);
        let opened = Db::open(options, self.before_commit).await;
        opened.expect("opens again")
    }

    /// Every column of every table, as `(table, column)`.
    pub async fn columns(&self) -> Vec<(String, String)> {
        let sql = match self.db.backend() {
            Backend::Sqlite => {
                "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c \
                 WHERE t.type = 'table'"
            }
            Backend::Postgres => {
                "SELECT table_name::text, column_name::text FROM information_schema.columns \
                 WHERE table_schema = current_schema()"
            }
        };
        let statement = Statement::from_string(self.db.backend().into(), sql);
        let reader = self.db.reader_of(&TenantId::all());
        let rows = reader.query_all_raw(statement).await.expect("reads");
        let text = |row: &QueryResult, place| row.try_get_by(place).expect("a name");
        rows.iter()
            .map(|row| (text(row, 0), text(row, 1)))
            .collect()
    }

    /// The steps of a statement that read a whole table or index, as SQLite plans them.
    pub async fn scans(&self, sql: &str) -> Vec<String> {
        let statement = Statement::from_string(
            self.db.backend().into(),
            format!("EXPLAIN QUERY PLAN {sql}"),
        );
        let reader = self.db.reader_of(&TenantId::all());
        let rows = reader.query_all_raw(statement).await.expect("plans");
        let steps = rows.iter().map(|row| row.try_get_by(3).expect("a step"));
        let mut steps: Vec<String> = steps.collect();
        assert!(!steps.is_empty(), "no plan of {sql}");
        steps.retain(|step| step.starts_with("SCAN"));
        steps
    }

    /// Where the SQLite file lies; `None` on PostgreSQL.
    pub fn path(&self) -> Option<std::path::PathBuf> {
        self.dir.as_ref().map(|dir| dir.path().join("test.db"))
    }

    /// Closes the database and, on PostgreSQL, drops its schema.
    pub async fn discard(self) {
        if self.db.backend() == Backend::Postgres {
            let drop = format!("DROP SCHEMA \"dossier_{}\" CASCADE", self.options.schema);
            self.db
                .reader_of(&TenantId::all())
                .execute_unprepared(&drop)
                .await
                .expect("drops the schema");
        }
        self.db.close().await;
    }
}

/// The URL of the same server for a role that is held to the wall between tenants: whoever
/// administers the server of a test run passes it. The role is made where it is not there.
async fn ordinary(server: &str) -> String {
    let admin = Database::connect(ConnectOptions::new(server).max_connections(1).to_owned())
        .await
        .expect("the server answers");
    let make = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(1868133235); \
         IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossier_test') THEN \
         CREATE ROLE dossier_test LOGIN PASSWORD 'dossier_test'; END IF; \
         IF NOT has_database_privilege('dossier_test', current_database(), 'CREATE') THEN \
         EXECUTE format('GRANT CREATE ON DATABASE %I TO dossier_test', current_database()); \
         END IF; END $$";
    admin.execute_unprepared(make).await.expect("makes a role");
    admin.close().await.expect("closes");
    let (scheme, rest) = server.split_once("://").expect("a URL");
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://dossier_test:dossier_test@{place}")
}

impl fmt::Debug for TestDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.db.backend())
    }
}
