//! In commit order, whole, and published where it was committed.

use std::collections::BTreeMap;
use std::time::Duration;

use dossier_db::testing::TestDb;
use dossier_db::{Change, Position, Tx, error};
use dossier_feed::{Feed, Item};
use dossier_kernel::{Error, Result, Timestamp};
use futures::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::world::{QUICK, World, bodies, ctx, migrations, publish, shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_one_subject_stay_in_the_order_they_were_committed() {
    for world in World::each().await {
        let subjects: Vec<_> = (0..8).map(|_| Uuid::now_v7()).collect();
        let follow = |subject: Uuid| {
            let db = world.db();
            async move {
                for n in 0..30 {
                    publish(&db, "a", vec![(subject, format!("{n}"))])
                        .await
                        .expect("publishes");
                }
            }
        };
        join_all(subjects.iter().copied().map(follow).map(tokio::spawn)).await;
        let mut by_subject: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
        for item in world.read_all(shop("a"), None).await {
            if let Item::Event { subject, body, .. } = item {
                by_subject
                    .entry(subject)
                    .or_default()
                    .push(String::from_utf8(body).expect("text"));
            }
        }
        let expected: Vec<_> = (0..30).map(|n| format!("{n}")).collect();
        assert!(
            subjects
                .iter()
                .all(|subject| by_subject[subject] == expected)
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_large_transaction_is_whole_and_in_the_order_it_was_staged() {
    for world in World::each().await {
        let subject = Uuid::now_v7();
        let bodies_in: Vec<_> = (0..1_700).map(|n| format!("{n}")).collect();
        let changes = bodies_in
            .iter()
            .map(|body| (subject, body.clone()))
            .collect();
        let positions = publish(&world.db(), "a", changes).await.expect("publishes");
        let numbers: Vec<_> = positions.iter().map(|position| position.seq).collect();
        assert_eq!(numbers, (1..=1_700).collect::<Vec<i64>>());
        assert_eq!(bodies(&world.read_all(shop("a"), None).await), bodies_in);
        world.test.discard().await;
    }
}

/// Every transaction touches every shard; whoever took them in another order would deadlock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_over_many_shards_take_turns() {
    for world in World::each().await {
        let writer = |_| {
            let db = world.db();
            async move {
                for _ in 0..25 {
                    let changes = (0..60).map(|n| (Uuid::now_v7(), format!("{n}"))).collect();
                    publish(&db, "a", changes).await.expect("no deadlock");
                }
            }
        };
        for done in join_all((0..16).map(writer).map(tokio::spawn)).await {
            done.expect("every write succeeds");
        }
        assert_eq!(world.read_all(shop("a"), None).await.len(), 16 * 25 * 60);
        world.test.discard().await;
    }
}

/// A full disk or a failing one makes SQLite roll back the whole transaction by itself, in the
/// middle of a batch; here the work does it, and goes on as if nothing had happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_the_database_gave_up_publishes_nothing_and_the_writer_goes_on() {
    let test = TestDb::sqlite(migrations, dossier_feed::append).await;
    let feed = Feed::open(test.db.clone(), QUICK);
    let ctx = ctx();
    for (swallow, alone) in [(true, true), (true, false), (false, true), (false, false)] {
        let before = publish(&test.db, "a", vec![(Uuid::now_v7(), "kept".into())]);
        before.await.expect("publishes");
        let lost = test
            .db
            .write(&ctx, move |tx| Box::pin(give_up(tx, swallow)));
        let mut kept = 1;
        if alone {
            lost.await.expect_err("given up");
        } else {
            let beside = publish(&test.db, "a", vec![(Uuid::now_v7(), "kept".into())]);
            let (lost, beside) = tokio::join!(lost, beside);
            lost.expect_err("given up");
            kept += i64::from(beside.is_ok());
        }
        let number = async |sql| {
            let number = test.db.write(&ctx, move |tx| Box::pin(number(tx, sql)));
            number.await.expect("the writer goes on").value
        };
        assert_eq!(
            number("SELECT count(*) FROM feed_event").await,
            kept,
            "{swallow} {alone}"
        );
        assert_ne!(
            number("PRAGMA cache_size").await,
            777,
            "the connection was given up too"
        );
        let deleted = feed.compact(Timestamp(1)).await.expect("compacts");
        assert_eq!(deleted, kept as u64);
    }
    test.discard().await;
}

async fn give_up(tx: &Tx, swallow: bool) -> Result<()> {
    tx.stage(Change {
        tenant: shop("a"),
        subject: Uuid::now_v7(),
        time: Timestamp(0),
        body: b"lost".to_vec(),
    });
    // A setting of the connection, to recognise it by.
    for sql in ["PRAGMA cache_size = 777", "ROLLBACK"] {
        tx.conn().execute_unprepared(sql).await.expect("runs");
    }
    if swallow {
        Ok(())
    } else {
        Err(Error::unavailable("Told to."))
    }
}

async fn number(tx: &Tx, sql: &str) -> Result<i64> {
    let statement = Statement::from_string(tx.backend().into(), sql);
    let row = tx.conn().query_one_raw(statement).await.map_err(error)?;
    row.expect("a row").try_get_by(0).map_err(error)
}

#[tokio::test]
async fn a_commit_is_covered_by_the_head_that_follows_it() {
    for world in World::each().await {
        let one = publish(&world.db(), "a", vec![(Uuid::now_v7(), "x".into())])
            .await
            .expect("one");
        let cursor = dossier_feed::Cursor::of(&one).expect("published");
        assert!(world.feed.head().await.expect("reads").covers(&cursor));
        world
            .feed
            .wait_for(&ctx(), &cursor)
            .await
            .expect("is there");
        let ahead = Position {
            seq: one[0].seq + 1,
            ..one[0]
        };
        let ahead = dossier_feed::Cursor::of(&[ahead]).expect("a cursor");
        let soon = ctx().with_timeout(Duration::from_millis(30));
        let error = world
            .feed
            .wait_for(&soon, &ahead)
            .await
            .expect_err("not there");
        assert_eq!(error.reason(), dossier_kernel::Reason::DeadlineExceeded);
        world.test.discard().await;
    }
}
