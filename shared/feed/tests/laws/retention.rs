//! Compaction and other histories.

use dossier_db::testing::TestDb;
use dossier_db::{Change, error};
use dossier_feed::{Cursor, Feed, Item};
use dossier_kernel::{Error, Reason, Timestamp};
use futures::StreamExt;
use sea_orm::{ConnectionTrait, Statement};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{QUICK, World, bodies, ctx, migrations, publish, shop};

async fn publish_at(world: &World, second: i64) {
    let change = Change {
        tenant: shop("a"),
        subject: Uuid::now_v7(),
        time: Timestamp::from_secs(second),
        body: format!("{second}").into_bytes(),
    };
    world
        .db()
        .write(&ctx(), |tx| {
            Box::pin(async move {
                tx.stage(change);
                Ok(())
            })
        })
        .await
        .expect("publishes");
}

async fn first_error(world: &World, after: Cursor) -> Error {
    let mut stream = world.watch(shop("a"), Some(after));
    let error = stream.next().await.expect("an item").expect_err("refused");
    assert!(
        stream.next().await.is_none(),
        "the stream ends after its error"
    );
    error
}

fn sorted(items: &[Item]) -> Vec<i64> {
    let mut all: Vec<_> = bodies(items)
        .iter()
        .map(|body| body.parse().expect("a number"))
        .collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn a_cursor_before_what_is_kept_learns_the_floor() {
    for world in World::each().await {
        let beginning = world.feed.head().await.expect("reads");
        for second in 0..200 {
            publish_at(&world, second).await;
        }
        let deleted = world
            .feed
            .compact(Timestamp::from_secs(120))
            .await
            .expect("compacts");
        // What lies before an event that stays is deleted; times and numbers agree here.
        assert_eq!(deleted, 120);
        assert_eq!(
            world
                .feed
                .compact(Timestamp::from_secs(120))
                .await
                .expect("compacts"),
            0
        );
        let error = first_error(&world, beginning.clone()).await;
        assert_eq!(error.reason(), Reason::Compacted);
        let floor = Cursor::parse(&error.metadata()["floor"]).expect("a cursor");
        let kept: Vec<i64> = (120..200).collect();
        assert_eq!(sorted(&world.read_all(shop("a"), Some(floor)).await), kept);
        assert_eq!(sorted(&world.read_all(shop("a"), None).await), kept);
        // Everything may go; the numbers go on.
        world
            .feed
            .compact(Timestamp::from_secs(1_000))
            .await
            .expect("compacts");
        let head = world.feed.head().await.expect("reads");
        publish_at(&world, 2_000).await;
        assert_eq!(
            sorted(&world.read_all(shop("a"), Some(head)).await),
            [2_000]
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_watcher_that_compaction_overtakes_is_told_and_never_skips() {
    for world in World::each().await {
        let before = world.feed.head().await.expect("reads");
        let mut stream = world.watch(shop("a"), Some(before));
        let first = stream.next().await.expect("goes on").expect("goes on");
        assert!(matches!(first, Item::Heartbeat { .. }));
        for second in 0..100 {
            publish_at(&world, second).await;
        }
        world
            .feed
            .compact(Timestamp::from_secs(50))
            .await
            .expect("compacts");
        let mut told = None;
        while let Some(item) = stream.next().await {
            match item {
                Ok(Item::Heartbeat { .. }) => {}
                Ok(item) => panic!("an event after a gap: {item:?}"),
                Err(error) => told = Some(error),
            }
        }
        assert_eq!(told.expect("an error").reason(), Reason::Compacted);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn another_history_is_noticed_by_cursors_and_by_streams_that_run() {
    for world in World::each().await {
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "x".into())])
            .await
            .expect("publishes");
        let head = world.feed.head().await.expect("reads");
        let mut running = world.watch(shop("a"), Some(head.clone()));
        let first = running.next().await.expect("goes on").expect("goes on");
        assert!(matches!(first, Item::Heartbeat { .. }));
        world.feed.renew_epoch().await.expect("renews");
        assert_eq!(
            first_error(&world, head).await.reason(),
            Reason::EpochChanged
        );
        // The next event, at the latest, lies in the other history.
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "y".into())])
            .await
            .expect("publishes");
        let mut told = None;
        while let Some(item) = running.next().await {
            told = item.err().or(told);
        }
        assert_eq!(told.expect("an error").reason(), Reason::EpochChanged);
        assert_eq!(world.read_all(shop("a"), None).await.len(), 2);
        world.test.discard().await;
    }
}

