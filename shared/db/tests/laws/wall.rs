//! What PostgreSQL itself does about a query that forgot its tenant.

use dossier_db::testing::TestDb;
use dossier_db::{Backend, Db, Options, Wall, error};
use dossier_kernel::{Ctx, Reason, Result, TenantId};
use futures::StreamExt;
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use tokio_util::sync::CancellationToken;

use crate::thing::{self, ctx, insert, migrations, number, tenant};

fn other() -> TenantId {
    TenantId::parse("other").expect("a tenant")
}

/// A row of each of two tenants, on PostgreSQL; `None` where the run leaves that out.
async fn two_tenants() -> Option<TestDb> {
    if std::env::var("DOSSIER_TEST_BACKENDS").as_deref() == Ok("sqlite") {
        return None;
    }
    let test = TestDb::postgres(migrations, number).await;
    for (of, word) in [(tenant(), "ours"), (other(), "theirs")] {
        let ctx = Ctx::service("laws", of.clone());
        let work = test.db.write(&ctx, move |tx| {
            Box::pin(async move { insert(tx, &of, word).await })
        });
        work.await.expect("writes");
    }
    Some(test)
}

/// A query that no store would write: it does not say whose rows it wants.
async fn careless(db: &Db, tenant: &TenantId) -> Vec<String> {
    let rows = thing::Entity::find().all(&db.reader_of(tenant)).await;
    let mut words: Vec<_> = rows
        .expect("reads")
        .into_iter()
        .map(|row| row.word)
        .collect();
    words.sort();
    words
}

async fn run(db: &Db, ctx: &Ctx, sql: &'static str) -> Result<u64> {
    let work = db.write(ctx, move |tx| {
        Box::pin(async move {
            let statement = Statement::from_string(tx.backend().into(), sql);
            let done = tx.conn().execute_raw(statement).await.map_err(error)?;
            Ok(done.rows_affected())
        })
    });
    work.await.map(|done| done.value)
}

#[tokio::test]
async fn a_query_that_forgot_its_tenant_sees_no_row_of_another() {
    let Some(test) = two_tenants().await else {
        return;
    };
    assert_eq!(test.db.wall().await.expect("asks"), Wall::Stands);
    assert_eq!(careless(&test.db, &tenant()).await, ["ours"]);
    assert_eq!(careless(&test.db, &other()).await, ["theirs"]);
    assert_eq!(
        careless(&test.db, &TenantId::all()).await,
        ["ours", "theirs"]
    );
    let mut snapshot = test
        .db
        .snapshot(&tenant(), CancellationToken::new(), |tx, parts| {
            Box::pin(async move {
                let rows = thing::Entity::find().all(tx).await.map_err(error)?;
                parts.give(rows.len()).await
            })
        });
    assert_eq!(snapshot.next().await.expect("a part").expect("reads"), 1);
    // Connections serve one tenant after the other: none keeps the last one's name.
    for round in 0..40 {
        let of = if round % 2 == 0 { tenant() } else { other() };
        assert_eq!(careless(&test.db, &of).await.len(), 1);
    }
    test.discard().await;
}

#[tokio::test]
async fn a_change_that_forgot_its_tenant_touches_no_row_of_another() {
    let Some(test) = two_tenants().await else {
        return;
    };
    let touched = run(&test.db, &ctx(), "UPDATE thing SET word = 'seized'").await;
    assert_eq!(touched.expect("writes"), 1);
    assert_eq!(careless(&test.db, &other()).await, ["theirs"]);
    let foreign = run(&test.db, &ctx(), "UPDATE thing SET tenant_id = 'other'").await;
    assert_eq!(foreign.expect_err("refused").reason(), Reason::Internal);
    let deleted = run(&test.db, &ctx(), "DELETE FROM thing").await;
    assert_eq!(deleted.expect("writes"), 1);
    assert_eq!(careless(&test.db, &TenantId::all()).await, ["theirs"]);
    test.discard().await;
}

/// Shows that the wall is what keeps them apart, and that its absence is noticed.
#[tokio::test]
async fn a_table_without_the_wall_shows_everything_and_stops_the_start() {
    let Some(test) = two_tenants().await else {
        return;
    };
    let everyone = Ctx::service("laws", TenantId::all());
    for breach in [
        "DROP POLICY tenant ON thing; ALTER TABLE thing DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE thing NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY hole ON thing USING (true)",
    ] {
        let work = test.db.write(&everyone, move |tx| {
            Box::pin(async move { tx.conn().execute_unprepared(breach).await.map_err(error) })
        });
        work.await.expect("breaches");
        let seen = careless(&test.db, &tenant()).await;
        assert_eq!(seen, ["ours", "theirs"], "{breach}");
        let refused = test
            .db
            .check_migrated(&migrations())
            .await
            .expect_err(breach);
        assert!(
            refused.message().contains("thing_wall"),
            "{breach}: {refused}"
        );
        let applied = test.db.migrate(migrations()).await.expect("repairs");
        assert_eq!(applied, 0);
        assert_eq!(careless(&test.db, &tenant()).await, ["ours"], "{breach}");
    }
    test.discard().await;
}

#[tokio::test]
async fn who_passes_every_policy_is_told_apart() {
    for test in thing::each().await {
        let expected = match test.db.backend() {
            Backend::Sqlite => Wall::Absent,
            Backend::Postgres => Wall::Stands,
        };
        assert_eq!(test.db.wall().await.expect("asks"), expected);
        if test.db.backend() == Backend::Postgres {
            let url = std::env::var("DOSSIER_TEST_POSTGRES_URL").expect("a server");
            let options = Options {
                url,
                schema: "laws",
                max_connections: 1,
                outcomes_name_customers: true,
            };
            let admin = Db::open(options, number).await.expect("opens");
            assert_eq!(admin.wall().await.expect("asks"), Wall::Bypassed);
            admin.close().await;
        }
        test.discard().await;
    }
}
