//! What happens while the log cannot be written.

use std::time::Duration;

use dossier_audit::{Limits, Query};
use dossier_db::Backend;
use dossier_kernel::{PageSize, Reason};

use crate::world::{World, direct, eventually, reading, sensitive, writing};

fn limits() -> Limits {
    Limits {
        read_count_max: 40,
        // The buffer's size is what is tried here.
        failing_max: Duration::from_secs(600),
        ..Limits::default()
    }
}

/// Makes every insert fail, by a trigger.
fn refuse(backend: Backend) -> [&'static str; 2] {
    match backend {
        Backend::Sqlite => [
            "CREATE TRIGGER audit_broken BEFORE INSERT ON audit_event \
             BEGIN SELECT RAISE(ABORT, 'broken'); END",
            "DROP TRIGGER audit_broken",
        ],
        Backend::Postgres => [
            "CREATE TRIGGER audit_broken BEFORE INSERT ON audit_event \
             FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
            "DROP TRIGGER audit_broken ON audit_event",
        ],
    }
}

const RENAME: [&str; 2] = [
    "ALTER TABLE audit_event RENAME TO audit_gone",
    "ALTER TABLE audit_gone RENAME TO audit_event",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_changed_or_shown_that_cannot_be_written_down_and_all_heals() {
    for world in World::each_with(limits()).await {
        for [breaks, heals] in [refuse(world.test.db.backend()), RENAME] {
            let before = changes(&world).await;
            world.execute(breaks).await.expect("breaks");
            let error = world.mutate(&writing("shop"), "customers/1").await;
            let error = error.expect_err("no mutation without its event");
            assert_eq!(error.reason(), Reason::AuditUnavailable);
            let error = world.audit.saw(&reading("shop"), sensitive(1)).await;
            let error = error.expect_err("no SENSITIVE value without its event");
            assert_eq!(error.reason(), Reason::AuditUnavailable);

            let mut shown = 0;
            for n in 0..200 {
                match world.audit.saw(&reading("shop"), direct(n)).await {
                    Ok(()) => shown += 1,
                    Err(error) => assert_eq!(error.reason(), Reason::AuditUnavailable),
                }
                if n % 10 == 0 {
                    assert!(world.audit.flush().await.is_err(), "still broken");
                }
            }
            assert_eq!(shown, 40, "DIRECT values until the buffer is full");

            world.execute(heals).await.expect("heals");
            world.audit.flush().await.expect("writes what waited");
            world
                .audit
                .saw(&reading("shop"), direct(1))
                .await
                .expect("seen");
            world
                .audit
                .saw(&reading("shop"), sensitive(1))
                .await
                .expect("seen");
            world
                .mutate(&writing("shop"), "customers/1")
                .await
                .expect("writes");
            world.audit.turn().await.expect("turns");
            assert_eq!(changes(&world).await, before + 1);
            assert_eq!(world.verify().await.findings, []);
        }
        assert_eq!(
            named(&world).await,
            2 * (40 + 1 + 1 + 1),
            "what was shown is there"
        );
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_stop_about_a_second_after_the_log_does_and_heal_by_themselves() {
    for world in World::each().await {
        let [breaks, heals] = refuse(world.test.db.backend());
        world.execute(breaks).await.expect("breaks");
        let begun = std::time::Instant::now();
        world.audit.start();
        let reader = reading("shop");
        let read = || async { world.audit.saw(&reader, direct(1)).await.is_ok() };
        assert!(read().await, "the log was not asked yet");
        eventually(|| async { !read().await }, "DIRECT reads stop").await;
        let after = begun.elapsed();
        assert!(world.audit.is_failing(), "operators see it");
        assert!(
            after > Duration::from_millis(900),
            "stopped after {after:?}"
        );
        world.execute(heals).await.expect("heals");
        eventually(read, "DIRECT reads go on").await;
        let healed = || async { !world.audit.is_failing() };
        eventually(healed, "operators see that it is over").await;
        world.audit.close().await;
        assert_eq!(world.verify().await.findings, []);
        world.test.discard().await;
    }
}

/// How many events of mutations there are.
async fn changes(world: &World) -> usize {
    let method = "dossier.profile.v1.CustomerService/UpdateCustomer".to_owned();
    let query = Query {
        method,
        ..Query::default()
    };
    let tenant = writing("shop").tenant;
    let log = world.audit.log();
    let page = log.events(&tenant, &query, PageSize(1_000), "").await;
    page.expect("lists").0.len()
}

/// How many resources all events name.
async fn named(world: &World) -> usize {
    let tenant = writing("shop").tenant;
    let log = world.audit.log();
    let page = log
        .events(&tenant, &Query::default(), PageSize(1_000), "")
        .await;
    let (entries, _) = page.expect("lists");
    entries.iter().map(|entry| entry.leaf.resources.len()).sum()
}
