//! What somebody who may do anything to the database, but has neither key nor sink, cannot hide.

use std::fs;

use dossier_audit::{AuditKey, Checkpoint, Finding};
use dossier_db::Backend;
use dossier_kernel::Reason;

use crate::world::{World, writing};

const COUNT: usize = 12;

async fn filled() -> Vec<World> {
    let worlds = World::each().await;
    for world in &worlds {
        world.fill(COUNT).await;
        let report = world.verify().await;
        assert_eq!(report.findings, []);
        assert_eq!(report.signed_count, COUNT as u64);
    }
    worlds
}

/// The findings after the statements, without ids.
async fn found(world: &World, statements: &[&str]) -> Vec<String> {
    world.abuse(statements).await;
    let report = world.verify().await;
    let told = report.findings.iter().map(|finding| match finding {
        Finding::Changed { position, .. } => format!("changed {position}"),
        Finding::Deleted { position } => format!("deleted {position}"),
        Finding::Truncated { position, count } => format!("truncated {position} {count}"),
        Finding::Inserted { position, .. } => format!("inserted {position}"),
        Finding::Reordered {
            position,
            signed_position,
            ..
        } => format!("reordered {position} {signed_position}"),
        Finding::ForgedCheckpoint { place } => format!("forged {place}"),
        Finding::Forked { place, size } => format!("forked {place} {size}"),
    });
    told.collect()
}

/// The bytes of an event with another word in it.
fn lie(world: &World) -> &'static str {
    match world.test.db.backend() {
        Backend::Sqlite => {
            "UPDATE audit_event SET body = CAST(replace(CAST(body AS BLOB), X'616D79', X'626F62') AS BLOB) \
             WHERE position = 3"
        }
        Backend::Postgres => {
            "UPDATE audit_event SET body = overlay(body placing '\\x626f62'::bytea \
             from position('\\x616d79'::bytea in body)) WHERE position = 3"
        }
    }
}

