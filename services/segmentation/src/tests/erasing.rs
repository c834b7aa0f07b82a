//! Erased customers leave every segment, and nothing that comes late brings them back.

use dossier_db::subject;
use dossier_kernel::CustomerId;

use super::world::{World, file, ids};
use crate::domain::{Cause, Way, What};
use crate::store::HELD;

async fn erase(world: &World, customer: CustomerId) {
    let (app, tenant) = (world.app.clone(), world.ctx.tenant.clone());
    let work = world.test.db.write(&world.ctx, move |tx| {
        Box::pin(async move {
            app.erase_subjects(tx, &tenant, &[customer]).await?;
            subject::erase(tx, &tenant, HELD.tables, &[customer]).await
        })
    });
    work.await.expect("erases");
}

async fn rows(world: &World, customer: CustomerId) -> u64 {
    let tenant = &world.ctx.tenant;
    let reader = world.test.db.reader_of(tenant);
    let held = subject::count(&reader, tenant, HELD.tables, &[customer]).await;
    held.expect("counts").iter().map(|(_, rows)| rows).sum()
}

#[tokio::test]
async fn an_erased_customer_leaves_and_does_not_come_back() {
    for world in World::each().await {
        let [gone, kept] = ids(2)[..] else {
            panic!("two");
        };
        world.tell(vec![world.live(gone), world.live(kept)]).await;
        world
            .tell(vec![world.buys(gone, 9), world.buys(kept, 9)])
            .await;
        let segment = world.settled("chinese", "region_code = \"CN\"").await;
        assert_eq!(world.members(segment).await.len(), 2);

        erase(&world, gone).await;
        assert_eq!(rows(&world, gone).await, 0);
        assert_eq!(world.members(segment).await, [kept].into());
        assert_eq!(world.followed().await[&segment], [kept].into());
        let told = (gone, Way::Exit, Cause::Erasure);
        assert!(world.story(segment).await.contains(&told));

        // The feeds are behind: they tell of what was before.
        let late = What::Deleted(file("CN", &[]));
        let late = vec![
            world.live(gone),
            world.buys(gone, 7),
            world.news(gone, late),
        ];
        world.tell(late).await;
        assert_eq!(rows(&world, gone).await, 0);
        erase(&world, gone).await;
        assert_eq!(world.followed().await[&segment], [kept].into());

        world.tell(vec![world.news(gone, What::Purged)]).await;
        assert_eq!(rows(&world, gone).await, 0);
        // Somebody else chose the same id.
        world.tell(vec![world.live(gone)]).await;
        assert_eq!(world.members(segment).await, [gone, kept].into());
    }
}
