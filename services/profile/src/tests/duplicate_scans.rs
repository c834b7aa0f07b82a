//! Scans as jobs: begun, cancelled, gone on with by another process, run by one at a time.

use tonic::Code;
use wire::{DuplicatePairState as State, DuplicateScanState};

use super::duplicates::{again, couples, pairs, populate, read, scan, somebody, start};
use super::*;
use crate::domain::duplicate::LEASE;
use crate::domain::{CustomerType, comparison};
use crate::store::duplicate_scan::{Lease, Progress, Report};

async fn cancel(client: &mut Duplicates, name: &str) -> Result<wire::DuplicateScan, Status> {
    let request = wire::CancelDuplicateScanRequest {
        name: name.to_owned(),
        request_id: request_id(),
    };
    Ok(client.cancel_duplicate_scan(request).await?.into_inner())
}

#[tokio::test]
async fn a_scan_is_asked_for_once_waits_and_ends() {
    for house in House::each().await {
        let mut client = house.duplicates();
        let mut request = wire::StartDuplicateScanRequest {
            duplicate_scan: Some(wire::DuplicateScan {
                score_min_per_mille: 900,
                ..Default::default()
            }),
            request_id: request_id(),
        };
        let asked = client.start_duplicate_scan(request.clone()).await;
        let asked = asked.expect("started").into_inner();
        assert!(asked.state() == DuplicateScanState::Queued);
        assert_eq!(
            (asked.score_min_per_mille, asked.creator.as_str()),
            (900, "service:test")
        );
        house.profile.scan_duplicates().await.expect("scans");
        let again = client.start_duplicate_scan(request.clone()).await;
        assert!(again.expect("the same").into_inner() == asked);
        request.duplicate_scan = None;
        let other = client.start_duplicate_scan(request).await;
        assert_eq!(refused(other).1, "REQUEST_ID_REUSED");
        let done = read(&mut client, &asked.name).await;
        assert!(
            done.state() == DuplicateScanState::Succeeded,
            "of nobody, too"
        );
        assert!(done.start_time.is_some() && done.end_time.is_some());

        let second = start(&mut client).await;
        let cancelled = cancel(&mut client, &second.name).await.expect("cancelled");
        assert!(cancelled.state() == DuplicateScanState::Cancelled);
        assert_eq!(house.profile.scan_duplicates().await.expect("none"), 0);
        let kept = cancel(&mut client, &done.name).await.expect("answers");
        assert!(kept == done, "what has ended stays as it ended");
        let list = wire::ListDuplicateScansRequest::default();
        let list = client.list_duplicate_scans(list).await.expect("lists");
        let names = list
            .into_inner()
            .duplicate_scans
            .into_iter()
            .map(|scan| scan.name);
        assert_eq!(names.collect::<Vec<_>>(), [second.name, done.name.clone()]);

        let mut others = house.duplicates_of("other");
        assert_eq!(
            refused(cancel(&mut others, &done.name).await).0,
            Code::NotFound
        );
        let get = wire::GetDuplicateScanRequest { name: done.name };
        assert_eq!(
            refused(others.get_duplicate_scan(get).await).0,
            Code::NotFound
        );
        let get = wire::GetDuplicateScanRequest {
            name: "customers/1".to_owned(),
        };
        let wrong = status_of(client.get_duplicate_scan(get).await);
        assert_eq!(refusal(&wrong).fields, ["name"]);
    }
}

#[tokio::test]
async fn so_many_scans_wait_and_no_more() {
    for house in House::each().await {
        let mut client = house.duplicates();
        for _ in 0..20 {
            start(&mut client).await;
        }
        let request = wire::StartDuplicateScanRequest::default();
        let one_more = client.start_duplicate_scan(request.clone()).await;
        assert_eq!(refused(one_more).1, "LIMIT_EXCEEDED");
        let theirs = house
            .duplicates_of("other")
            .start_duplicate_scan(request)
            .await;
        theirs.expect("another tenant's");
        assert_eq!(house.profile.scan_duplicates().await.expect("scans"), 21);
        start(&mut client).await;
    }
}

