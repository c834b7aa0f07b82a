//! Effects happen once, whatever is killed or doubled.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dossier_db::{Db, Tx, error};
use dossier_feed::{Consumer, Cursor, Delivery, Feed, Item};
use dossier_kernel::{Ctx, Error, Reason, Result, TenantId, Timestamp};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use sea_orm::{ConnectionTrait, Statement};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{Dice, World, ctx, publish};

type Deliveries = BoxStream<'static, Result<Delivery<String>>>;

/// What a peer does: watches after a cursor in text.
fn open(feed: &Feed, after: Option<String>) -> BoxFuture<'static, Result<Deliveries>> {
    let feed = feed.clone();
    async move {
        let after = after.as_deref().map(Cursor::parse).transpose()?;
        let items = feed.watch(TenantId::all(), after, CancellationToken::new());
        Ok(items.map(|item| item.map(deliver)).boxed())
    }
    .boxed()
}

fn deliver(item: Item) -> Delivery<String> {
    let cursor = item.cursor().to_string();
    let event = match item {
        Item::Event { body, .. } => Some(String::from_utf8(body).expect("text")),
        Item::Heartbeat { .. } | Item::End { .. } => None,
    };
    Delivery { cursor, event }
}

async fn keep(tx: &Tx, events: Vec<String>) -> Result<()> {
    for body in events {
        let sql = "INSERT INTO effect (body) VALUES ($1)";
        let insert = Statement::from_sql_and_values(tx.backend().into(), sql, [body.into()]);
        tx.conn().execute_raw(insert).await.map_err(error)?;
    }
    Ok(())
}

/// Fails or panics after the effect, when luck is low.
fn keep_with_luck(
    tx: &Tx,
    events: Vec<String>,
    luck: u64,
    failed: Arc<AtomicUsize>,
) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        keep(tx, events).await?;
        if luck > 1 {
            return Ok(());
        }
        failed.fetch_add(1, Ordering::SeqCst);
        assert!(luck != 0, "told to crash");
        Err(Error::unavailable("Told to fail."))
    })
}

fn kept(tx: &Tx, events: Vec<String>) -> BoxFuture<'_, Result<()>> {
    Box::pin(keep(tx, events))
}

async fn effects(db: &Db) -> Vec<u32> {
    let select = Statement::from_string(db.backend().into(), "SELECT body FROM effect");
    let rows = db
        .reader_of(&TenantId::all())
        .query_all_raw(select)
        .await
        .expect("reads");
    let body = |row: &sea_orm::QueryResult| row.try_get_by::<String, _>(0).expect("text");
    let mut all: Vec<_> = rows
        .iter()
        .map(|row| body(row).parse().expect("a number"))
        .collect();
    all.sort_unstable();
    all
}

