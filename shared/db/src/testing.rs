//! Fresh databases for tests, one of each backend (feature `testing`).
//!
//! PostgreSQL is the server that `DOSSIER_TEST_POSTGRES_URL` names; `cargo xtask test` provides
//! one. `DOSSIER_TEST_BACKENDS=sqlite` leaves it out; without either a test fails, so that nobody
//! takes half a run for a whole one.

use std::fmt;

use sea_orm::ConnectionTrait;
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
        };
        Self::open(options, migrations, before_commit, Some(dir)).await
    }

    pub async fn postgres(
        migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
        before_commit: BeforeCommit,
    ) -> Self {
        let url = std::env::var("DOSSIER_TEST_POSTGRES_URL").expect(
            "set DOSSIER_TEST_POSTGRES_URL, run `cargo xtask test`, or set \
             DOSSIER_TEST_BACKENDS=sqlite to leave PostgreSQL out",
        );
        // A schema of its own per test; services name theirs in their code, hence the leak.
        let schema = format!("test_{}", Uuid::new_v4().simple()).leak();
        let options = Options {
            url,
            schema,
            max_connections: 20,
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

    /// Where the SQLite file lies; `None` on PostgreSQL.
    pub fn path(&self) -> Option<std::path::PathBuf> {
        self.dir.as_ref().map(|dir| dir.path().join("test.db"))
    }

    /// Closes the database and, on PostgreSQL, drops its schema.
    pub async fn discard(self) {
        if self.db.backend() == Backend::Postgres {
            let drop = format!("DROP SCHEMA \"dossier_{}\" CASCADE", self.options.schema);
            self.db
                .reader()
                .execute_unprepared(&drop)
                .await
                .expect("drops the schema");
        }
        self.db.close().await;
    }
}

impl fmt::Debug for TestDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.db.backend())
    }
}
