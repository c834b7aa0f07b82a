//! What proofs prove.

use dossier_audit::tree::{extends, includes};
use dossier_audit::{Checkpoint, Leaf, Query};
use dossier_kernel::{Ctx, PageSize, Reason};
use uuid::Uuid;

use crate::world::{World, writing};

async fn ids(world: &World, ctx: &Ctx) -> Vec<Uuid> {
    let log = world.audit.log();
    let page = log
        .events(&ctx.tenant, &Query::default(), PageSize(1_000), "")
        .await;
    page.expect("lists")
        .0
        .iter()
        .map(|entry| entry.leaf.id)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_proved_by_the_checkpoint_and_every_checkpoint_by_the_next() {
    for world in World::each().await {
        let ctx = writing("shop");
        let mut checkpoints: Vec<Checkpoint> = Vec::new();
        for step in [1, 4, 250, 3, 20] {
            world.fill(step).await;
            let (note, _) = world.audit.log().checkpoint().await.expect("signed");
            let opened = Checkpoint::open(&note, &world.verifier());
            checkpoints.push(opened.expect("genuine"));
        }
        let newest = checkpoints.last().expect("some");
        assert_eq!(newest.size, 278);
        for id in ids(&world, &ctx).await {
            let proof = world
                .audit
                .log()
                .proof(&ctx.tenant, id)
                .await
                .expect("proves");
            let checkpoint = Checkpoint::open(&proof.checkpoint, &world.verifier());
            let checkpoint = checkpoint.expect("genuine");
            assert_eq!(Leaf::hash(&proof.leaf), proof.leaf_hash);
            assert_eq!(Leaf::decode(&proof.leaf).expect("decodes").id, id);
            let (at, size) = (proof.position, checkpoint.size);
            assert!(includes(
                at,
                size,
                &proof.leaf_hash,
                &proof.path,
                &checkpoint.root
            ));
        }
        for (old, new) in checkpoints.iter().zip(checkpoints.iter().skip(1)) {
            let path = world.audit.log().consistency(old.size, new.size).await;
            let path = path.expect("proves");
            assert!(extends(old.size, new.size, &old.root, &new.root, &path));
        }
        world.test.discard().await;
    }
}

#[tokio::test]
async fn proofs_are_for_the_own_events_and_for_sizes_that_exist() {
    for world in World::each().await {
        world.fill(2).await;
        let id = ids(&world, &writing("shop")).await[0];
        let log = world.audit.log();
        let other = writing("other");
        let error = log.proof(&other.tenant, id).await.expect_err("another's");
        assert_eq!(error.reason(), Reason::NotFound);
        for (from, to) in [(0, 1), (2, 1), (1, 3)] {
            let error = log.consistency(from, to).await.expect_err("no such size");
            assert_eq!(error.reason(), Reason::InvalidArgument);
        }
        world
            .mutate(&writing("shop"), "customers/9")
            .await
            .expect("writes");
        let newest = ids(&world, &writing("shop")).await[0];
        let error = log
            .proof(&writing("shop").tenant, newest)
            .await
            .expect_err("no place");
        assert_eq!(error.reason(), Reason::Unavailable);
        world.test.discard().await;
    }
}