async fn caught_up(world: &World, consumer: &Consumer) {
    let head = world.feed.head().await.expect("reads");
    let soon = ctx().with_timeout(Duration::from_secs(20));
    consumer.wait_for(&soon, &head).await.expect("catches up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_killed_and_failing_while_applying_have_each_effect_once() {
    for world in World::each().await {
        let seed = Uuid::new_v4().as_u64_pair().0;
        println!("seed {seed}");
        let dice = Arc::new(Dice::new(seed));
        let db = world.db();
        let writer = tokio::spawn(async move {
            for n in 0..300 {
                publish(&db, "a", vec![(Uuid::now_v7(), format!("{n}"))])
                    .await
                    .expect("publishes");
            }
        });
        let failed = Arc::new(AtomicUsize::new(0));
        let mut lives = 0;
        // On a slow machine short lives end before anything is applied; then they grow longer.
        while lives < 40 || (failed.load(Ordering::SeqCst) == 0 && lives < 1_000) {
            let consumer = Consumer::new(world.db(), "laws");
            let (feed, dice_in, failed_in) = (world.feed.clone(), dice.clone(), failed.clone());
            let run = tokio::spawn(async move {
                consumer
                    .run(
                        |after| open(&feed, after),
                        move |tx, events| {
                            let failed = failed_in.clone();
                            // The first one fails whatever the dice say.
                            let sides = match failed.load(Ordering::SeqCst) {
                                0 => 2,
                                _ => 6,
                            };
                            keep_with_luck(tx, events, dice_in.roll(sides), failed)
                        },
                        CancellationToken::new(),
                    )
                    .await
            });
            let life = dice.roll(30_000 * (1 + lives / 40));
            lives += 1;
            tokio::time::sleep(Duration::from_micros(life)).await;
            // As a kill would, at whatever await it is.
            run.abort();
            let _ = run.await;
        }
        writer.await.expect("no panic");
        let stop = CancellationToken::new();
        let consumer = Consumer::new(world.db(), "laws");
        let (feed, stop_in, run) = (world.feed.clone(), stop.clone(), consumer.clone());
        let run =
            tokio::spawn(async move { run.run(|after| open(&feed, after), kept, stop_in).await });
        caught_up(&world, &consumer).await;
        stop.cancel();
        run.await.expect("no panic").expect("stops");
        assert!(failed.load(Ordering::SeqCst) > 0, "nothing ever failed");
        assert_eq!(effects(&world.db()).await, (0..300).collect::<Vec<_>>());
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_under_one_name_share_the_work_without_doubling_it() {
    for world in World::each().await {
        let stop = CancellationToken::new();
        let mut runs = Vec::new();
        let consumers: Vec<_> = (0..2).map(|_| Consumer::new(world.db(), "laws")).collect();
        for consumer in consumers.clone() {
            let (feed, stop) = (world.feed.clone(), stop.clone());
            runs.push(tokio::spawn(async move {
                consumer.run(|after| open(&feed, after), kept, stop).await
            }));
        }
        for n in 0..200 {
            publish(&world.db(), "a", vec![(Uuid::now_v7(), format!("{n}"))])
                .await
                .expect("publishes");
        }
        for consumer in &consumers {
            caught_up(&world, consumer).await;
        }
        stop.cancel();
        for run in runs {
            run.await.expect("no panic").expect("stops");
        }
        assert_eq!(effects(&world.db()).await, (0..200).collect::<Vec<_>>());
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_consumer_that_fell_behind_the_floor_says_so_and_begins_anew_after_a_reset() {
    for world in World::each().await {
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "0".into())])
            .await
            .expect("publishes");
        let consumer = Consumer::new(world.db(), "laws");
        let follow = async |stop: CancellationToken| {
            consumer
                .run(|after| open(&world.feed, after), kept, stop)
                .await
        };
        let stop = CancellationToken::new();
        let until_caught_up = async {
            caught_up(&world, &consumer).await;
            stop.cancel();
        };
        let (run, ()) = tokio::join!(follow(stop.clone()), until_caught_up);
        run.expect("stops");
        for n in 1..100 {
            publish(&world.db(), "a", vec![(Uuid::now_v7(), format!("{n}"))])
                .await
                .expect("publishes");
        }
        world.feed.compact(Timestamp(1)).await.expect("compacts");
        let error = follow(CancellationToken::new())
            .await
            .expect_err("too far behind");
        assert_eq!(error.reason(), Reason::Compacted);
        assert!(consumer.progress().borrow().last_error.is_some());

        let reset = consumer.clone();
        let everyone = Ctx::service("laws", TenantId::all());
        world
            .db()
            .write(&everyone, |tx| {
                Box::pin(async move { reset.reset(tx).await })
            })
            .await
            .expect("resets");
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "100".into())])
            .await
            .expect("publishes");
        let stop = CancellationToken::new();
        let until_caught_up = async {
            caught_up(&world, &consumer).await;
            stop.cancel();
        };
        let (run, ()) = tokio::join!(follow(stop.clone()), until_caught_up);
        run.expect("stops");
        assert_eq!(effects(&world.db()).await, [0, 100]);
        let progress = consumer.progress().borrow().clone();
        assert_eq!((progress.applied_count, progress.last_error), (2, None));
        assert!(consumer.moved_time().await.expect("reads").is_some());
        world.test.discard().await;
    }
}
