//! Sixteen writers with delays and rollbacks, watched by readers that follow, are cut or stop,
//! while a foreign transaction stays open: nothing is lost, doubled, reordered or held up.
//!
//! `cargo xtask soak feed --cycles EVENTS --seed S` repeats a failure; a long run keeps the foreign
//! transaction open for a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dossier_db::{Backend, Position, error};
use dossier_feed::testing::{Committed, check_whole};
use dossier_kernel::TenantId;
use futures::StreamExt;
use futures::future::join_all;
use sea_orm::ConnectionTrait;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::follower::{Follower, is_ours};
use crate::world::{Dice, World, cycles, dice, publish_or, shop};

const WRITERS: usize = 16;
const EVENTS: u64 = 6_000;
/// Above this a run is long.
const EVENTS_SHORT_MAX: u64 = 100_000;
/// Readers that open a stream, read one item and never again.
const STOPPED: usize = 50;
/// What is published while the foreign transaction is open must be seen while it is.
const SEEN_MAX: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    run(World::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres() {
    if let Some(world) = World::postgres().await {
        run(world).await;
    }
}

async fn run(world: World) {
    let events = cycles(EVENTS);
    let dice = dice("feed");
    let world = Arc::new(world);
    let begun = Instant::now();

    let done = Arc::new(AtomicBool::new(false));
    let everything = Follower::new(world.clone(), TenantId::all(), 0);
    let ours = Follower::new(world.clone(), shop("a"), 2_000);
    let following = [everything, ours].map(|follower| {
        let (dice, done) = (dice.clone(), done.clone());
        tokio::spawn(follower.follow(dice, done))
    });
    let mut stopped: Vec<_> = (0..STOPPED)
        .map(|_| world.watch(TenantId::all(), None))
        .collect();
    for stream in &mut stopped {
        stream.next().await.expect("an item").expect("an item");
    }

    let counter = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| tokio::spawn(write(world.clone(), dice.clone(), counter.clone(), events)))
        .collect();
    let long = events > EVENTS_SHORT_MAX;
    let held = hold_a_transaction_open(&world, long).await;

    let mut committed = Committed::default();
    let mut rolled_back = 0;
    for told in join_all(writers).await {
        let told = told.expect("no panic");
        rolled_back += told.rolled_back;
        for (positions, keys) in told.transactions {
            committed.add(&positions, keys).expect("numbers given once");
        }
    }
    for (positions, key) in held.published {
        committed.add(&positions, vec![key]).expect("given once");
    }
    let writing = begun.elapsed();
    committed.check_dense().expect("dense");
    assert!(committed.len() as u64 >= events && rolled_back > 0);

    done.store(true, Ordering::SeqCst);
    let [everything, ours] = following;
    let everything = everything.await.expect("no panic");
    check_whole(&committed, &everything.watched).expect("everything");
    let ours = ours.await.expect("no panic");
    check_whole(&committed.only(is_ours), &ours.watched).expect("one tenant's");
    assert!(ours.cuts > 0, "nothing was cut");
    // A reader that stopped goes on where it was, and has kept next to nothing meanwhile.
    let late = stopped.swap_remove(0).next().await;
    late.expect("goes on").expect("goes on");

    println!(
        "feed: {} events in {:.1} s ({:.0}/s), {rolled_back} transactions rolled back, a foreign \
         transaction open for {:.1} s with {} events seen meanwhile (slowest {} ms), {} cuts, \
         {STOPPED} stopped readers: 0 violations",
        committed.len(),
        writing.as_secs_f64(),
        committed.len() as f64 / writing.as_secs_f64(),
        held.open.as_secs_f64(),
        held.seen,
        held.slowest.as_millis(),
        ours.cuts,
    );
    drop(stopped);
    if let Ok(world) = Arc::try_unwrap(world) {
        world.test.discard().await;
    }
}