#[tokio::test]
async fn nothing_in_a_log_that_grows_meanwhile() {
    for world in filled().await {
        let verified = async {
            for _ in 0..20 {
                let report = world.verify().await;
                assert_eq!(report.findings, [], "{:?}", world.test.db.backend());
            }
        };
        let grows = async {
            loop {
                world.fill(1).await;
            }
        };
        tokio::select! {
            () = verified => {}
            () = grows => {}
        }
        assert!(world.verify().await.event_count > COUNT as u64);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_changed_event() {
    for world in filled().await {
        assert_eq!(found(&world, &[lie(&world)]).await, ["changed 3"]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn an_event_given_to_another_tenant() {
    for world in filled().await {
        let sql = "UPDATE audit_event SET tenant_id = 'other' WHERE position = 3";
        assert_eq!(found(&world, &[sql]).await, ["changed 3"]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_deleted_event_also_when_the_others_close_the_gap() {
    for world in filled().await {
        let sql = "DELETE FROM audit_event WHERE position = 3";
        assert_eq!(found(&world, &[sql]).await, ["deleted 3"]);
        let close = [
            "UPDATE audit_event SET position = -position - 1 WHERE position > 3",
            "UPDATE audit_event SET position = -position - 2 WHERE position < 0",
        ];
        assert_eq!(found(&world, &close).await, ["deleted 3"]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn an_inserted_event_also_when_the_others_make_room() {
    for world in filled().await {
        let make_room = [
            "UPDATE audit_event SET position = -position - 1 WHERE position > 3",
            "UPDATE audit_event SET position = -position WHERE position < 0",
        ];
        world.abuse(&make_room).await;
        world
            .mutate(&writing("shop"), "customers/new")
            .await
            .expect("writes");
        let sql = "UPDATE audit_event SET position = 4 WHERE position IS NULL";
        assert_eq!(found(&world, &[sql]).await, ["inserted 4"]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn two_events_that_changed_places() {
    for world in filled().await {
        let swap = [
            "UPDATE audit_event SET position = 1000 WHERE position = 3",
            "UPDATE audit_event SET position = 3 WHERE position = 7",
            "UPDATE audit_event SET position = 7 WHERE position = 1000",
        ];
        let found = found(&world, &swap).await;
        assert!(
            found == ["reordered 3 7"] || found == ["reordered 7 3"],
            "{found:?}"
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn an_end_that_was_cut_off() {
    for world in filled().await {
        let sql = "DELETE FROM audit_event WHERE position >= 9";
        assert_eq!(found(&world, &[sql]).await, ["truncated 9 3"]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_whole_log_taken_back_to_an_older_checkpoint_is_found_and_never_signed_again() {
    for world in filled().await {
        let (note, size) = world.audit.log().checkpoint().await.expect("signed");
        world.fill(5).await;
        let cut = format!("DELETE FROM audit_event WHERE position >= {size}");
        let tiles = match world.test.db.backend() {
            Backend::Sqlite => format!(
                "UPDATE audit_tile SET hashes = substr(hashes, 1, {})",
                size * 32
            ),
            Backend::Postgres => {
                format!(
                    "UPDATE audit_tile SET hashes = substring(hashes from 1 for {})",
                    size * 32
                )
            }
        };
        let head = format!("UPDATE audit_head SET size = {size}, note = '{note}'");
        let found = found(&world, &[&cut, &tiles, &head]).await;
        assert_eq!(found, ["truncated 12 5"]);

        world
            .mutate(&writing("shop"), "customers/after")
            .await
            .expect("writes");
        let error = world.audit.turn().await.expect_err("refuses to sign");
        assert_eq!(error.reason(), Reason::FailedPrecondition);
        let (after, _) = world.audit.log().checkpoint().await.expect("signed");
        assert_eq!(after, note);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_checkpoint_of_another_key_in_the_database_and_in_the_sink() {
    for world in filled().await {
        let other = AuditKey::from_seed(&[8; 32]);
        let forged = Checkpoint {
            origin: "dossier/profile".to_owned(),
            size: COUNT as u64,
            root: [1; 32],
        }
        .sign(&other);
        let sql = format!("UPDATE audit_head SET note = '{forged}'");
        assert_eq!(found(&world, &[&sql]).await, ["forged database"]);
        world
            .mutate(&writing("shop"), "customers/after")
            .await
            .expect("writes");
        assert!(world.audit.turn().await.is_err(), "goes on from no forgery");

        let path = world.sink_path().join("checkpoints");
        let mut notes = fs::read_to_string(&path).expect("reads");
        notes.push_str(&format!("{forged}\n"));
        fs::write(&path, notes).expect("writes");
        let found = found(&world, &[]).await;
        assert_eq!(found, ["forged sink 2", "forged database"]);
        world.test.discard().await;
    }
}

#[tokio::test]
async fn a_tree_that_was_changed_with_its_events_is_never_signed() {
    for world in filled().await {
        // Whoever changes an event can also compute the tree anew; the root was signed.
        let tile = match world.test.db.backend() {
            Backend::Sqlite => "UPDATE audit_tile SET hashes = zeroblob(32) || substr(hashes, 33)",
            Backend::Postgres => {
                "UPDATE audit_tile SET hashes = overlay(hashes placing '\\x00'::bytea from 1)"
            }
        };
        world.abuse(&[lie(&world), tile]).await;
        world
            .mutate(&writing("shop"), "customers/after")
            .await
            .expect("writes");
        let error = world.audit.turn().await.expect_err("refuses to sign");
        assert_eq!(error.reason(), Reason::FailedPrecondition);
        let found = found(&world, &[]).await;
        assert!(found.contains(&"changed 3".to_owned()), "{found:?}");
        world.test.discard().await;
    }
}

#[tokio::test]
async fn exported_leaves_that_were_changed() {
    for world in filled().await {
        let path = world.sink_path().join("leaves");
        let mut leaves = fs::read(&path).expect("reads");
        leaves[40] ^= 1;
        fs::write(&path, leaves).expect("writes");
        let found = found(&world, &[]).await;
        assert_eq!(
            found,
            ["forked sink 1 12"],
            "the database's own tree still stands"
        );
        world.test.discard().await;
    }
}