/// What a process does that ends after it took a scan: it compared everybody up to one customer, or
/// nobody, and is not heard of any more.
async fn end_after(house: &House, scan: &str, customer: Option<&str>) -> Lease {
    let id = scan.strip_prefix("duplicateScans/").expect("a name");
    let lease = Lease {
        tenant: TenantId::embedded_default(),
        scan: uuid::Uuid::parse_str(id).expect("a UUID"),
        id: uuid::Uuid::new_v4(),
    };
    let after = customer.map(|name| dossier_kernel::CustomerId::from_name(name).expect("a name"));
    let (of, now) = (lease.clone(), house.clock.now());
    let ctx = Ctx::service("profile", lease.tenant.clone());
    let work = house.db.db.write(&ctx, move |tx| {
        Box::pin(async move {
            let due = store::duplicate_scan::due(tx.conn(), now, 10).await?;
            assert!(store::duplicate_scan::take(tx, &of, &due[0], now).await?);
            let second = Lease {
                id: uuid::Uuid::new_v4(),
                ..of.clone()
            };
            assert!(!store::duplicate_scan::take(tx, &second, &due[0], now).await?);
            if after.is_some() {
                let progress = Report::Progress(Progress {
                    kind: CustomerType::Person,
                    after,
                    done_count: 0,
                });
                assert!(store::duplicate_scan::report(tx, &of, progress, now).await?);
            }
            Ok(())
        })
    });
    work.await.expect("taken");
    lease
}

#[tokio::test]
async fn another_process_goes_on_where_the_last_one_ended() {
    for house in House::each().await {
        let (mut customers, mut client) = (house.customers(), house.duplicates());
        // More than a part of a scan has.
        let rows = (0..300).map(|number| {
            let mut customer = somebody(number % 100);
            customer
                .family_name
                .push_str(&"abc"[number / 100..=number / 100]);
            customer.contact_points = vec![email(&format!("p{number}@example.com"))];
            let born = customer.birth_date.as_mut().expect("a date");
            born.year += i32::try_from(number / 100).expect("small");
            customer
        });
        let mut rows: Vec<_> = rows.collect();
        for number in [3, 290] {
            let mut twin = rows[number].clone();
            twin.family_name.remove(2);
            rows.push(twin);
        }
        let mut names = Vec::new();
        for row in rows {
            names.push(create(&mut customers, row).await.name);
        }
        scan(&house).await;
        let all = couples(&pairs(&mut client, State::Open).await);
        assert_eq!(all.len(), 2);

        // In the middle of a part, which is compared again; and after one, which is not: what that
        // process says it compared it did not write.
        let mut ended = Vec::new();
        for (place, found) in [(3, &all[..]), (255, &all[1..])] {
            let name = start(&mut client).await.name;
            ended.push(end_after(&house, &name, Some(&names[place])).await);
            assert_eq!(house.profile.scan_duplicates().await.expect("waits"), 0);
            let next = house.restarted().await;
            next.pass(LEASE);
            assert_eq!(next.profile.scan_duplicates().await.expect("goes on"), 1);
            let done = read(&mut client, &name).await;
            assert!(done.state() == DuplicateScanState::Succeeded);
            let counts = (done.done_customer_count, done.total_customer_count);
            assert_eq!(counts, (302, 302));
            assert_eq!(couples(&pairs(&mut client, State::Open).await), found);
        }

        // Who is heard of again too late does nothing.
        let ended = ended.remove(0);
        let (now, ctx) = (
            house.clock.now(),
            Ctx::service("profile", ended.tenant.clone()),
        );
        let late = house.db.db.write(&ctx, move |tx| {
            Box::pin(
                async move { store::duplicate_scan::report(tx, &ended, Report::Alive, now).await },
            )
        });
        assert!(!late.await.expect("writes").value);
    }
}

#[test]
fn what_was_compared_before_is_not_compared_again() {
    let schema = comparison::schema(CustomerType::Person).expect("a schema");
    let record = |number: u128| dossier_linkage::Record {
        id: dossier_linkage::RecordId(number),
        values: vec![
            vec![format!("Nobody {}", number / 2)],
            vec![format!("n{}@example.com", number / 2)],
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
            Vec::new(),
        ],
        ..Default::default()
    };
    let records: Vec<_> = (0..3_000).map(record).collect();
    let steps_after = |after| {
        let mut steps = Vec::new();
        let take = |step| {
            steps.push(step);
            true
        };
        comparison::compare(&schema, records.clone(), 500, after, take).expect("compares");
        steps
    };
    let whole = steps_after(None);
    assert!(whole.len() > 2 && whole[0].found.len() > 400);
    let rest = steps_after(Some(whole[0].last));
    assert_eq!(rest.len(), whole.len() - 1);
    for (one, other) in rest.iter().zip(&whole[1..]) {
        assert_eq!((one.last, one.done), (other.last, other.done));
        assert_eq!(one.found, other.found);
    }
    assert_eq!(whole.last().map(|step| step.done), Some(3_000));
}

