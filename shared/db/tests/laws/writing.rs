//! What a write promises.

use std::time::Duration;

use dossier_db::{Db, find};
use dossier_kernel::{Ctx, Error, Reason, TenantId};
use futures::future::join_all;
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::thing::{self, change, ctx, tenant, words};

async fn add(db: &Db, ctx: &Ctx, word: String) -> dossier_kernel::Result<Vec<i64>> {
    let tenant = ctx.tenant.clone();
    let done = db
        .write(ctx, move |tx| {
            Box::pin(async move {
                let id = thing::insert(tx, &tenant, &word).await?;
                tx.stage(change(&tenant, id, &word));
                if word.starts_with("bad") {
                    return Err(Error::new(Reason::FailedPrecondition, "A bad word."));
                }
                assert!(!word.starts_with("panic"), "told to");
                Ok(())
            })
        })
        .await?;
    Ok(done.positions.iter().map(|position| position.seq).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_leaves_nothing_and_what_succeeds_stays() {
    for test in thing::each().await {
        let words_in = (0..200).map(|n| match n % 5 {
            0 => format!("bad {n:03}"),
            1 => format!("panic {n:03}"),
            _ => format!("good {n:03}"),
        });
        let ctx = ctx();
        let answers = join_all(words_in.clone().map(|word| add(&test.db, &ctx, word))).await;
        let mut kept = Vec::new();
        let mut positions = Vec::new();
        for (word, answer) in words_in.zip(answers) {
            match answer {
                Ok(at) => {
                    assert_eq!(at.len(), 1, "one change, one position");
                    positions.extend(at);
                    kept.push(word);
                }
                Err(error) if word.starts_with("bad") => {
                    assert_eq!(error.reason(), Reason::FailedPrecondition);
                }
                Err(error) => assert_eq!(error.reason(), Reason::Internal, "{word}"),
            }
        }
        assert_eq!(kept.len(), 120);
        assert_eq!(words(&test.db, &tenant()).await, kept, "{test:?}");
        positions.sort_unstable();
        positions.dedup();
        assert_eq!(
            positions.len(),
            kept.len(),
            "every change has a position of its own"
        );
        test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_is_answered_to_everybody_in_it() {
    for test in thing::each().await {
        let ctx = ctx();
        let all = ["a", "poison", "b"].map(|word| add(&test.db, &ctx, word.to_owned()));
        let answers = join_all(all).await;
        assert_eq!(
            answers[1].as_ref().expect_err("poisoned").reason(),
            Reason::Unavailable
        );
        let kept = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(words(&test.db, &tenant()).await.len(), kept, "{test:?}");
        // The writer goes on.
        add(&test.db, &ctx, "after".to_owned())
            .await
            .expect("works again");
        test.discard().await;
    }
}

#[tokio::test]
async fn an_answer_means_that_others_see_it() {
    for test in thing::each().await {
        let other = test.reopen().await;
        for n in 0..20 {
            add(&test.db, &ctx(), format!("{n:02}"))
                .await
                .expect("writes");
            assert_eq!(words(&other, &tenant()).await.len(), n + 1, "{test:?}");
        }
        other.close().await;
        test.discard().await;
    }
}

#[tokio::test]
async fn nothing_is_committed_after_the_deadline() {
    for test in thing::each().await {
        let passed = ctx().with_timeout(Duration::ZERO);
        let error = add(&test.db, &passed, "late".to_owned())
            .await
            .expect_err("too late");
        assert_eq!(error.reason(), Reason::DeadlineExceeded);

        let short = ctx().with_timeout(Duration::from_millis(30));
        let error = test
            .db
            .write(&short, |tx| {
                Box::pin(async move {
                    thing::insert(tx, &tenant(), "slow").await?;
                    std::future::pending::<dossier_kernel::Result<()>>().await
                })
            })
            .await
            .expect_err("too slow");
        assert_eq!(error.reason(), Reason::DeadlineExceeded);
        assert_eq!(
            words(&test.db, &tenant()).await,
            Vec::<String>::new(),
            "{test:?}"
        );
        add(&test.db, &ctx(), "after".to_owned())
            .await
            .expect("works again");
        test.discard().await;
    }
}

/// SQLite commits many jobs at once; PostgreSQL commits each alone and has no company to fear.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_company_carries_nothing_past_its_deadline() {
    let test = dossier_db::testing::TestDb::sqlite(thing::migrations, thing::number).await;
    let company = |word: &'static str, slow: Duration, ctx: dossier_kernel::Ctx| {
        let db = test.db.clone();
        async move {
            let work = db.write(&ctx, move |tx| {
                Box::pin(async move {
                    thing::insert(tx, &tenant(), word).await?;
                    // The slowness of the work is what the test is about.
                    tokio::time::sleep(slow).await;
                    Ok(())
                })
            });
            work.await.map(|_| ())
        }
    };
    // The first keeps the writer busy, so that the others come to share a transaction.
    let first = company("first", Duration::from_millis(50), ctx());
    // As long as it can be: work without a deadline joins what has a second left.
    let quick = company(
        "quick",
        Duration::ZERO,
        ctx().with_timeout(Duration::from_millis(950)),
    );
    let slow = company("slow", Duration::from_millis(1_200), ctx());
    let later = ctx().with_timeout(Duration::from_secs(10));
    let later = company("later", Duration::from_millis(1_200), later);
    let (first, quick, slow, later) = tokio::join!(first, quick, slow, later);
    first.expect("writes");
    quick.expect("is committed before the slow ones end");
    slow.expect("has a transaction of its own");
    // Begun beside work with little time left it may have had to make way, and says so.
    let later = later.map_err(|error| (error.reason(), error.retry_delay().is_some()));
    assert!(
        matches!(later, Ok(()) | Err((Reason::Unavailable, true))),
        "{later:?}"
    );
    let kept = words(&test.db, &tenant()).await;
    assert_eq!(kept.contains(&"later".to_owned()), later.is_ok());
    test.discard().await;
}

#[tokio::test]
async fn callers_that_go_away_harm_nobody() {
    for test in thing::each().await {
        let ctx = ctx();
        for n in 0..50_u64 {
            let write = add(&test.db, &ctx, format!("gone {n:02}"));
            // Cut at another point each time.
            let _ = tokio::time::timeout(Duration::from_micros(n * 40), write).await;
        }
        add(&test.db, &ctx, "stays".to_owned())
            .await
            .expect("works");
        let words = words(&test.db, &tenant()).await;
        assert!(words.contains(&"stays".to_owned()), "{test:?}");
        test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_commits() {
    let test = dossier_db::testing::TestDb::sqlite(thing::migrations, thing::number).await;
    let ctx = ctx();
    let client = |client: usize| {
        let (db, ctx) = (test.db.clone(), ctx.clone());
        async move {
            for n in 0..20 {
                add(&db, &ctx, format!("{client:02} {n:02}"))
                    .await
                    .expect("writes");
            }
        }
    };
    let commits = test.db.committed();
    let before = *commits.borrow();
    join_all((0..64).map(client).map(tokio::spawn)).await;
    let commits = *commits.borrow() - before;
    assert_eq!(words(&test.db, &tenant()).await.len(), 64 * 20);
    assert!(commits <= 64 * 20 / 8, "{commits} commits of 1,280 writes");
    test.discard().await;
}

#[tokio::test]
async fn readers_cannot_write_and_see_their_tenant_only() {
    for test in thing::each().await {
        add(&test.db, &ctx(), "ours".to_owned())
            .await
            .expect("writes");
        let theirs = Ctx::service("laws", TenantId::parse("other").expect("a tenant"));
        add(&test.db, &theirs, "theirs".to_owned())
            .await
            .expect("writes");
        assert_eq!(words(&test.db, &tenant()).await, ["ours"]);
        let found = find::<thing::Entity>(&theirs.tenant)
            .all(&test.db.reader_of(&theirs.tenant))
            .await;
        assert_eq!(found.expect("reads").len(), 1);
        assert_eq!(
            thing::Entity::find()
                .all(&test.db.reader_of(&TenantId::all()))
                .await
                .expect("reads")
                .len(),
            2
        );
        if test.db.backend() == dossier_db::Backend::Sqlite {
            assert!(
                test.db
                    .reader_of(&TenantId::all())
                    .execute_unprepared("DELETE FROM thing")
                    .await
                    .is_err()
            );
        }
        test.discard().await;
    }
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_what_comes() {
    for test in thing::each().await {
        let db = test.db.clone();
        let ctx = ctx();
        let writes: Vec<_> = (0..20)
            .map(|n| {
                tokio::spawn({
                    let (db, ctx) = (db.clone(), ctx.clone());
                    async move { add(&db, &ctx, format!("{n:02}")).await.is_ok() }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        db.close().await;
        let done = join_all(writes)
            .await
            .into_iter()
            .filter(|done| *done.as_ref().expect("no panic"));
        let done = done.count();
        let error = add(&db, &ctx, "late".to_owned()).await.expect_err("closed");
        assert_eq!(error.reason(), Reason::Unavailable);
        let again = test.reopen().await;
        assert_eq!(words(&again, &tenant()).await.len(), done, "{test:?}");
        again.close().await;
    }
}

/// As a restart of the server does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_cuts_cost_a_retry_and_lose_nothing() {
    for test in thing::each().await {
        if test.db.backend() == dossier_db::Backend::Sqlite {
            test.discard().await;
            continue;
        }
        let other = test.reopen().await;
        let mut kept = Vec::new();
        for round in 0..5 {
            let ctx = ctx();
            let all = (0..10).map(|n| format!("{round} {n}")).collect::<Vec<_>>();
            let writes = join_all(all.iter().map(|word| add(&test.db, &ctx, word.clone())));
            let sql = "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a \
                       JOIN pg_stat_activity me ON me.pid = pg_backend_pid() \
                       AND a.application_name = me.application_name AND a.pid <> me.pid";
            let everyone = other.reader_of(&TenantId::all());
            let cut = everyone.execute_unprepared(sql);
            let (answers, _) = tokio::join!(writes, cut);
            for (word, answer) in all.into_iter().zip(answers) {
                match answer {
                    Ok(_) => kept.push(word),
                    Err(error) => assert_eq!(error.reason(), Reason::Unavailable, "{error:?}"),
                }
            }
        }
        let mut healed = false;
        for n in 0..50 {
            let word = format!("after {n}");
            if add(&test.db, &ctx(), word.clone()).await.is_ok() {
                kept.push(word);
                healed = true;
                break;
            }
        }
        assert!(healed, "works again");
        kept.sort();
        let fresh = test.reopen().await;
        let there = words(&fresh, &tenant()).await;
        // An answer that the cut swallowed may hide a commit, never the reverse.
        assert!(kept.iter().all(|word| there.contains(word)));
        other.close().await;
        fresh.close().await;
        // Its pool may still hold cut connections: not the one to drop the schema with.
        test.db.close().await;
    }
}