/// As one run of a process: opens, writes and closes. Gives where the feed stood at the end.
async fn write_three(test: &TestDb) -> Cursor {
    let db = test.reopen().await;
    for _ in 0..3 {
        let changes = vec![(Uuid::now_v7(), "x".into())];
        publish(&db, "a", changes).await.expect("publishes");
    }
    let head = Feed::open(db.clone(), QUICK).head().await.expect("reads");
    db.close().await;
    head
}

/// As an operator does who puts last night's file back, with and without saying so.
#[tokio::test]
async fn an_older_file_copied_back_is_noticed() {
    let mut test = TestDb::sqlite(migrations, dossier_feed::append).await;
    let file = test.path().expect("a file");
    let backup = file.with_extension("backup");
    test.db.close().await;
    let old = write_three(&test).await;
    std::fs::copy(&file, &backup).expect("copies");
    let new = write_three(&test).await;
    std::fs::copy(&backup, &file).expect("copies back");

    test.db = test.reopen().await;
    let world = World::of(test);
    // The lost events show by themselves until as many others were written.
    assert_eq!(
        first_error(&world, new.clone()).await.reason(),
        Reason::EpochChanged
    );
    world.feed.renew_epoch().await.expect("renews");
    for _ in 0..5 {
        publish_at(&world, 1).await;
    }
    for lost in [old, new] {
        assert_eq!(
            first_error(&world, lost).await.reason(),
            Reason::EpochChanged
        );
    }
    world.test.discard().await;
}

/// A copy restored from before the cursor has not minted an epoch yet: still no silent gap.
#[tokio::test]
async fn a_cursor_from_the_future_is_another_history() {
    for world in World::each().await {
        let mut positions = publish(&world.db(), "a", vec![(Uuid::now_v7(), "x".into())])
            .await
            .expect("publishes");
        positions[0].seq += 1;
        let future = Cursor::of(&positions).expect("a cursor");
        assert_eq!(
            first_error(&world, future).await.reason(),
            Reason::EpochChanged
        );
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_and_the_events_after_its_cursor_make_everything_once() {
    for world in World::each().await {
        let db = world.db();
        let writer = tokio::spawn(async move {
            for n in 0..200 {
                publish(&db, "a", vec![(Uuid::now_v7(), format!("{n}"))])
                    .await
                    .expect("publishes");
            }
        });
        for _ in 0..10 {
            let db = world.db();
            // What the service would read of its own tables; here the events themselves stand for it.
            let sql = "SELECT body FROM feed_event";
            let statement = Statement::from_string(db.backend().into(), sql);
            let mut parts = db.snapshot(&shop("a"), CancellationToken::new(), |tx, parts| {
                Box::pin(async move {
                    let cursor = Feed::head_in(tx).await?;
                    let rows = tx.query_all_raw(statement).await.map_err(error)?;
                    parts.give((cursor, rows)).await
                })
            });
            let (cursor, rows) = parts.next().await.expect("a part").expect("reads");
            let after = world.read_all(shop("a"), Some(cursor)).await;
            let mut all = sorted(&after);
            all.extend(rows.iter().map(|row| {
                let body: Vec<u8> = row.try_get_by(0).expect("bytes");
                String::from_utf8(body)
                    .expect("text")
                    .parse::<i64>()
                    .expect("a number")
            }));
            all.sort_unstable();
            assert_eq!(all, (0..all.len() as i64).collect::<Vec<_>>());
        }
        writer.await.expect("no panic");
        world.test.discard().await;
    }
}
