//! Time alone lets in and out.

use std::time::Duration;

use dossier_kernel::CustomerId;

use super::world::{DAY, World};
use crate::domain::{Cause, Way};

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
