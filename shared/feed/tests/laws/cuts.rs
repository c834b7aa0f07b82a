//! Streams cut anywhere, thousands of times, while writers write: etcd's six watch guarantees.
//!
//! `cargo xtask soak cuts --cycles CUTS --seed S` repeats a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dossier_feed::testing::{Committed, check_whole};
use dossier_kernel::TenantId;
use futures::future::join_all;
use uuid::Uuid;

use crate::follower::{Follower, is_ours};
use crate::world::{Dice, World, cycles, dice, publish_or, shop};

const CUTS: u64 = 300;
const FOLLOWERS: u64 = 4;
/// Items between two cuts, at most.
const STRETCH: u64 = 12;

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
    let cuts = cycles(CUTS);
    let dice = dice("cuts");
    let world = Arc::new(world);
    let enough = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(world.clone(), dice.clone(), enough.clone()));
    let followers = (0..FOLLOWERS).map(|n| {
        let tenant = if n % 2 == 0 {
            shop("a")
        } else {
            TenantId::all()
        };
        let mut follower = Follower::new(world.clone(), tenant, STRETCH);
        let (dice, never) = (dice.clone(), AtomicBool::new(false));
        tokio::spawn(async move {
            while follower.cuts < cuts / FOLLOWERS {
                follower.one_stream(&dice, &never, false).await;
            }
            follower
        })
    });
    let followers = join_all(followers).await;
    enough.store(true, Ordering::SeqCst);
    let committed = writer.await.expect("no panic");
    committed.check_dense().expect("dense");
    let ours = committed.only(is_ours);
    let (mut all_cuts, mut seen) = (0, 0);
    for (n, follower) in followers.into_iter().enumerate() {
        let follower = follower.expect("no panic");
        all_cuts += follower.cuts;
        let end = follower.follow(dice.clone(), enough.clone()).await;
        let promised = if n % 2 == 0 { &ours } else { &committed };
        seen += end.watched.keys().count();
        check_whole(promised, &end.watched).expect("the six guarantees");
    }
    assert!(all_cuts >= cuts / FOLLOWERS * FOLLOWERS && seen > 0);
    println!(
        "cuts: {all_cuts} cuts, {} events committed, {seen} seen: 0 violations",
        committed.len()
    );
    if let Ok(world) = Arc::try_unwrap(world) {
        world.test.discard().await;
    }
}

/// As fast as followers that are cut all the time read.
async fn write(world: Arc<World>, dice: Arc<Dice>, enough: Arc<AtomicBool>) -> Committed<u64> {
    let mut committed = Committed::default();
    let mut next = 0;
    while !enough.load(Ordering::SeqCst) {
        let tenant = dice.roll(2);
        let keys: Vec<u64> = (next..next + 1 + dice.roll(6))
            .map(|n| n << 1 | tenant)
            .collect();
        next += keys.len() as u64;
        let name = if tenant == 0 { "a" } else { "b" };
        let changes = keys.iter().map(|key| (Uuid::now_v7(), key.to_string()));
        let fail = dice.roll(8) == 0;
        let done = publish_or(&world.db(), name, changes.collect(), Duration::ZERO, fail).await;
        match done {
            Ok(positions) => committed.add(&positions, keys).expect("given once"),
            Err(error) => assert!(fail, "{error:?}"),
        }
        // A pace at which followers that are cut all the time keep up.
        tokio::time::sleep(Duration::from_micros(dice.roll(3_000))).await;
    }
    committed
}
