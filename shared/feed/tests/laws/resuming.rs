//! Streams that are cut, quiet or stopped.

use std::time::Duration;

use dossier_feed::{Feed, Item, Options};
use dossier_kernel::TenantId;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{QUICK, World, bodies, publish, shop};

#[tokio::test]
async fn a_quiet_stream_says_where_it_stands_and_moves_on_over_others_events() {
    for world in World::each().await {
        let mut stream = world.watch(shop("a"), None);
        let mut next = async || stream.next().await.expect("goes on").expect("goes on");
        let Item::Heartbeat { cursor: first } = next().await else {
            panic!("caught up at once")
        };
        publish(&world.db(), "b", vec![(Uuid::now_v7(), "theirs".into())])
            .await
            .expect("publishes");
        let head = world.feed.head().await.expect("reads");
        assert!(!first.covers(&head));
        loop {
            let Item::Heartbeat { cursor } = next().await else {
                panic!("no event of ours")
            };
            if cursor.covers(&head) {
                break;
            }
        }
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "ours".into())])
            .await
            .expect("publishes");
        let event = next().await;
        assert_eq!(bodies(&[event]), ["ours"]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_stopped_stream_ends_with_a_cursor_that_works() {
    for world in World::each().await {
        let stop = CancellationToken::new();
        let mut stream = world.feed.watch(shop("a"), None, stop.clone());
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "one".into())])
            .await
            .expect("publishes");
        let first = stream.next().await.expect("an item").expect("an item");
        assert_eq!(bodies(&[first]), ["one"]);
        stop.cancel();
        let mut last = None;
        while let Some(item) = stream.next().await {
            last = Some(item.expect("no error"));
        }
        let Some(Item::End { cursor }) = last else {
            panic!("ends with its cursor: {last:?}")
        };
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "two".into())])
            .await
            .expect("publishes");
        assert_eq!(
            bodies(&world.read_all(shop("a"), Some(cursor)).await),
            ["two"]
        );
        world.test.discard().await;
    }
}

/// Without a poll worth speaking of, only the signal of the commit can wake the watcher.
#[tokio::test]
async fn a_commit_of_this_process_wakes_its_watchers() {
    for world in World::each().await {
        let hour = Duration::from_secs(3_600);
        let slow = Options {
            heartbeat: hour,
            poll_min: hour,
            poll_max: hour,
        };
        let feed = Feed::open(world.db(), slow);
        let mut stream = feed.watch(shop("a"), None, CancellationToken::new());
        let first = stream.next().await.expect("goes on").expect("goes on");
        assert!(matches!(first, Item::Heartbeat { .. }));
        for n in 0..20 {
            let body = format!("{n}");
            let db = world.db();
            let publish = publish(&db, "a", vec![(Uuid::now_v7(), body.clone())]);
            let (item, published) = tokio::join!(stream.next(), publish);
            published.expect("publishes");
            assert_eq!(bodies(&[item.expect("goes on").expect("goes on")]), [body]);
        }
        world.test.discard().await;
    }
}

#[tokio::test]
async fn what_another_process_commits_is_found_by_looking() {
    for world in World::each().await {
        let other = world.test.reopen().await;
        let mut stream = world.watch(TenantId::all(), None);
        publish(&other, "a", vec![(Uuid::now_v7(), "far".into())])
            .await
            .expect("publishes");
        loop {
            let item = stream.next().await.expect("goes on").expect("goes on");
            if let Item::Event { .. } = item {
                assert_eq!(bodies(&[item]), ["far"]);
                break;
            }
        }
        other.close().await;
        world.test.discard().await;
    }
}

/// A reader that stops holds neither a connection nor a snapshot.
#[tokio::test]
async fn a_reader_that_stops_slows_nobody() {
    for world in World::each().await {
        publish(&world.db(), "a", vec![(Uuid::now_v7(), "first".into())])
            .await
            .expect("publishes");
        let mut stopped: Vec<_> = (0..50).map(|_| world.watch(shop("a"), None)).collect();
        for stream in &mut stopped {
            let item = stream.next().await.expect("an item").expect("an item");
            assert_eq!(bodies(&[item]), ["first"]);
        }
        for n in 0..50 {
            publish(&world.db(), "a", vec![(Uuid::now_v7(), format!("{n}"))])
                .await
                .expect("goes on");
        }
        assert_eq!(world.read_all(shop("a"), None).await.len(), 51);
        assert!(QUICK.poll_max < Duration::from_secs(1));
        world.test.discard().await;
    }
}
