//! Rotation on both databases: everything opens at every moment, and old keys open nothing after.

mod world;

use std::time::Duration;

use dossier_db::Once;
use dossier_db::testing::TestDb;
use dossier_kernel::{Ctx, CustomerId, Reason};
use dossier_vault::rotation::{Kind, Phase, START};
use dossier_vault::{Registry, RootKey, RootKeys, Vault};
use uuid::Uuid;

use world::{LIFE, each, options, tenant};

const OLD_ROOT: [u8; 32] = [42; 32];
const NEW_ROOT: [u8; 32] = [43; 32];

#[tokio::test]
async fn a_root_key_is_replaced_and_the_old_one_opens_nothing() {
    for world in each().await {
        let id = CustomerId::generate();
        world.note(id, "名字").await;
        let roots = RootKeys::new(RootKey::from_bytes(NEW_ROOT)).and(RootKey::from_bytes(OLD_ROOT));
        let both = world.open(roots.clone()).await;
        assert_eq!(world.read(&both, id).await, "名字");
        world.rotate(&both, Kind::Root).await;
        let versions = both.key_versions(&tenant()).await.expect("reads");
        assert_eq!(versions.root_ids.len(), 1, "{:?}", world.db);

        let new = world
            .open(RootKeys::new(RootKey::from_bytes(NEW_ROOT)))
            .await;
        assert_eq!(world.read(&new, id).await, "名字", "{:?}", world.db);
        let db = world.db.reopen().await;
        let old = Vault::open(RootKey::from_bytes(OLD_ROOT), db).await;
        let refused = old.err().expect("the old root key is refused");
        assert_eq!(refused.reason(), Reason::FailedPrecondition);
        world.db.discard().await;
    }
}

