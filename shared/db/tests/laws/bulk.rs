//! Many rows at once.

use dossier_db::{Insert, error, insert_many, is_unique_violation};
use dossier_kernel::Reason;
use sea_orm::{EntityTrait, PaginatorTrait, Value};
use uuid::Uuid;

use crate::thing::{self, ctx, tenant};

#[tokio::test]
async fn every_count_of_rows_arrives_whole() {
    for test in thing::each().await {
        let mut total = 0;
        for count in [0, 1, 2, 3, 127, 128, 129, 500, 5_000] {
            let done = test
                .db
                .write(&ctx(), move |tx| {
                    Box::pin(async move {
                        let row = |n| thing::row(&tenant(), &format!("w {n}"), Some(n));
                        insert_many(tx.conn(), (0..count).map(row))
                            .await
                            .map_err(error)
                    })
                })
                .await
                .expect("inserts");
            assert_eq!(done.value, count as u64, "{test:?}");
            total += done.value;
            let there = thing::Entity::find()
                .count(&test.db.reader_of(&tenant()))
                .await
                .expect("counts");
            assert_eq!(there, total);
        }
        test.discard().await;
    }
}

fn value_rows(ids: &[Uuid]) -> Vec<Value> {
    let row = |id: &Uuid| {
        [
            tenant().as_str().into(),
            (*id).into(),
            "w".into(),
            Value::BigInt(None),
        ]
    };
    ids.iter().flat_map(row).collect()
}

#[tokio::test]
async fn rows_that_exist_are_skipped_and_counted_or_refused() {
    const COLUMNS: [&str; 4] = ["tenant_id", "id", "word", "rank"];
    for test in thing::each().await {
        let ids: Vec<_> = (0..300).map(|_| Uuid::now_v7()).collect();
        let insert = |ids: Vec<Uuid>, skip: bool| {
            let db = test.db.clone();
            async move {
                db.write(&ctx(), move |tx| {
                    Box::pin(async move {
                        let insert = Insert::into("thing", &COLUMNS);
                        let insert = if skip {
                            insert.skip_conflicts()
                        } else {
                            insert
                        };
                        insert.rows(tx.conn(), value_rows(&ids)).await.map_err(|e| {
                            assert!(is_unique_violation(&e));
                            error(e)
                        })
                    })
                })
                .await
                .map(|done| done.value)
            }
        };
        assert_eq!(insert(ids[..200].to_vec(), false).await.expect("new"), 200);
        assert_eq!(
            insert(ids.clone(), true).await.expect("skips"),
            100,
            "{test:?}"
        );
        let refused = insert(ids[299..].to_vec(), false)
            .await
            .expect_err("exists");
        assert_eq!(refused.reason(), Reason::AlreadyExists);
        test.discard().await;
    }
}
