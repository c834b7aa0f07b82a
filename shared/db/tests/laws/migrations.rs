//! Migrations: once each, all or none, under a lock.

use dossier_db::testing::TestDb;
use dossier_kernel::{Reason, Result};
use futures::future::join_all;
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::thing;

struct Step(&'static str, &'static str);

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(self.1)
            .await
            .map(|_| ())
    }
}

fn none() -> Vec<Box<dyn MigrationTrait>> {
    Vec::new()
}

fn steps(sqls: &[(&'static str, &'static str)]) -> Vec<Box<dyn MigrationTrait>> {
    sqls.iter()
        .map(|(name, sql)| Box::new(Step(name, sql)) as Box<dyn MigrationTrait>)
        .collect()
}

const ONE: (&str, &str) = ("one", "CREATE TABLE one (id bigint NOT NULL)");
const TWO: (&str, &str) = ("two", "CREATE TABLE two (id bigint NOT NULL)");
const WRONG: (&str, &str) = ("wrong", "CREATE TABLE one (id bigint NOT NULL)");

#[tokio::test]
async fn what_is_missing_is_applied_once() {
    for test in TestDb::each(none, thing::number).await {
        let error = test
            .db
            .check_migrated(&steps(&[ONE]))
            .await
            .expect_err("not migrated");
        assert_eq!(error.reason(), Reason::FailedPrecondition);
        assert!(error.message().contains("dossier migrate"), "{error}");
        assert_eq!(test.db.migrate(steps(&[ONE])).await.expect("applies"), 1);
        assert_eq!(test.db.migrate(steps(&[ONE])).await.expect("knows"), 0);
        let error = test
            .db
            .check_migrated(&steps(&[ONE, TWO]))
            .await
            .expect_err("lacks two");
        assert_eq!(
            error.metadata().get("missing").map(String::as_str),
            Some("two")
        );
        assert_eq!(
            test.db.migrate(steps(&[ONE, TWO])).await.expect("applies"),
            1
        );
        // An older binary runs on a newer ledger.
        test.db
            .check_migrated(&steps(&[ONE]))
            .await
            .expect("tolerates");
        assert_eq!(test.db.migrate(steps(&[ONE])).await.expect("tolerates"), 0);
        test.discard().await;
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    for test in TestDb::each(none, thing::number).await {
        let error = test
            .db
            .migrate(steps(&[TWO, ONE, WRONG]))
            .await
            .expect_err("wrong");
        assert_eq!(error.reason(), Reason::FailedPrecondition);
        assert!(error.message().contains("wrong"), "{error}");
        assert!(
            test.db.check_migrated(&steps(&[TWO])).await.is_err(),
            "{test:?}"
        );
        assert_eq!(
            test.db.migrate(steps(&[TWO, ONE])).await.expect("applies"),
            2
        );
        test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_migrate_at_once_take_turns() {
    for test in TestDb::each(none, thing::number).await {
        let mut others = Vec::new();
        for _ in 0..5 {
            others.push(test.reopen().await);
        }
        let applied = join_all(others.iter().map(|db| db.migrate(steps(&[ONE, TWO])))).await;
        let applied: u32 = applied.into_iter().map(|one| one.expect("migrates")).sum();
        assert_eq!(applied, 2, "{test:?}");
        join_all(others.iter().map(|db| db.close())).await;
        test.discard().await;
    }
}
