//! How events come into the log.

use dossier_audit::{Audit, Query};
use dossier_kernel::{AuditAction, Ctx, PageSize};
use futures::future::join_all;

use crate::world::{World, direct, eventually, reading, sensitive, writing};

async fn entries(audit: &Audit, ctx: &Ctx, query: &Query) -> Vec<dossier_audit::Entry> {
    let log = audit.log();
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let page = log.events(&ctx.tenant, query, PageSize(7), &token).await;
        let (mut entries, next) = page.expect("lists");
        all.append(&mut entries);
        if next.is_empty() {
            return all;
        }
        token = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mutation_a_sensitive_read_and_a_direct_read_are_all_there() {
    for world in World::each().await {
        world
            .mutate(&writing("shop"), "customers/1")
            .await
            .expect("writes");
        let reader = reading("shop");
        world.audit.saw(&reader, sensitive(2)).await.expect("seen");
        let there = entries(&world.audit, &reader, &Query::default()).await;
        assert_eq!(there.len(), 2, "before the answer");
        world.audit.saw(&reader, direct(3)).await.expect("seen");
        world.audit.turn().await.expect("turns");
        let there = entries(&world.audit, &reader, &Query::default()).await;
        let actions: Vec<_> = there.iter().map(|entry| entry.leaf.action).collect();
        use AuditAction::{ReadDirect, ReadSensitive, Write};
        assert_eq!(actions, [ReadDirect, ReadSensitive, Write], "newest first");
        let read = &there[1].leaf;
        assert_eq!(read.principal, "person:amy");
        assert_eq!(read.purpose, "support");
        assert_eq!(read.request_ids, [reader.request_id.as_str()]);
        assert_eq!(read.fields, ["display_name", "attributes.blood_type"]);
        assert!(there.iter().all(|entry| entry.position.is_some()));
        assert!(world.verify().await.findings.is_empty());
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_sees_its_own_events_and_finds_them_by_what_they_say() {
    for world in World::each().await {
        for n in 0..30 {
            let tenant = ["shop", "other", "other"][n % 3];
            let resource = format!("customers/{}", n % 6);
            world
                .mutate(&writing(tenant), &resource)
                .await
                .expect("writes");
        }
        world
            .audit
            .saw(&reading("shop"), sensitive(1))
            .await
            .expect("seen");
        let shop = writing("shop");
        let count = async |query: Query| entries(&world.audit, &shop, &query).await.len();
        assert_eq!(count(Query::default()).await, 11);
        let resource = "customers/3".to_owned();
        assert_eq!(
            count(Query {
                resource,
                ..Query::default()
            })
            .await,
            5
        );
        let method = "dossier.profile.v1.CustomerService/GetCustomer".to_owned();
        assert_eq!(
            count(Query {
                method,
                ..Query::default()
            })
            .await,
            1
        );
        let principal = "person:bob".to_owned();
        assert_eq!(
            count(Query {
                principal,
                ..Query::default()
            })
            .await,
            0
        );
        let all = entries(&world.audit, &shop, &Query::default()).await;
        let (start, end) = (Some(all[5].leaf.time), Some(all[0].leaf.time));
        let between = entries(
            &world.audit,
            &shop,
            &Query {
                start,
                end,
                ..Query::default()
            },
        )
        .await;
        let inside = |time| start.is_some_and(|at| time >= at) && end.is_some_and(|at| time < at);
        let expected = all.iter().filter(|entry| inside(entry.leaf.time)).count();
        assert_eq!(between.len(), expected);
        assert!(expected > 0);
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_gets_its_place_within_a_second_and_waits_for_nobody_at_the_end() {
    for world in World::each().await {
        world.audit.start();
        let reader = reading("shop");
        for n in 0..50 {
            world.audit.saw(&reader, direct(n)).await.expect("seen");
        }
        let begun = std::time::Instant::now();
        let placed = || async {
            let there = entries(&world.audit, &reader, &Query::default()).await;
            let named = there.iter().map(|entry| entry.leaf.resources.len());
            named.sum::<usize>() == 50 && there.iter().all(|entry| entry.position.is_some())
        };
        eventually(placed, "fifty reads in the log").await;
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        world.audit.saw(&reader, direct(99)).await.expect("seen");
        world.audit.close().await;
        let there = entries(&world.audit, &reader, &Query::default()).await;
        assert!(there[0].leaf.resources[0].ends_with("63"), "the last read");
        assert!(there[0].position.is_some());
        assert!(world.verify().await.findings.is_empty());
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_writers_and_two_sequencers_make_one_dense_log() {
    for world in World::each().await {
        // As another process that serves the same database does.
        let second = world.another().await;
        let write = async |writer: usize| {
            let ctx = writing(["shop", "other"][writer % 2]);
            for n in 0..40 {
                let resource = format!("customers/{writer}-{n}");
                world.mutate(&ctx, &resource).await.expect("writes");
            }
        };
        let sequence = async |audit: &Audit| {
            for _ in 0..40 {
                audit.integrate().await.expect("integrates");
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
        };
        tokio::join!(
            join_all((0..16).map(write)),
            sequence(&world.audit),
            sequence(&second),
        );
        world.audit.turn().await.expect("turns");
        let report = world.verify().await;
        assert_eq!(report.findings, []);
        assert_eq!((report.event_count, report.signed_count), (640, 640));
        assert_eq!(report.waiting_count, 0);
        let mut places: Vec<u64> = Vec::new();
        for tenant in ["shop", "other"] {
            let there = entries(&world.audit, &writing(tenant), &Query::default()).await;
            places.extend(there.iter().filter_map(|entry| entry.position));
        }
        places.sort_unstable();
        assert_eq!(places, (0..640).collect::<Vec<_>>());
        world.test.discard().await;
    }
}

#[tokio::test]
async fn work_nobody_called_for_and_what_shows_nothing_leave_no_read() {
    for world in World::each().await {
        let ctx = reading("shop");
        let nobody = Ctx {
            call: None,
            ..ctx.clone()
        };
        world.audit.saw(&nobody, sensitive(1)).await.expect("seen");
        let nothing = dossier_audit::Seen::of("customers");
        world.audit.saw(&ctx, nothing).await.expect("seen");
        world.audit.turn().await.expect("turns");
        assert!(
            entries(&world.audit, &ctx, &Query::default())
                .await
                .is_empty()
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn the_database_refuses_what_an_append_only_log_never_does() {
    for world in World::each().await {
        world.fill(3).await;
        for sql in [
            "DELETE FROM audit_event",
            "UPDATE audit_event SET position = 9 WHERE position = 1",
            "UPDATE audit_event SET tenant_id = 'x'",
            "DELETE FROM audit_tile",
            "UPDATE audit_tile SET hashes = substr(hashes, 1, 32)",
            "DELETE FROM audit_head",
            "UPDATE audit_head SET size = 1",
        ] {
            assert!(world.execute(sql).await.is_err(), "{sql}");
        }
        assert!(world.verify().await.findings.is_empty());
        world.test.discard().await;
    }
}
