//! What is told of an erased subject.

use dossier_db::{Change, Tx};
use dossier_feed::{Item, Place};
use dossier_kernel::{Ctx, Timestamp};
use uuid::Uuid;

use crate::world::{World, bodies, ctx, shop};

async fn tell(world: &World, tenant: &str, subject: Uuid, body: &str) {
    let change = Change {
        tenant: shop(tenant),
        subject,
        time: Timestamp::from_secs(1),
        body: body.as_bytes().to_vec(),
    };
    world
        .db()
        .write(&Ctx::service("laws", shop(tenant)), move |tx: &Tx| {
            Box::pin(async move {
                tx.stage(change);
                Ok(())
            })
        })
        .await
        .expect("tells");
}

async fn told_of(world: &World, subject: Uuid) -> Vec<Place> {
    let stays = |body: &[u8]| body == b"gone";
    let reader = world.db().reader_of(&shop("a"));
    let found = dossier_feed::told_of(&reader, &shop("a"), &[subject], stays).await;
    found.expect("reads")
}

#[tokio::test]
async fn a_blanked_subject_is_told_of_no_more_and_numbers_stay_dense() {
    for world in World::each().await {
        let [known, other] = [Uuid::now_v7(), Uuid::now_v7()];
        let beginning = world.feed.head().await.expect("reads");
        for n in 0..600 {
            tell(&world, "a", known, &format!("known {n}")).await;
        }
        tell(&world, "a", other, "other").await;
        tell(&world, "b", known, "of another tenant").await;
        let half = world.read_all(shop("a"), Some(beginning.clone())).await;
        assert_eq!(half.len(), 601);
        let Item::Event { cursor, .. } = &half[300] else {
            panic!("an event");
        };

        let places = told_of(&world, known).await;
        assert_eq!(places.len(), 600);
        let blanked = world
            .db()
            .write(&ctx(), move |tx: &Tx| {
                Box::pin(async move { dossier_feed::blank(tx, &shop("a"), &places).await })
            })
            .await;
        assert_eq!(blanked.expect("blanks").value, 600);
        tell(&world, "a", known, "gone").await;

        assert!(told_of(&world, known).await.is_empty());
        for after in [&beginning, cursor] {
            let left = world.read_all(shop("a"), Some(after.clone())).await;
            let mut left = bodies(&left);
            left.sort_unstable();
            // Which of two subjects comes first, only their shards know.
            left.retain(|body| body != "other");
            assert_eq!(left, ["gone"]);
        }
        let theirs = world.read_all(shop("b"), Some(beginning)).await;
        assert_eq!(bodies(&theirs), ["of another tenant"]);
    }
}
