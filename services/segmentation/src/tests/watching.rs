//! Following who enters and leaves.

use std::collections::BTreeSet;
use std::time::Duration;

use dossier_kernel::id::SegmentId;
use dossier_kernel::{CustomerId, TenantId};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use super::world::{World, ids};
use crate::app::{Start, Watched};
use crate::domain::Way;

/// Reads until a heartbeat says that there is nothing more after `heartbeats` of them.
async fn read(world: &World, start: Start, only: Option<SegmentId>) -> Vec<Watched> {
    let heartbeats = if matches!(start, Start::Snapshot) {
        2
    } else {
        1
    };
    let stop = CancellationToken::new();
    let watched = world
        .app
        .watch_memberships(&world.ctx, start, only, stop)
        .await;
    let mut watched = watched.expect("watches");
    let mut items = Vec::new();
    let mut seen = 0;
    while seen < heartbeats {
        let item = watched.next().await.expect("goes on").expect("reads");
        seen += usize::from(matches!(item, Watched::Heartbeat { .. }));
        items.push(item);
    }
    items
}

fn members(items: &[Watched]) -> BTreeSet<CustomerId> {
    let customers = items.iter().filter_map(|item| match item {
        Watched::Member(member) => Some(member.customer),
        _ => None,
    });
    customers.collect()
}

#[tokio::test]
async fn a_snapshot_holds_every_member_and_its_cursor_what_comes_after() {
    for world in World::each().await {
        let customers = ids(1_050);
        let all = world.settled("all", "type:*").await;
        let buyers = world.settled("buyers", "count(purchase) > 0").await;
        for batch in customers.chunks(500) {
            world
                .tell(batch.iter().map(|id| world.live(*id)).collect())
                .await;
        }
        world.tell(vec![world.buys(customers[7], 1)]).await;

        let items = read(&world, Start::Snapshot, None).await;
        assert_eq!(members(&items), customers.iter().copied().collect());
        let count = items
            .iter()
            .filter(|item| matches!(item, Watched::Member(_)))
            .count();
        assert_eq!(count, 1_051);
        assert!(
            !items
                .iter()
                .any(|item| matches!(item, Watched::Event { .. }))
        );
        let Some(Watched::Heartbeat { cursor }) = items.last() else {
            panic!("a heartbeat")
        };

        world.tell(vec![world.buys(customers[8], 1)]).await;
        let later = read(&world, Start::After(cursor.clone()), None).await;
        let [
            Watched::Event { event, tenant, .. },
            Watched::Heartbeat { .. },
        ] = later.as_slice()
        else {
            panic!("one event: {later:?}")
        };
        assert_eq!(
            (event.segment, event.customer, event.way),
            (buyers, customers[8], Way::Enter)
        );
        assert_eq!(tenant, &world.ctx.tenant);

        let only = read(&world, Start::Snapshot, Some(buyers)).await;
        assert_eq!(members(&only), [customers[7], customers[8]].into());
        let others = read(&world, Start::After(cursor.clone()), Some(all)).await;
        assert!(
            matches!(others.as_slice(), [Watched::Heartbeat { .. }]),
            "{others:?}"
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn followers_who_stop_reading_keep_nobody_from_reading() {
    for world in World::each().await {
        let all = world.settled("all", "type:*").await;
        for batch in ids(2_050).chunks(500) {
            world
                .tell(batch.iter().map(|id| world.live(*id)).collect())
                .await;
        }
        // Many more than there are connections, and none of them reads what it asked for.
        let stop = CancellationToken::new();
        let mut idle = Vec::new();
        for _ in 0..30 {
            let watched =
                world
                    .app
                    .watch_memberships(&world.ctx, Start::Snapshot, None, stop.clone());
            let watched = tokio::time::timeout(Duration::from_secs(5), watched).await;
            idle.push(watched.expect("in time").expect("watches"));
        }
        for _ in 0..20 {
            let shown = world.app.get_segment(&world.ctx, all);
            let shown = tokio::time::timeout(Duration::from_secs(5), shown).await;
            assert_eq!(shown.expect("in time").expect("reads").member_count, 2_050);
        }
        stop.cancel();
        let mut first = idle.swap_remove(0);
        while let Some(item) = first.next().await {
            if let Err(error) = item {
                assert_eq!(error.reason(), dossier_kernel::Reason::Unavailable);
                break;
            }
        }
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_snapshot_of_all_tenants_is_refused_by_the_name_of_its_field() {
    for world in World::each().await {
        let everybody = dossier_kernel::Ctx::service("test", TenantId::all());
        let refused = world
            .app
            .watch_memberships(&everybody, Start::Snapshot, None, CancellationToken::new())
            .await;
        let refused = refused.err().expect("refused");
        assert_eq!(refused.violations()[0].field, "include_snapshot");
        world.test.discard().await;
    }
}
