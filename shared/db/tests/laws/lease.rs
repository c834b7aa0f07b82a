//! A lease has one holder, ends by itself, and lets nobody commit who has lost it.

use std::time::Duration;

use dossier_db::{Db, Lease};
use dossier_kernel::{Clock, Reason, Result, TenantId, Timestamp};
use futures::future::join_all;

use crate::thing::{self, ctx, tenant, words};

const LENGTH: Duration = Duration::from_millis(30);

fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_790_000_000))
}

async fn take(db: &Db, clock: &Clock, name: &str) -> Option<Lease> {
    let taken = Lease::take(db, clock, &tenant(), name, LENGTH).await;
    taken.expect("an answer")
}

/// Writes a word if the lease is still held.
async fn write(db: &Db, lease: &Lease, word: &'static str) -> Result<()> {
    let (ctx, lease) = (ctx(), lease.clone());
    let work = db.write(&ctx, move |tx| {
        Box::pin(async move {
            thing::insert(tx, &tenant(), word).await?;
            lease.confirm(tx).await
        })
    });
    work.await.map(|done| done.value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_has_it_until_it_is_given_up() {
    for test in thing::each().await {
        let (clock, other) = (clock(), test.reopen().await);
        for _ in 0..10 {
            let asked = (0..10).map(|n| take([&test.db, &other][n % 2], &clock, "scan"));
            let mut holders: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            assert_eq!(holders.len(), 1, "{test:?}");
            let holder = holders.pop().expect("one");
            holder.give_up().await.expect("gives up");
        }
        let held = take(&test.db, &clock, "scan").await;
        assert!(held.is_some() && take(&other, &clock, "another").await.is_some());
        let stranger = TenantId::parse("stranger").expect("a tenant");
        let theirs = Lease::take(&other, &clock, &stranger, "scan", LENGTH).await;
        assert!(theirs.expect("an answer").is_some());
        other.close().await;
        test.discard().await;
    }
}

#[tokio::test]
async fn who_lost_it_commits_nothing_and_takes_it_from_nobody() {
    for test in thing::each().await {
        let clock = clock();
        let first = take(&test.db, &clock, "scan").await.expect("free");
        write(&test.db, &first, "first").await.expect("holds it");
        clock.advance(LENGTH);
        // Over, but nobody wants it: the work may go on.
        write(&test.db, &first, "late").await.expect("holds it");
        let second = take(&test.db, &clock, "scan").await.expect("over");
        let refused = write(&test.db, &first, "too late").await;
        assert_eq!(refused.expect_err("lost").reason(), Reason::Unavailable);
        let endless = first.keep(std::future::pending::<Result<()>>());
        assert_eq!(
            endless.await.expect_err("lost").reason(),
            Reason::Unavailable
        );
        first.give_up().await.expect("had nothing");
        write(&test.db, &second, "second").await.expect("holds it");
        assert_eq!(
            words(&test.db, &tenant()).await,
            ["first", "late", "second"]
        );
        test.discard().await;
    }
}

#[tokio::test]
async fn it_is_renewed_while_the_work_is_done() {
    for test in thing::each().await {
        let clock = clock();
        let lease = take(&test.db, &clock, "scan").await.expect("free");
        let work = async {
            for _ in 0..5 {
                clock.advance(LENGTH * 2 / 3);
                // Renewals come in real time, every third of the length; twice that time it would be
                // over without them.
                tokio::time::sleep(LENGTH * 4).await;
                assert!(take(&test.db, &clock, "scan").await.is_none());
            }
            Ok("done")
        };
        assert_eq!(lease.keep(work).await.expect("does it"), "done");
        clock.advance(LENGTH);
        assert!(take(&test.db, &clock, "scan").await.is_some());
        test.discard().await;
    }
}
