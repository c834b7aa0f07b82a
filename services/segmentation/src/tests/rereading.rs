//! A feed that lost its history is read anew, and nobody notices but where it matters.

use std::time::Duration;

use dossier_db::Db;
use dossier_feed::{Consumer, Delivery};
use dossier_kernel::{Result, TenantId};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::world::{DAY, World, file, ids};
use crate::domain::{Cause, News, What};
use crate::jobs::follow::learn;
use crate::peers::Told;
use crate::store::across::{self, LostFeed};
use crate::store::schemes;

/// Lets the consumer of a feed read `news` and then a heartbeat.
async fn feed(world: &World, consumer: &Consumer, news: Vec<News>) {
    let open = move |_| -> BoxFuture<'static, Result<Told>> {
        let events = news.clone().into_iter().enumerate().map(|(n, news)| {
            Ok(Delivery {
                cursor: format!("snapshot {n}"),
                event: Some(Some(news)),
            })
        });
        let caught_up = Ok(Delivery {
            cursor: "end".to_owned(),
            event: None,
        });
        let told: Vec<_> = events.chain([caught_up]).collect();
        Box::pin(async move { Ok(stream::iter(told).chain(stream::pending()).boxed()) })
    };
    let mut progress = consumer.progress();
    let stop = CancellationToken::new();
    let caught_up = async {
        // What was true before the consumer runs says nothing.
        progress.changed().await.expect("the consumer lives");
        progress
            .wait_for(|progress| progress.caught_up)
            .await
            .expect("the consumer lives");
        stop.cancel();
    };
    let learn = learn(world.app.clone(), Cause::Customer);
    let (followed, ()) = tokio::join!(consumer.run(open, learn, stop.clone()), caught_up);
    followed.expect("follows");
}

async fn is_rereading(db: &Db) -> bool {
    across::is_rereading(&db.reader_of(&TenantId::all()))
        .await
        .expect("reads")
}

#[tokio::test]
async fn only_true_differences_become_transitions() {
    for world in World::each().await {
        let segment = world
            .settled(
                "chinese buyers",
                r#"region_code = "CN" AND count(purchase) > 0"#,
            )
            .await;
        let customers = ids(3);
        for id in &customers {
            world.tell(vec![world.live(*id), world.buys(*id, 5)]).await;
        }
        let before = world.published().await.len();

        world
            .app
            .begin_rereading(LostFeed::Profile)
            .await
            .expect("begins");
        assert!(is_rereading(&world.test.db).await);
        // Nobody is judged by half of the facts, whatever else happens meanwhile.
        world.tell(vec![world.buys(customers[0], 1)]).await;
        world.app.sweep().await.expect("waits");
        world.app.end_rereading().await.expect("not yet");
        assert!(is_rereading(&world.test.db).await);
        assert_eq!(world.published().await.len(), before);

        // One is as before, one has moved, and one does not exist any more.
        let moved = world.news(customers[1], What::File(file("DE", &[])));
        let profile = world.app.followers().profile.clone();
        feed(&world, &profile, vec![world.live(customers[0]), moved]).await;
        world.app.end_rereading().await.expect("ends");
        world.app.settle().await.expect("settles");
        assert!(!is_rereading(&world.test.db).await);
        assert_eq!(world.members(segment).await, [customers[0]].into());
        assert_eq!(world.followed().await[&segment], [customers[0]].into());
        assert_eq!(world.published().await.len(), before + 2);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn who_was_caught_up_before_does_not_end_what_another_process_rereads() {
    for world in World::each().await {
        let customer = ids(1)[0];
        world.tell(vec![world.live(customer)]).await;
        let profile = world.app.followers().profile.clone();
        feed(&world, &profile, vec![world.live(customer)]).await;
        assert!(profile.progress().borrow().caught_up);

        // Another process of the same name forgets, and has read nothing yet.
        world
            .app
            .begin_rereading(LostFeed::Profile)
            .await
            .expect("begins");
        assert!(
            profile.progress().borrow().caught_up,
            "nobody told this one"
        );
        world.app.end_rereading().await.expect("not yet");
        assert!(is_rereading(&world.test.db).await);

        feed(&world, &profile, vec![world.live(customer)]).await;
        world.app.end_rereading().await.expect("ends");
        assert!(!is_rereading(&world.test.db).await);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn purchases_that_are_told_again_count_once() {
    for world in World::each().await {
        let customer = ids(1)[0];
        let told = [world.buys(customer, 5), world.buys(customer, 6)];
        world
            .tell(vec![world.live(customer), told[0].clone(), told[1].clone()])
            .await;
        world
            .app
            .begin_rereading(LostFeed::Interaction)
            .await
            .expect("begins");
        let interaction = world.app.followers().interaction.clone();
        feed(&world, &interaction, told.to_vec()).await;
        world.app.end_rereading().await.expect("ends");
        let report = world
            .app
            .get_purchase_report(&world.ctx)
            .await
            .expect("reports");
        assert_eq!(
            (report.purchase_count, report.purchase_total.micros),
            (2, 11_000_000)
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn while_facts_are_missing_neither_time_nor_a_new_rule_moves_anybody() {
    for world in World::each().await {
        let recent = world.settled("recent", "count(purchase, 10d) > 0").await;
        let customers = ids(2);
        for id in &customers {
            world.tell(vec![world.live(*id), world.buys(*id, 5)]).await;
        }
        let before = world.published().await.len();
        world
            .app
            .begin_rereading(LostFeed::Interaction)
            .await
            .expect("begins");
        world.clock.advance(11 * DAY);
        let strangers = world.create("strangers", "count(purchase) = 0").await;
        assert_eq!(world.app.sweep().await.expect("waits"), 0);
        world.app.settle().await.expect("waits");
        world.tell(vec![world.live(customers[0])]).await;
        assert_eq!(world.published().await.len(), before);
        assert_eq!(world.members(recent).await.len(), 2);
        assert!(world.members(strangers).await.is_empty());
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_are_not_forgotten_while_somebody_judges_by_them() {
    for world in World::each().await {
        world.tell(vec![world.live(ids(1)[0])]).await;
        let (held, holds) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        let (db, ctx, tenant) = (
            world.test.db.clone(),
            world.ctx.clone(),
            world.ctx.tenant.clone(),
        );
        let judging = tokio::spawn(async move {
            db.write(&ctx, move |tx| {
                Box::pin(async move {
                    schemes::share(tx, &tenant).await?;
                    let complete = !across::is_rereading(tx.conn()).await?;
                    let _ = held.send(());
                    let _ = released.await;
                    let still = !across::is_rereading(tx.conn()).await?;
                    Ok((complete, still))
                })
            })
            .await
        });
        holds.await.expect("judges");
        let app = world.app.clone();
        let mut begins =
            tokio::spawn(async move { app.begin_rereading(LostFeed::Interaction).await });
        let early = tokio::time::timeout(Duration::from_millis(300), &mut begins).await;
        assert!(early.is_err(), "{:?}: it did not wait", world.test);
        let _ = release.send(());
        let judged = judging.await.expect("no panic").expect("commits").value;
        assert_eq!(judged, (true, true), "{:?}", world.test);
        begins.await.expect("no panic").expect("begins");
        assert!(is_rereading(&world.test.db).await);
        world.test.discard().await;
    }
}
