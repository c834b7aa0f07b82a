//! Definitions of segments: what is refused, what happens once.

use dossier_db::Once;
use dossier_kernel::id::SegmentId;
use dossier_kernel::{PageSize, Reason};
use uuid::Uuid;

use super::world::{World, new_segment};
use crate::app::{CreateSegment, UpdateSegment};
use crate::domain::SegmentPatch;

fn renamed(id: SegmentId, etag: &str, name: &str) -> UpdateSegment {
    let patch = SegmentPatch {
        display_name: Some(name.to_owned()),
        ..SegmentPatch::default()
    };
    UpdateSegment {
        id,
        etag: etag.to_owned(),
        patch,
    }
}

#[tokio::test]
async fn names_and_ids_are_taken_once() {
    for world in World::each().await {
        let id = world.create("vips", "tags:vip").await;
        let error = world
            .try_create("vips", "tags:gold")
            .await
            .expect_err("the name is taken");
        assert_eq!(error.reason(), Reason::AlreadyExists);
        assert_eq!(error.metadata().get("resource"), Some(&id.to_name()));
        let same_id = CreateSegment {
            id: Some(id),
            ..new_segment("others", "tags:gold")
        };
        let error = world.app.create_segment(&world.ctx, same_id, None).await;
        assert_eq!(
            error.expect_err("the id is taken").reason(),
            Reason::AlreadyExists
        );
        let other = world.create("others", "tags:gold").await;
        let error = world
            .app
            .update_segment(&world.ctx, renamed(other, "", "vips"), None)
            .await;
        assert_eq!(
            error.expect_err("the name is taken").reason(),
            Reason::AlreadyExists
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn validating_says_the_same_and_changes_nothing() {
    for world in World::each().await {
        let only = |name: &str, rule: &str| CreateSegment {
            validate_only: true,
            ..new_segment(name, rule)
        };
        world
            .app
            .create_segment(&world.ctx, only("vips", "tags:vip"), None)
            .await
            .expect("fine");
        assert!(
            world
                .app
                .list_segments(&world.ctx, PageSize(10), "")
                .await
                .expect("lists")
                .0
                .is_empty()
        );
        world.create("vips", "tags:vip").await;
        let taken = world
            .app
            .create_segment(&world.ctx, only("vips", "tags:vip"), None)
            .await;
        assert_eq!(taken.expect_err("taken").reason(), Reason::AlreadyExists);
        let unknown = world
            .app
            .create_segment(&world.ctx, only("x", "tag:vip"), None)
            .await;
        let error = unknown.expect_err("unknown field");
        assert_eq!(error.reason(), Reason::InvalidFilter);
        assert_eq!(error.violations()[0].field, "segment.rule");
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_stale_etag_is_refused_with_the_current_one() {
    for world in World::each().await {
        let created = world.try_create("vips", "tags:vip").await.expect("creates");
        let id = created.segment.id;
        let update = renamed(id, "\"1\"", "VIPs");
        let updated = world
            .app
            .update_segment(&world.ctx, update, None)
            .await
            .expect("current");
        assert_eq!(updated.segment.display_name, "VIPs");
        assert_eq!(updated.segment.rule_revision, 1);
        let stale = world
            .app
            .update_segment(&world.ctx, renamed(id, "\"1\"", "x"), None)
            .await;
        let error = stale.expect_err("stale");
        assert_eq!(error.reason(), Reason::EtagMismatch);
        assert_eq!(
            error.metadata().get("etag").map(String::as_str),
            Some("\"2\"")
        );
        let stale = world
            .app
            .delete_segment(&world.ctx, id, "\"1\"".to_owned(), None)
            .await;
        assert_eq!(stale.expect_err("stale").reason(), Reason::EtagMismatch);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn the_same_request_has_one_effect_and_one_answer() {
    for world in World::each().await {
        let request_id = Uuid::now_v7().to_string();
        let once = |body: &[u8]| Once::new(&request_id, "CreateSegment", body).expect("a UUID");
        let ask = |body| {
            world
                .app
                .create_segment(&world.ctx, new_segment("vips", "tags:vip"), once(body))
        };
        let first = ask(b"vips").await.expect("creates");
        world.app.settle().await.expect("settles");
        let again = ask(b"vips").await.expect("remembers");
        assert_eq!(again, first);
        // Nor is anybody asked again: profile, which knows the attributes, is away.
        let of_attribute = new_segment("vips", "attributes.tier = gold");
        let again = world
            .app
            .create_segment(&world.ctx, of_attribute, once(b"vips"))
            .await;
        assert_eq!(again.expect("remembers"), first);
        let reused = ask(b"another body").await.expect_err("another body");
        assert_eq!(reused.reason(), Reason::RequestIdReused);
        assert_eq!(
            world
                .app
                .list_segments(&world.ctx, PageSize(10), "")
                .await
                .expect("lists")
                .0
                .len(),
            1
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn pages_of_segments_come_oldest_first_and_whole() {
    for world in World::each().await {
        let mut expected = Vec::new();
        for n in 0..5 {
            world.clock.advance(std::time::Duration::from_secs(1));
            expected.push(world.create(&format!("s{n}"), "tags:vip").await);
        }
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let listed = world
                .app
                .list_segments(&world.ctx, PageSize(2), &token)
                .await;
            let (page, next) = listed.expect("lists");
            found.extend(page.into_iter().map(|shown| shown.segment.id));
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(found, expected);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_rule_over_attributes_needs_profile_and_says_so() {
    for world in World::each().await {
        let error = world
            .try_create("gold", "attributes.tier = gold")
            .await
            .expect_err("away");
        assert_eq!(error.reason(), Reason::Unavailable);
        world.test.discard().await;
    }
}