#[tokio::test]
async fn tenant_and_customer_keys_are_replaced_under_load() {
    for world in each().await {
        let vault = world.vault().await;
        let ids: Vec<CustomerId> = (0..300).map(|_| CustomerId::generate()).collect();
        for id in &ids {
            world.note(*id, &id.to_name()).await;
        }
        // Another replica, which learns of everything from the tables alone.
        let other = world.vault().await;
        let before = world.cells().await;
        let old_keys = other
            .keys(&world.db.db.reader_of(&tenant()), &tenant(), &ids[..1])
            .await
            .expect("reads");

        let rotating = async {
            world.rotate(&vault, Kind::Tenant).await;
            world.rotate(&vault, Kind::Customers).await;
        };
        let mut written = Vec::new();
        let load = async {
            loop {
                let id = CustomerId::generate();
                world.note_by(&other, id, "written meanwhile").await;
                written.push(id);
                for id in ids.iter().step_by(37) {
                    assert_eq!(world.read(&other, *id).await, id.to_name());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = rotating => {}
            () = load => {}
        }
        assert!(!written.is_empty());
        for vault in [&vault, &other, &world.vault().await] {
            for id in &ids {
                assert_eq!(world.read(vault, *id).await, id.to_name());
            }
            for id in &written {
                assert_eq!(world.read(vault, *id).await, "written meanwhile");
            }
        }
        let versions = vault.key_versions(&tenant()).await.expect("reads");
        assert_eq!(versions.wrapping, [2], "{:?}", world.db);
        // Nothing of theirs is under an old key, and the old key opens nothing that is there now.
        let after = world.cells().await;
        assert!(after.len() >= before.len() + written.len());
        let of_old = after.iter().filter(|(_, id, _)| ids.contains(id));
        for (_, _, cell) in of_old {
            assert_eq!(cell[1..5], 2_i32.to_be_bytes(), "{:?}", world.db);
        }
        let first = after
            .iter()
            .find(|(_, customer, _)| *customer == ids[0])
            .expect("is there");
        assert!(
            old_keys[&ids[0]]
                .open(&world::place(first.0), &first.2)
                .is_err()
        );
        assert_eq!(world.versions_of(ids[0]).await, [2], "{:?}", world.db);
        world.db.discard().await;
    }
}

/// The rotation's own steps are what a crash cuts: the process ends after every single one.
#[tokio::test]
async fn a_rotation_goes_on_where_it_was_cut() {
    for world in each().await {
        let ids: Vec<CustomerId> = (0..300).map(|_| CustomerId::generate()).collect();
        for id in &ids {
            world.note(*id, &id.to_name()).await;
        }
        let ctx = Ctx::service("test", tenant());
        let started = world.vault().await;
        let begin = started.start_rotation(&ctx, None, Kind::Customers);
        begin.await.expect("starts");
        let mut lives = 0;
        loop {
            let vault = world.vault().await;
            // They grow, so that some are long enough for a step on any machine.
            let life = Duration::from_millis(15 + lives);
            world.work_for(&vault, life).await;
            lives += 1;
            for id in ids.iter().step_by(61) {
                assert_eq!(
                    world.read(&vault, *id).await,
                    id.to_name(),
                    "{:?}",
                    world.db
                );
            }
            let rotations = vault.rotations(&tenant()).await.expect("reads");
            if rotations
                .iter()
                .all(|rotation| rotation.phase == Phase::Done)
            {
                assert_eq!(rotations[0].unreadable_count, 0);
                assert!(rotations[0].done_count >= 300);
                break;
            }
            assert!(lives < 500, "it does not end: {rotations:?}");
        }
        assert!(lives > 3, "it was not cut");
        let vault = world.vault().await;
        for id in &ids {
            assert_eq!(
                world.read(&vault, *id).await,
                id.to_name(),
                "{:?}",
                world.db
            );
            assert_eq!(world.versions_of(*id).await, [2], "{:?}", world.db);
        }
        world.db.discard().await;
    }
}

#[tokio::test]
async fn outcomes_outlive_the_conversion_with_the_keys_they_need() {
    for world in each().await {
        let id = CustomerId::generate();
        let request = Uuid::new_v4();
        let kept = world.note_once(id, "an answer", request).await;
        let vault = world.vault().await;
        let ctx = Ctx::service("test", tenant());
        // Its own outcome is nothing to wait for.
        let once = Once::new(&Uuid::new_v4().to_string(), START, b"customers").expect("an id");
        let begin = vault.start_rotation(&ctx, once, Kind::Customers);
        begin.await.expect("starts");
        world.work_until(&vault, Phase::Outlive).await;
        // Time in which one that does not wait would go on.
        world.work_for(&vault, 4 * LIFE).await;
        let rotations = vault.rotations(&tenant()).await.expect("reads");
        assert_eq!(rotations[0].phase, Phase::Outlive, "{:?}", world.db);
        assert_eq!(world.versions_of(id).await, [1, 2]);
        // The replay holds the cell as it was sealed then.
        let again = world.note_once(id, "an answer", request).await;
        assert_eq!(again, kept);
        assert_eq!(world.open_cell(&vault, id, &again).await, "an answer");
        world.forget_outcomes().await;
        world.work_until_done(&vault).await;
        assert_eq!(world.versions_of(id).await, [2], "{:?}", world.db);
        world.db.discard().await;
    }
}

#[tokio::test]
async fn a_key_destroyed_during_a_rotation_has_no_successor() {
    for world in each().await {
        let (gone, stays) = (CustomerId::generate(), CustomerId::generate());
        world.note(gone, "forget me").await;
        world.note(stays, "keep me").await;
        let vault = world.vault().await;
        let ctx = Ctx::service("test", tenant());
        let begin = vault.start_rotation(&ctx, None, Kind::Customers);
        begin.await.expect("starts");
        world.work_for(&vault, LIFE).await;
        world.destroy(&vault, gone).await;
        world.work_until_done(&vault).await;
        assert!(world.versions_of(gone).await.is_empty(), "{:?}", world.db);
        assert_eq!(world.read(&vault, stays).await, "keep me");
        assert!(!world.opens(&vault, gone).await);
        world.db.discard().await;
    }
}

/// What `forget` promises between processes: another one reads on for the life of remembered keys
/// at most, and what it writes meanwhile is under a new key.
#[tokio::test]
async fn another_process_forgets_a_destroyed_key_in_time() {
    for world in each().await {
        let id = CustomerId::generate();
        world.note(id, "forget me").await;
        let (here, there) = (world.vault().await, world.vault().await);
        assert!(world.opens(&there, id).await);
        world.destroy(&here, id).await;
        assert!(!world.opens(&here, id).await, "{:?}", world.db);
        // Remembered there: a new value must not go under the key that is gone.
        let fresh = world.note_by(&there, id, "written after").await;
        assert_eq!(
            world.open_cell(&world.vault().await, id, &fresh).await,
            "written after"
        );
        tokio::time::sleep(LIFE + Duration::from_millis(50)).await;
        let cells = world.cells().await;
        for (row, _, cell) in &cells {
            let keys = world.keys(&there, id).await;
            let opens = keys
                .get(&id)
                .is_some_and(|key| key.open(&world::place(*row), cell).is_ok());
            assert_eq!(opens, *cell == fresh, "{:?}", world.db);
        }
        world.db.discard().await;
    }
}

#[tokio::test]
async fn an_unchanged_database_needs_no_second_pass_and_a_second_start_changes_nothing() {
    let world = each().await.remove(0);
    let vault = world.vault().await;
    let ctx = Ctx::service("test", tenant());
    for kind in Kind::ALL {
        for _ in 0..2 {
            vault
                .start_rotation(&ctx, None, kind)
                .await
                .expect("starts");
        }
    }
    assert_eq!(vault.rotations(&tenant()).await.expect("reads").len(), 4);
    world.work_until_done(&vault).await;
    world.db.discard().await;
}

/// What these tests would see of a rotation that forgets a table: they can fail.
#[tokio::test]
async fn a_table_in_no_registry_is_lost_and_that_is_noticed() {
    let world = each().await.remove(0);
    let id = CustomerId::generate();
    world.note(id, "left behind").await;
    let vault = world.vault().await;
    let ctx = Ctx::service("test", tenant());
    let begin = vault.start_rotation(&ctx, None, Kind::Customers);
    begin.await.expect("starts");
    world.work_by(&vault, Registry::NOTHING).await;
    let cells = world.cells().await;
    let keys = world.keys(&world.vault().await, id).await;
    let (row, _, cell) = &cells[0];
    assert!(keys[&id].open(&world::place(*row), cell).is_err());
    world.db.discard().await;
}

/// A keeper that is not a file, as one that asks a KMS.
#[tokio::test]
async fn any_keeper_may_wrap() {
    let db = TestDb::sqlite(world::migrations, dossier_feed::append).await;
    let keeper = world::Counting::new();
    let asked = keeper.asked.clone();
    let vault = Vault::open(options(RootKeys::new(keeper)), db.reopen().await)
        .await
        .expect("opens");
    vault
        .blind_index(&tenant(), "email", "a@b.c")
        .await
        .expect("makes keys");
    assert!(asked.load(std::sync::atomic::Ordering::Relaxed) >= 4);
    db.discard().await;
}

#[tokio::test]
async fn one_tenants_lost_key_does_not_stop_the_others() {
    for world in each().await {
        let id = CustomerId::generate();
        world.note(id, "名字").await;
        let theirs = dossier_kernel::TenantId::parse("theirs").expect("a tenant id");
        let maker = world.vault().await;
        maker.prepare(&theirs).await.expect("makes keys");
        let ctx = Ctx::service("test", theirs.clone());
        let begin = maker.start_rotation(&ctx, None, Kind::Customers);
        begin.await.expect("starts");
        world.lose_root_of(&theirs).await;

        // A process that begins now would refuse the database; one that runs forgets what it knew.
        tokio::time::sleep(2 * LIFE).await;
        let vault = maker;
        world.rotate(&vault, Kind::Customers).await;
        assert_eq!(world.read(&vault, id).await, "名字", "{:?}", world.db);
        assert_eq!(world.versions_of(id).await, [2], "{:?}", world.db);
        let stuck = vault.rotations(&theirs).await.expect("reads");
        assert!(stuck.iter().all(|one| one.phase != Phase::Done));
        world.db.discard().await;
    }
}