#[derive(Default)]
struct Told {
    transactions: Vec<(Vec<Position>, Vec<u64>)>,
    rolled_back: u64,
}

/// Publishes until `events` were given out. Every fifth transaction is rolled back at its end.
async fn write(world: Arc<World>, dice: Arc<Dice>, counter: Arc<AtomicU64>, events: u64) -> Told {
    let mut told = Told::default();
    let many = if events > EVENTS_SHORT_MAX { 64 } else { 8 };
    loop {
        let size = 1 + if dice.roll(2) == 0 {
            dice.roll(3)
        } else {
            dice.roll(many)
        };
        let tenant = dice.roll(2);
        let first = counter.fetch_add(size, Ordering::Relaxed);
        if first >= events {
            return told;
        }
        let keys: Vec<u64> = (first..first + size).map(|n| n << 1 | tenant).collect();
        let pause = Duration::from_micros(dice.roll(3) * dice.roll(1_500));
        let name = if tenant == 0 { "a" } else { "b" };
        loop {
            let fail = dice.roll(5) == 0;
            // A subject of its own each: the events of a transaction lie in many shards.
            let changes = keys.iter().map(|key| (Uuid::now_v7(), key.to_string()));
            match publish_or(&world.db(), name, changes.collect(), pause, fail).await {
                Ok(positions) => {
                    told.transactions.push((positions, keys));
                    break;
                }
                Err(error) => {
                    assert!(fail, "{error:?}");
                    told.rolled_back += 1;
                }
            }
        }
    }
}

struct Held {
    published: Vec<(Vec<Position>, u64)>,
    open: Duration,
    seen: usize,
    slowest: Duration,
}

/// Opens a transaction that has written (on SQLite, where the writer is alone: read) and does
/// nothing more, and closes it only after what was published meanwhile has been seen.
async fn hold_a_transaction_open(world: &Arc<World>, long: bool) -> Held {
    let begun = Instant::now();
    let idle = match world.db().backend() {
        Backend::Sqlite => "SELECT count(*) FROM feed_event",
        Backend::Postgres => "INSERT INTO effect (body) VALUES ('open')",
    };
    let (end, ended) = oneshot::channel::<()>();
    let db = world.db();
    let mut foreign = db.snapshot(
        &TenantId::all(),
        CancellationToken::new(),
        move |tx, parts| {
            Box::pin(async move {
                tx.execute_unprepared(idle).await.map_err(error)?;
                parts.give(()).await?;
                let _ = ended.await;
                Ok(())
            })
        },
    );
    foreign.next().await.expect("begins").expect("runs");
    let open_min = Duration::from_secs(if long { 60 } else { 2 });
    let head = world.feed.head().await.expect("reads");
    let mut watch = world.watch(TenantId::all(), Some(head));
    let mut held = Held {
        published: Vec::new(),
        open: Duration::ZERO,
        seen: 0,
        slowest: Duration::ZERO,
    };
    // Numbers the writers do not use.
    let mut next = 1_u64 << 40;
    while begun.elapsed() < open_min {
        let published = Instant::now();
        let changes = vec![(Uuid::now_v7(), next.to_string())];
        let done = publish_or(&world.db(), "a", changes, Duration::ZERO, false).await;
        held.published.push((done.expect("publishes"), next));
        let expected = next.to_string().into_bytes();
        let seen = async {
            loop {
                let item = watch.next().await.expect("goes on").expect("goes on");
                if let dossier_feed::Item::Event { body, .. } = item
                    && body == expected
                {
                    return;
                }
            }
        };
        tokio::time::timeout(SEEN_MAX, seen)
            .await
            .expect("seen while the foreign transaction is open");
        held.slowest = held.slowest.max(published.elapsed());
        held.seen += 1;
        next += 2;
        // The transaction must stay open for a while; probes fill it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    held.open = begun.elapsed();
    drop(end);
    assert!(foreign.next().await.is_none(), "it was open all the time");
    held
}
