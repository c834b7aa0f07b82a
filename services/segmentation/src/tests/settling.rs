//! Segments that are made, changed and deleted reach the customers that are there.

use std::sync::Arc;
use std::time::Duration;

use dossier_kernel::{Currency, Money};
use tokio::sync::oneshot;

use super::world::{World, file, ids};
use crate::app::UpdateSegment;
use crate::domain::{Cause, SchemePatch, SegmentPatch, Way, What};

/// More than one transaction's worth of customers, every second one a VIP.
async fn crowd(world: &World) -> usize {
    const CUSTOMERS: usize = 1_100;
    let told = ids(CUSTOMERS).into_iter().enumerate().map(|(n, id)| {
        let tags: &[&str] = if n % 2 == 0 { &["vip"] } else { &[] };
        world.news(id, What::File(file("CN", tags)))
    });
    let told: Vec<_> = told.collect();
    for batch in told.chunks(500) {
        world.tell(batch.to_vec()).await;
    }
    CUSTOMERS
}

fn another_rule(id: dossier_kernel::id::SegmentId, rule: &str) -> UpdateSegment {
    let patch = SegmentPatch {
        rule: Some(rule.to_owned()),
        ..SegmentPatch::default()
    };
    UpdateSegment {
        id,
        etag: String::new(),
        patch,
    }
}

#[tokio::test]
async fn a_new_segment_takes_in_everybody_it_is_about() {
    for world in World::each().await {
        let customers = crowd(&world).await;
        let id = world.create("vips", "tags:vip").await;
        let shown = world.app.get_segment(&world.ctx, id).await.expect("exists");
        assert!(shown.segment.backfilling);
        world.app.settle().await.expect("settles");
        let shown = world.app.get_segment(&world.ctx, id).await.expect("exists");
        assert!(!shown.segment.backfilling);
        assert_eq!(usize::try_from(shown.member_count), Ok(customers / 2));
        let preview = world
            .app
            .preview_segment(&world.ctx, "tags:vip", 0)
            .await
            .expect("previews");
        assert_eq!(preview.member_count, shown.member_count);
        assert_eq!((preview.sample.len(), preview.cost), (10, 2));
        let story = world.story(id).await;
        assert!(
            story
                .iter()
                .all(|(_, way, cause)| (*way, *cause) == (Way::Enter, Cause::Definition))
        );
        assert_eq!(story.len(), customers / 2);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_changed_rule_leaves_no_ghosts_behind() {
    for world in World::each().await {
        let customers = crowd(&world).await;
        let id = world.settled("vips", "tags:vip").await;
        let before = world.members(id).await;
        let update = another_rule(id, "NOT tags:vip");
        let shown = world
            .app
            .update_segment(&world.ctx, update, None)
            .await
            .expect("updates");
        assert_eq!(
            (shown.segment.rule_revision, shown.segment.backfilling),
            (2, true)
        );
        world.app.settle().await.expect("settles");
        let after = world.members(id).await;
        assert_eq!(after.len(), customers - before.len());
        assert!(after.is_disjoint(&before));
        assert_eq!(world.followed().await[&id], after);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_deleted_segment_is_gone_at_once_and_lets_everybody_out() {
    for world in World::each().await {
        let customers = crowd(&world).await;
        let id = world.settled("all", "type:*").await;
        let somebody = *world.members(id).await.first().expect("a member");
        world
            .app
            .delete_segment(&world.ctx, id, String::new(), None)
            .await
            .expect("deletes");
        assert!(world.app.get_segment(&world.ctx, id).await.is_err());
        let checks = world
            .app
            .check_membership(&world.ctx, somebody, &[id])
            .await
            .expect("checks");
        assert_eq!(checks[0].enter_time, None);
        world.create("all", "tags:vip").await;
        // Something happens to a customer that is still on the way out.
        world.tell(vec![world.buys(somebody, 1)]).await;
        world.app.settle().await.expect("settles");
        assert!(world.followed().await[&id].is_empty());
        assert_eq!(world.story(id).await.len(), customers * 2);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn another_currency_judges_the_rules_that_use_it_again() {
    for world in World::each().await {
        let customer = ids(1)[0];
        world
            .tell(vec![world.live(customer), world.buys(customer, 100)])
            .await;
        let mine = world
            .settled("spenders", "sum(purchase.amount) >= 100")
            .await;
        let named = world
            .settled("in dollars", r#"sum(purchase.amount, "USD") >= 100"#)
            .await;
        let currency = Currency::parse("CNY").expect("a code");
        let patch = SchemePatch {
            amount_min: Some(Money::new(700_000_000, currency)),
            currency: Some(currency),
            ..SchemePatch::default()
        };
        let scheme = world
            .app
            .update_value_scheme(&world.ctx, String::new(), patch, None)
            .await;
        assert_eq!(scheme.expect("changes").currency(), currency);
        let listed = world
            .app
            .get_segment(&world.ctx, named)
            .await
            .expect("exists");
        assert!(!listed.segment.backfilling);
        world.app.settle().await.expect("settles");
        assert!(world.members(mine).await.is_empty());
        assert_eq!(world.members(named).await.len(), 1);
        let report = world
            .app
            .get_purchase_report(&world.ctx)
            .await
            .expect("reports");
        assert_eq!(
            (report.buyer_count, report.other_currency_purchase_count),
            (0, 1)
        );
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_is_being_written_while_a_segment_is_made_is_not_missed() {
    for world in World::each().await {
        let world = Arc::new(world);
        let [first, customer] = [ids(1)[0], ids(1)[0]];
        world.tell(vec![world.live(first)]).await;
        let (written, is_written) = oneshot::channel();
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let segment = {
            let (app, told) = (world.app.clone(), vec![world.live(customer)]);
            let work = world.test.db.write(&world.ctx, move |tx| {
                Box::pin(async move {
                    app.learn(tx, told, Cause::Customer).await?;
                    let _ = written.send(());
                    let _ = may_go_on.await;
                    Ok(())
                })
            });
            let making = async {
                is_written
                    .await
                    .expect("the customer is written and not committed");
                let here = Arc::clone(&world);
                let mut making = tokio::spawn(async move { here.settled("all", "type:*").await });
                // Where nothing holds it back, the segment is made and settled in this time.
                let early = tokio::time::timeout(Duration::from_millis(300), &mut making).await;
                let _ = go_on.send(());
                match early {
                    Ok(made) => made,
                    Err(_) => making.await,
                }
            };
            let (written, made) = tokio::join!(work, making);
            written.expect("commits");
            made.expect("no panic")
        };
        assert_eq!(world.members(segment).await, [first, customer].into());
        let world = Arc::into_inner(world).expect("all tasks are done");
        world.test.discard().await;
    }
}