/// However often a process ends in the middle, and wherever, the scan is done in the end and finds the
/// same.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_is_cut_off_anywhere_finds_the_same() {
    for house in House::each().await {
        let (mut customers, mut client) = (house.customers(), house.duplicates());
        populate(&mut customers, 40).await;
        for number in [2, 11, 33] {
            create(&mut customers, again(number)).await;
        }
        let whole = scan(&house).await;
        let expected = couples(&pairs(&mut client, State::Open).await);
        assert_eq!(expected.len(), 3);
        let name = start(&mut client).await.name;
        for millis in [1, 5, 15, 40] {
            let process = house.restarted().await;
            let running = tokio::spawn(async move { process.profile.scan_duplicates().await });
            // Each cut comes at another moment.
            tokio::time::sleep(Duration::from_millis(millis)).await;
            running.abort();
            let _ = running.await;
            house.pass(LEASE);
        }
        // What a process had under way when it was cut off may still be written.
        let mut done = read(&mut client, &name).await;
        while done.end_time.is_none() {
            house.pass(LEASE);
            house.profile.scan_duplicates().await.expect("goes on");
            done = read(&mut client, &name).await;
        }
        assert!(
            done.state() == DuplicateScanState::Succeeded,
            "{}",
            done.failure
        );
        assert_eq!(done.pair_count, whole.pair_count);
        let found = pairs(&mut client, State::Open).await;
        assert_eq!(couples(&found), expected);
        assert!(found.iter().all(|pair| pair.duplicate_scan == name));
    }
}

#[tokio::test]
async fn a_process_that_stops_lets_the_next_one_go_on_at_once() {
    for house in House::each().await {
        let mut client = house.duplicates();
        let name = start(&mut client).await.name;
        let lease = end_after(&house, &name, None).await;
        let now = house.clock.now();
        let ctx = Ctx::service("profile", lease.tenant.clone());
        let released = house.db.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let released = Report::Released {
                    from: now,
                    failure_count: 0,
                };
                store::duplicate_scan::report(tx, &lease, released, now).await
            })
        });
        assert!(released.await.expect("writes").value);
        assert_eq!(house.profile.scan_duplicates().await.expect("goes on"), 1);
    }
}

#[tokio::test]
async fn a_scan_that_fails_is_tried_again_and_given_up_in_the_end() {
    for house in House::each().await {
        let (mut customers, mut client) = (house.customers(), house.duplicates());
        create(&mut customers, somebody(1)).await;
        house.corrupt(&["direct"]).await;
        let name = start(&mut client).await.name;
        for failures in 1..=5 {
            let state = read(&mut client, &name).await.state();
            assert!(state != DuplicateScanState::Failed, "after {failures}");
            assert_eq!(house.profile.scan_duplicates().await.expect("fails"), 1);
            assert_eq!(house.profile.scan_duplicates().await.expect("waits"), 0);
            house.pass(Duration::from_secs(60));
        }
        let failed = read(&mut client, &name).await;
        assert!(failed.state() == DuplicateScanState::Failed);
        assert!(
            failed.failure.contains("failed 5 times"),
            "{}",
            failed.failure
        );
        // The next one is not held up.
        start(&mut client).await;
        assert_eq!(house.profile.scan_duplicates().await.expect("begins"), 1);
    }
}

#[tokio::test]
async fn a_scan_that_ends_its_processes_is_given_up() {
    for house in House::each().await {
        let mut client = house.duplicates();
        let name = start(&mut client).await.name;
        for _ in 0..5 {
            end_after(&house, &name, None).await;
            house.pass(LEASE);
        }
        house.profile.scan_duplicates().await.expect("gives up");
        let failed = read(&mut client, &name).await;
        assert!(failed.state() == DuplicateScanState::Failed);
        assert!(
            failed.failure.contains("Processes ended"),
            "{}",
            failed.failure
        );
    }
}
