//! Kept outcomes are found by whom they name, and long histories are deleted some rows at a time.

use std::time::Duration;

use dossier_db::testing::TestDb;
use dossier_db::{HeldTable, Once, subject};
use dossier_kernel::{Ctx, CustomerId, Reason, Result, TenantId};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::thing::{self, ctx, tenant};

/// A request that remembers these ids, again or for the first time.
async fn remember(test: &TestDb, request: Uuid, ids: &[CustomerId]) -> Result<Vec<String>> {
    let once = Once::new(&request.to_string(), "m", b"x").expect("an id");
    let names: Vec<String> = ids.iter().map(|id| id.to_name()).collect();
    let ctx = ctx();
    let work = test
        .db
        .write_once(&ctx, once, move |_| Box::pin(async move { Ok(names) }));
    let done = work.await;
    done.map(|done| done.value)
}

async fn named(test: &TestDb, tenant: &TenantId, ids: &[CustomerId]) -> u64 {
    let found = subject::outcomes(&test.db.reader_of(tenant), tenant, ids).await;
    found.expect("reads")
}

async fn rows(test: &TestDb, table: &str) -> i64 {
    let reader = test.db.reader_of(&TenantId::all());
    let sql = format!("SELECT COUNT(*) FROM {table}");
    let statement = Statement::from_string(test.db.backend().into(), sql);
    let row = reader.query_one_raw(statement).await.expect("reads");
    row.expect("a row").try_get_by(0).expect("a count")
}

async fn execute(test: &TestDb, sql: String) {
    let ctx = Ctx::service("laws", TenantId::all());
    let work = test.db.write(&ctx, move |tx| {
        Box::pin(async move {
            let done = tx.conn().execute_unprepared(&sql).await;
            done.map(|_| ()).map_err(dossier_db::error)
        })
    });
    work.await.expect("executes");
}

#[tokio::test]
async fn an_outcome_is_found_by_everybody_it_names_and_blanked_for_all() {
    for test in thing::each().await {
        let [first, second, third] = [(); 3].map(|()| CustomerId::generate());
        let [both, one] = [Uuid::now_v7(), Uuid::now_v7()];
        remember(&test, both, &[first, second]).await.expect("new");
        remember(&test, one, &[second]).await.expect("new");
        remember(&test, one, &[second]).await.expect("again");
        let stranger = TenantId::parse("stranger").expect("a tenant");
        for (ids, expected) in [
            (vec![first], 1),
            (vec![second], 2),
            (vec![first, second], 2),
            (vec![third], 0),
        ] {
            assert_eq!(named(&test, &tenant(), &ids).await, expected, "{test:?}");
            assert_eq!(named(&test, &stranger, &ids).await, 0);
        }
        let ctx = ctx();
        let work = test.db.write(&ctx, move |tx| {
            Box::pin(async move { subject::blank(tx, &tenant(), &[first]).await })
        });
        assert_eq!(work.await.expect("blanks").value, 1);
        assert_eq!(named(&test, &tenant(), &[first]).await, 0);
        assert_eq!(named(&test, &tenant(), &[second]).await, 1);
        let gone = remember(&test, both, &[first, second]).await;
        assert_eq!(gone.expect_err("gone").reason(), Reason::NotFound);
        test.discard().await;
    }
}

#[tokio::test]
async fn whom_outcomes_name_is_forgotten_with_them() {
    for test in thing::each().await {
        let id = CustomerId::generate();
        remember(&test, Uuid::now_v7(), &[id]).await.expect("new");
        assert_eq!(rows(&test, "idempotency_subject").await, 1);
        let age = Duration::from_secs(9 * 24 * 3600).as_micros();
        for table in ["idempotency", "idempotency_subject"] {
            let sql = format!("UPDATE {table} SET create_time = create_time - {age}");
            execute(&test, sql).await;
        }
        assert_eq!(test.db.forget_outcomes().await.expect("forgets"), 1);
        assert_eq!(rows(&test, "idempotency_subject").await, 0);
        test.discard().await;
    }
}

#[tokio::test]
async fn what_was_kept_before_there_were_subjects_is_found_too() {
    for test in thing::each().await {
        let ids: Vec<CustomerId> = (0..600).map(|_| CustomerId::generate()).collect();
        for id in &ids {
            remember(&test, Uuid::now_v7(), &[*id]).await.expect("new");
        }
        execute(&test, "DROP TABLE idempotency_subject".to_owned()).await;
        let ledger = "DELETE FROM dossier_migration WHERE name LIKE 'db_0003%'";
        execute(&test, ledger.to_owned()).await;
        assert_eq!(
            test.db.migrate(thing::migrations()).await.expect("fills"),
            1
        );
        assert_eq!(named(&test, &tenant(), &ids).await, 600);
        test.discard().await;
    }
}

#[tokio::test]
async fn a_database_whose_outcomes_name_nobody_writes_nothing_for_it() {
    for mut test in thing::each().await {
        test.db.close().await;
        test.db = test
            .reopen_with(|options| options.outcomes_name_customers = false)
            .await;
        let id = CustomerId::generate();
        remember(&test, Uuid::now_v7(), &[id]).await.expect("new");
        assert_eq!(rows(&test, "idempotency").await, 1);
        assert_eq!(rows(&test, "idempotency_subject").await, 0);
        test.discard().await;
    }
}

#[tokio::test]
async fn a_long_history_goes_some_rows_at_a_time() {
    const THINGS: [HeldTable; 1] = [HeldTable::many("thing", "id", "word")];
    for test in thing::each().await {
        let mut ids = Vec::new();
        for word in ["a", "b", "c", "d", "e"] {
            let ctx = ctx();
            let work = test.db.write(&ctx, move |tx| {
                Box::pin(async move { thing::insert(tx, &tenant(), word).await })
            });
            ids.push(CustomerId(work.await.expect("inserts").value));
        }
        let kept = ids.pop().expect("five");
        let mut deleted = Vec::new();
        loop {
            let (ctx, ids) = (ctx(), ids.clone());
            let work = test.db.write(&ctx, move |tx| {
                Box::pin(async move { subject::thin(tx, &tenant(), &THINGS, &ids, 3).await })
            });
            match work.await.expect("thins").value.as_slice() {
                [] => break,
                counts => deleted.push(counts.iter().map(|(_, rows)| rows).sum::<u64>()),
            }
        }
        assert_eq!(deleted, [3, 1], "{test:?}");
        let reader = test.db.reader_of(&tenant());
        let left = subject::count(&reader, &tenant(), &THINGS, &[kept]).await;
        assert_eq!(left.expect("counts"), [("thing", 1)]);
        drop(reader);
        test.discard().await;
    }
}
