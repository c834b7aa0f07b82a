//! A disk that is full.

use dossier_db::testing::TestDb;
use dossier_db::{Db, error};
use dossier_kernel::{Reason, Result};
use futures::future::join_all;
use sea_orm::ConnectionTrait;

use crate::thing::{self, ctx, tenant, words};

async fn fill(db: &Db, word: String) -> Result<()> {
    db.write(&ctx(), move |tx| {
        Box::pin(async move {
            let long = format!("{word} {}", "x".repeat(20_000));
            thing::insert(tx, &tenant(), &long).await.map(|_| ())
        })
    })
    .await
    .map(|_| ())
}

async fn pragma(db: &Db, sql: &'static str) {
    db.write(&ctx(), move |tx| {
        Box::pin(async move {
            tx.conn()
                .execute_unprepared(sql)
                .await
                .map(|_| ())
                .map_err(error)
        })
    })
    .await
    .expect("sets");
}

/// SQLite's own limit on pages gives the very error of a full disk, and like it may roll back the
/// whole transaction in the middle of a batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_that_is_not_kept_and_space_heals() {
    let test = TestDb::sqlite(thing::migrations, thing::number).await;
    let mut kept = 0;
    let mut refused = 0;
    for round in 0..6 {
        // The limit is the connection's, and one that SQLite rolled back by itself is replaced.
        pragma(&test.db, "PRAGMA max_page_count = 60").await;
        let all = (0..10).map(|n| fill(&test.db, format!("{round} {n}")));
        for answer in join_all(all).await {
            match answer {
                Ok(()) => kept += 1,
                Err(error) => {
                    assert_eq!(error.reason(), Reason::ResourceExhausted, "{error:?}");
                    refused += 1;
                }
            }
        }
        assert_eq!(
            words(&test.db, &tenant()).await.len(),
            kept,
            "acknowledged = there"
        );
    }
    assert!(refused > 0 && kept > 0, "{kept} kept, {refused} refused");
    pragma(&test.db, "PRAGMA max_page_count = 1").await;
    let error = fill(&test.db, "more".to_owned()).await.expect_err("full");
    assert_eq!(error.reason(), Reason::ResourceExhausted);
    pragma(&test.db, "PRAGMA max_page_count = 100000").await;
    fill(&test.db, "after".to_owned())
        .await
        .expect("space returned");
    assert_eq!(words(&test.db, &tenant()).await.len(), kept + 1);
    test.discard().await;
}
