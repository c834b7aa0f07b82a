//! What the feeds tell becomes state and transitions.

use dossier_kernel::{CustomerId, Reason};
use uuid::Uuid;

use super::world::{World, ctx, file, ids, new_segment};
use crate::domain::{Cause, History, Way, What};
use crate::store::purchases;

#[tokio::test]
async fn an_event_lets_a_customer_in_once_whatever_is_told_again() {
    for world in World::each().await {
        let segment = world.settled("buyers", "count(purchase) >= 2").await;
        let customer = CustomerId::generate();
        let [first, second] = [world.buys(customer, 10), world.buys(customer, 20)];
        world.tell(vec![world.live(customer), first.clone()]).await;
        assert!(world.members(segment).await.is_empty());
        world.tell(vec![second.clone()]).await;
        world.tell(vec![first.clone(), second, first]).await;
        assert_eq!(
            world.story(segment).await,
            [(customer, Way::Enter, Cause::Event)]
        );
        assert_eq!(world.members(segment).await.len(), 1);
        let report = world
            .app
            .get_purchase_report(&world.ctx)
            .await
            .expect("reports");
        assert_eq!(
            (report.purchase_count, report.purchase_total.micros),
            (2, 30_000_000)
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_purchase_may_come_before_its_customer() {
    for world in World::each().await {
        let segment = world
            .settled("spenders", "sum(purchase.amount) >= 100")
            .await;
        let customer = CustomerId::generate();
        world.tell(vec![world.buys(customer, 100)]).await;
        assert!(world.members(segment).await.is_empty());
        let refused = world.app.get_customer_classes(&world.ctx, customer).await;
        assert_eq!(refused.expect_err("nobody yet").reason(), Reason::NotFound);
        world
            .tell_because(vec![world.live(customer)], Cause::Customer)
            .await;
        assert_eq!(
            world.story(segment).await,
            [(customer, Way::Enter, Cause::Customer)]
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_file_that_changes_lets_in_and_out() {
    for world in World::each().await {
        let segment = world
            .settled("vips", r#"region_code = "CN" AND tags:vip"#)
            .await;
        let customer = CustomerId::generate();
        let told = |region: &str, tags: &[&str]| {
            vec![world.news(customer, What::File(file(region, tags)))]
        };
        for (region, tags) in [
            ("CN", &[][..]),
            ("CN", &["vip"]),
            ("CN", &["vip", "new"]),
            ("DE", &["vip"]),
        ] {
            world
                .tell_because(told(region, tags), Cause::Customer)
                .await;
        }
        let cause = Cause::Customer;
        let story = [(customer, Way::Enter, cause), (customer, Way::Exit, cause)];
        assert_eq!(world.story(segment).await, story);
        // Of several in one batch the last counts.
        let mut batch = told("CN", &["vip"]);
        batch.extend(told("DE", &[]));
        world.tell_because(batch, Cause::Customer).await;
        assert_eq!(world.story(segment).await, story);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn deleted_customers_leave_and_come_back_and_purged_ones_are_forgotten() {
    for world in World::each().await {
        let segment = world.settled("everybody", "type:*").await;
        let customer = CustomerId::generate();
        world
            .tell(vec![world.live(customer), world.buys(customer, 10)])
            .await;
        world
            .tell(vec![world.news(customer, What::Deleted(file("CN", &[])))])
            .await;
        assert!(world.members(segment).await.is_empty());
        let report = world
            .app
            .get_purchase_report(&world.ctx)
            .await
            .expect("reports");
        assert_eq!((report.customer_count, report.purchase_count), (0, 0));
        world.tell(vec![world.live(customer)]).await;
        assert_eq!(world.members(segment).await.len(), 1);
        world.tell(vec![world.news(customer, What::Purged)]).await;
        world.tell(vec![world.buys(customer, 10)]).await;
        assert!(world.members(segment).await.is_empty());
        let gone = world
            .app
            .check_membership(&world.ctx, customer, &[segment])
            .await;
        assert_eq!(gone.expect_err("gone for good").reason(), Reason::NotFound);
        let ways: Vec<_> = world
            .story(segment)
            .await
            .iter()
            .map(|(_, way, _)| *way)
            .collect();
        assert_eq!(ways, [Way::Enter, Way::Exit, Way::Enter, Way::Exit]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn what_customers_say_counts_as_it_stands() {
    for world in World::each().await {
        let segment = world.settled("waiting", "open_case_count >= 1").await;
        let customer = CustomerId::generate();
        let case = Uuid::now_v7();
        let told = |open| world.news(customer, What::Case { id: case, open });
        world.tell(vec![world.live(customer), told(true)]).await;
        assert_eq!(world.members(segment).await.len(), 1);
        world.tell(vec![told(false)]).await;
        let ways: Vec<_> = world
            .story(segment)
            .await
            .iter()
            .map(|(_, way, _)| *way)
            .collect();
        assert_eq!(ways, [Way::Enter, Way::Exit]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn tenants_see_nothing_of_each_other() {
    for world in World::each().await {
        let ours = world.settled("everybody", "type:*").await;
        let customer = CustomerId::generate();
        let other = ctx("shop-2");
        let mut foreign = world.live(customer);
        foreign.tenant = other.tenant.clone();
        // The same id in two tenants, in one batch.
        let mine = ids(1)[0];
        world.tell(vec![foreign, world.live(mine)]).await;
        assert_eq!(world.members(ours).await, [mine].into());
        let theirs = world
            .app
            .create_segment(&other, new_segment("everybody", "type:*"), None);
        let theirs = theirs.await.expect("the name is free there").segment.id;
        assert!(world.app.get_segment(&world.ctx, theirs).await.is_err());
        let report = world
            .app
            .get_purchase_report(&other)
            .await
            .expect("reports");
        assert_eq!(report.customer_count, 1);
        assert!(
            world
                .published()
                .await
                .iter()
                .all(|event| event.customer == mine)
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn purchases_of_one_instant_are_read_in_one_order() {
    for world in World::each().await {
        let customer = CustomerId::generate();
        let mut told: Vec<_> = (1..=40).map(|units| world.buys(customer, units)).collect();
        let mut history = History::default();
        told.iter()
            .for_each(|news| history.learn(news.what.clone()));
        told.rotate_left(17);
        world.tell(told).await;
        let (conn, tenant) = (
            &world.test.db.reader_of(&world.ctx.tenant),
            &world.ctx.tenant,
        );
        let stored = purchases::since(conn, tenant, &[customer].into(), None).await;
        assert_eq!(
            stored.expect("reads")[&customer],
            history.into_customer().purchases
        );
        world.test.discard().await;
    }
}
