//! Time alone lets in and out.

use std::time::Duration;

use dossier_kernel::{CustomerId, Reason};

use super::world::{DAY, World, ctx, new_segment};
use crate::domain::{Cause, News, Way};
use crate::store::Connection;

#[tokio::test]
async fn a_window_that_closes_lets_out_at_its_instant_and_once() {
    for world in World::each().await {
        let segment = world.settled("busy", "count(purchase, 30d) >= 2").await;
        let customer = CustomerId::generate();
        let late = world.bought_at(customer, 5, world.now().minus(10 * DAY));
        world
            .tell(vec![world.live(customer), world.buys(customer, 5)])
            .await;
        // Out of order: it happened before the one that is known already.
        world.tell(vec![late]).await;
        assert_eq!(world.members(segment).await.len(), 1);

        world.clock.advance(20 * DAY - Duration::from_micros(1));
        assert_eq!(world.app.sweep().await.expect("sweeps"), 0);
        assert_eq!(world.members(segment).await.len(), 1);
        world.clock.advance(Duration::from_micros(1));
        assert_eq!(world.app.sweep().await.expect("sweeps"), 1);
        assert_eq!(world.app.sweep().await.expect("sweeps"), 0);
        assert!(world.members(segment).await.is_empty());
        let story = world.story(segment).await;
        let expected = [
            (customer, Way::Enter, Cause::Event),
            (customer, Way::Exit, Cause::Time),
        ];
        assert_eq!(story, expected);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn time_can_let_in_too() {
    for world in World::each().await {
        let quiet = world.settled("quiet", "count(purchase, 7d) = 0").await;
        let customer = CustomerId::generate();
        world
            .tell(vec![world.live(customer), world.buys(customer, 5)])
            .await;
        assert!(world.members(quiet).await.is_empty());
        // Dated in the future, and then the window of that one passes.
        let tomorrow = world.now().plus(DAY);
        world
            .tell(vec![world.bought_at(customer, 5, tomorrow)])
            .await;
        world.clock.advance(7 * DAY);
        world.app.sweep().await.expect("sweeps");
        assert!(world.members(quiet).await.is_empty());
        world.clock.advance(DAY);
        world.app.sweep().await.expect("sweeps");
        assert_eq!(
            world.story(quiet).await,
            [(customer, Way::Enter, Cause::Time)]
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_backfill_does_not_make_others_forget_when_to_look_again() {
    for world in World::each().await {
        let short = world.settled("short", "count(purchase, 1d) >= 1").await;
        let customer = CustomerId::generate();
        world
            .tell(vec![world.live(customer), world.buys(customer, 5)])
            .await;
        let long = world.settled("long", "count(purchase, 9d) >= 1").await;
        world.clock.advance(DAY);
        world.app.sweep().await.expect("sweeps");
        assert!(world.members(short).await.is_empty());
        assert_eq!(world.members(long).await.len(), 1);
        world.clock.advance(8 * DAY);
        world.app.sweep().await.expect("sweeps");
        assert!(world.members(long).await.is_empty());
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_tenant_who_cannot_be_judged_keeps_no_other_from_it() {
    for world in World::each().await {
        let rule = "count(purchase, 1d) > 0";
        let ours = world.settled("busy", rule).await;
        // Comes before ours in every order.
        let neighbour = ctx("a-shop");
        let theirs = new_segment("busy", rule);
        let created = world.app.create_segment(&neighbour, theirs, None).await;
        created.expect("creates");
        world.app.settle().await.expect("settles");
        let [customer, stranger] = [CustomerId::generate(), CustomerId::generate()];
        let of_theirs = [world.live(stranger), world.buys(stranger, 5)].map(|news| News {
            tenant: neighbour.tenant.clone(),
            ..news
        });
        world.tell(of_theirs.to_vec()).await;
        world
            .tell(vec![world.live(customer), world.buys(customer, 5)])
            .await;
        assert_eq!(world.members(ours).await.len(), 1);

        let spoil = "UPDATE customer SET profile = 'spoilt' WHERE tenant_id = 'a-shop'";
        let spoilt = world.test.db.write(&neighbour, move |tx| {
            Box::pin(async move {
                let done = tx.conn().execute_unprepared(spoil).await;
                done.map(drop).map_err(dossier_db::error)
            })
        });
        spoilt.await.expect("spoilt");
        world.clock.advance(DAY);
        let failed = world.app.sweep().await.expect_err("theirs cannot be read");
        assert_eq!(failed.reason(), Reason::Internal);
        assert!(world.members(ours).await.is_empty(), "{:?}", world.test);

        let theirs = new_segment("all", "type:*");
        let created = world.app.create_segment(&neighbour, theirs, None).await;
        created.expect("creates");
        let all = world.create("all", "type:*").await;
        let failed = world.app.settle().await.expect_err("as before");
        assert_eq!(failed.reason(), Reason::Internal);
        assert_eq!(world.members(all).await, [customer].into());
        world.test.discard().await;
    }
}
