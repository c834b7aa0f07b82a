//! Everything at once: whatever the order, the state is what the feeds tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dossier_kernel::id::{InteractionId, SegmentId};
use dossier_kernel::{Currency, CustomerId, Money, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use super::world::{World, file, ids};
use crate::domain::{Cause, Customer, History, News, Purchase, Rule, What};

const RULES: [&str; 6] = [
    r#"region_code = "CN" AND tags:vip"#,
    "count(purchase, 100s) >= 2",
    "sum(purchase.amount) >= 20 AND NOT count(purchase, 50s) = 0",
    r#"sum(purchase.amount, "EUR", 200s) > 5 OR open_case_count > 0"#,
    "average(purchase.amount) < 8",
    "last(purchase, 150s):* AND response_count = 0",
];

fn what(now: Timestamp) -> impl Strategy<Value = What> {
    let purchase = (0_i64..400, 1_i64..20, any::<bool>()).prop_map(move |(ago, units, euro)| {
        let code = if euro { "EUR" } else { "USD" };
        let currency = Currency::parse(code).expect("a code");
        let amount = Money::new(units * 1_000_000, currency);
        let occur_time = Timestamp(now.0 - (ago - 20) * 1_000_000);
        let interaction = InteractionId::generate();
        What::Purchase {
            interaction,
            purchase: Purchase { occur_time, amount },
        }
    });
    let case = (0_u128..3, any::<bool>());
    prop_oneof![
        5 => purchase,
        2 => (any::<bool>(), any::<bool>()).prop_map(|(cn, vip)| {
            let tags: &[&str] = if vip { &["vip"] } else { &[] };
            What::File(file(if cn { "CN" } else { "DE" }, tags))
        }),
        1 => Just(()).prop_map(|()| What::Deleted(file("CN", &["vip"]))),
        1 => case.prop_map(|(id, open)| What::Case { id: Uuid::from_u128(id + 1), open }),
        1 => Just(()).prop_map(move |()| What::Response { id: Uuid::now_v7(), time: now }),
    ]
}

/// Random news about some customers, in the order of their feeds.
fn news(world: &World, customers: &[CustomerId], count: usize) -> Vec<News> {
    let mut runner = TestRunner::deterministic();
    let pick = (0..customers.len(), what(world.now()));
    let mut told = Vec::new();
    // Case ids are the customer's own.
    for _ in 0..count {
        let (n, what) = pick.new_tree(&mut runner).expect("news").current();
        let what = match what {
            What::Case { id, open } => {
                let own = id.as_u128() + 10 * u128::try_from(n).unwrap_or(0);
                What::Case {
                    id: Uuid::from_u128(own),
                    open,
                }
            }
            other => other,
        };
        told.push(world.news(customers[n], what));
    }
    told
}

/// Three feeds: each keeps its order, nothing holds between them.
fn feed_of(news: &News) -> usize {
    match news.what {
        What::File(_) | What::Deleted(_) | What::Purged => 0,
        What::Purchase { .. } => 1,
        What::Response { .. } | What::Case { .. } => 2,
    }
}

fn expected(world: &World, told: &[News]) -> BTreeMap<&'static str, BTreeSet<CustomerId>> {
    let mut histories: BTreeMap<CustomerId, History> = BTreeMap::new();
    for news in told {
        histories
            .entry(news.customer)
            .or_default()
            .learn(news.what.clone());
    }
    let customers: BTreeMap<CustomerId, Customer> = histories
        .into_iter()
        .map(|(id, history)| (id, history.into_customer()))
        .collect();
    let members = RULES.map(|text| {
        let rule = Rule::parse(text, &BTreeMap::new()).expect(text);
        let decide = |customer| rule.decide(customer, world.now(), Currency::USD).member;
        let members = customers.iter().filter(|(_, customer)| decide(customer));
        (text, members.map(|(id, _)| *id).collect())
    });
    members.into()
}

async fn check(world: &World, segments: &[SegmentId], told: &[News]) {
    let expected = expected(world, told);
    let followed = world.followed().await;
    for (segment, rule) in segments.iter().zip(RULES) {
        let members = world.members(*segment).await;
        assert_eq!(members, expected[rule], "{rule}");
        assert_eq!(
            followed.get(segment).cloned().unwrap_or_default(),
            members,
            "{rule}"
        );
    }
}

#[tokio::test]
async fn batches_of_any_size_and_feeds_in_any_order_give_the_same_members() {
    for world in World::each().await {
        let customers = ids(30);
        let told = news(&world, &customers, 600);
        let mut segments = Vec::new();
        for (n, rule) in RULES.iter().enumerate().take(3) {
            segments.push(world.create(&format!("s{n}"), rule).await);
        }
        // Feedback first, then purchases, then the customers; half of the segments come between.
        for (feed, size) in [(2, 7), (1, 50), (0, 3)] {
            let of_feed: Vec<News> = told
                .iter()
                .filter(|news| feed_of(news) == feed)
                .cloned()
                .collect();
            for batch in of_feed.chunks(size) {
                world.tell(batch.to_vec()).await;
            }
            if feed == 1 {
                for (n, rule) in RULES.iter().enumerate().skip(3) {
                    segments.push(world.create(&format!("s{n}"), rule).await);
                }
            }
        }
        world.app.settle().await.expect("settles");
        check(&world, &segments, &told).await;
        // And as time passes, at every step.
        for _ in 0..45 {
            world.clock.advance(Duration::from_secs(10));
            world.app.sweep().await.expect("sweeps");
            check(&world, &segments, &told).await;
        }
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn feeds_segments_and_time_at_the_same_moment_give_the_same_members() {
    for world in World::each().await {
        let world = Arc::new(world);
        let customers = ids(20);
        let told = news(&world, &customers, 900);
        let mut tasks = tokio::task::JoinSet::new();
        for feed in 0..3 {
            let of_feed: Vec<News> = told
                .iter()
                .filter(|news| feed_of(news) == feed)
                .cloned()
                .collect();
            let world = Arc::clone(&world);
            tasks.spawn(async move {
                for batch in of_feed.chunks(6) {
                    world.tell_because(batch.to_vec(), Cause::Event).await;
                }
            });
        }
        let time = Arc::clone(&world);
        tasks.spawn(async move {
            for _ in 0..40 {
                time.clock.advance(Duration::from_secs(1));
                time.app.sweep().await.expect("sweeps");
            }
        });
        let settling = Arc::clone(&world);
        let segments = tokio::spawn(async move {
            let mut segments = Vec::new();
            for (n, rule) in RULES.iter().enumerate() {
                segments.push(settling.create(&format!("s{n}"), rule).await);
                settling.app.settle().await.expect("settles");
            }
            segments
        });
        while let Some(done) = tasks.join_next().await {
            done.expect("no panic");
        }
        let segments = segments.await.expect("no panic");
        world.app.settle().await.expect("settles");
        world.app.sweep().await.expect("sweeps");
        check(&world, &segments, &told).await;
        let world = Arc::into_inner(world).expect("all tasks are done");
        world.test.discard().await;
    }
}
