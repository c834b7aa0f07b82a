//! One request id, one effect, one answer.

use dossier_db::{Committed, Db, Once};
use dossier_kernel::{Ctx, Error, Reason, Result, TenantId};
use futures::future::join_all;
use uuid::Uuid;

use crate::thing::{self, ctx, tenant, words};

async fn create(
    db: &Db,
    ctx: &Ctx,
    id: Uuid,
    method: &'static str,
    word: &str,
) -> Result<Committed<Uuid>> {
    let once = Once::new(&id.to_string(), method, word.as_bytes())?;
    let (tenant, word) = (ctx.tenant.clone(), word.to_owned());
    db.write_once(ctx, once, move |tx| {
        Box::pin(async move {
            let id = thing::insert(tx, &tenant, &word).await?;
            tx.stage(thing::change(&tenant, id, &word));
            if word == "bad" {
                Err(Error::unavailable("Bad luck."))
            } else {
                Ok(id)
            }
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_have_one_effect_and_one_answer() {
    for test in thing::each().await {
        for round in 0..10 {
            let id = Uuid::now_v7();
            // A unique key of the work's own: a duplicate that ran would fail there.
            let word = format!("only {round}");
            let ctx = ctx();
            let all = join_all((0..50).map(|_| create(&test.db, &ctx, id, "m", &word))).await;
            let all: Vec<_> = all.into_iter().map(|one| one.expect("an answer")).collect();
            let first = all.iter().filter(|one| !one.replayed).collect::<Vec<_>>();
            assert_eq!(first.len(), 1, "{test:?}");
            assert_eq!(first[0].positions.len(), 1);
            assert!(all.iter().all(|one| one.value == first[0].value));
            assert!(
                all.iter()
                    .filter(|one| one.replayed)
                    .all(|one| one.positions.is_empty())
            );
        }
        assert_eq!(words(&test.db, &tenant()).await.len(), 10);
        test.discard().await;
    }
}

#[tokio::test]
async fn the_answer_survives_a_restart() {
    for test in thing::each().await {
        let id = Uuid::now_v7();
        let first = create(&test.db, &ctx(), id, "m", "word")
            .await
            .expect("creates");
        let again = test.reopen().await;
        let second = create(&again, &ctx(), id, "m", "word")
            .await
            .expect("replays");
        assert!(second.replayed);
        assert_eq!(second.value, first.value);
        again.close().await;
        test.discard().await;
    }
}

#[tokio::test]
async fn another_use_of_the_id_is_refused_and_another_tenants_is_not_ours() {
    for test in thing::each().await {
        let id = Uuid::now_v7();
        create(&test.db, &ctx(), id, "m", "word")
            .await
            .expect("creates");
        for (method, word) in [("m", "other"), ("other", "word")] {
            let error = create(&test.db, &ctx(), id, method, word)
                .await
                .expect_err("refused");
            assert_eq!(error.reason(), Reason::RequestIdReused);
        }
        let theirs = Ctx::service("laws", TenantId::parse("other").expect("a tenant"));
        let done = create(&test.db, &theirs, id, "m", "else")
            .await
            .expect("theirs");
        assert!(!done.replayed);
        assert_eq!(words(&test.db, &tenant()).await, ["word"]);
        test.discard().await;
    }
}

#[tokio::test]
async fn what_failed_is_not_remembered() {
    for test in thing::each().await {
        let id = Uuid::now_v7();
        create(&test.db, &ctx(), id, "m", "bad")
            .await
            .expect_err("bad luck");
        // The id is free: even for another body.
        let done = create(&test.db, &ctx(), id, "m", "good")
            .await
            .expect("creates");
        assert!(!done.replayed);
        test.discard().await;
    }
}

#[tokio::test]
async fn outcomes_are_kept_for_longer_than_promised() {
    for test in thing::each().await {
        let id = Uuid::now_v7();
        create(&test.db, &ctx(), id, "m", "word")
            .await
            .expect("creates");
        let age = |days: i64| {
            let db = test.db.clone();
            async move {
                db.write(&ctx(), move |tx| {
                    Box::pin(async move {
                        use sea_orm::ConnectionTrait;
                        let sql = format!(
                            "UPDATE idempotency SET create_time = create_time - {}",
                            days * 86_400_000_000
                        );
                        tx.conn()
                            .execute_unprepared(&sql)
                            .await
                            .map_err(dossier_db::error)?;
                        Ok(())
                    })
                })
                .await
                .expect("ages");
                db.forget_outcomes().await.expect("forgets")
            }
        };
        assert_eq!(age(7).await, 0);
        assert!(
            create(&test.db, &ctx(), id, "m", "word")
                .await
                .expect("replays")
                .replayed
        );
        assert_eq!(age(2).await, 1);
        assert!(
            !create(&test.db, &ctx(), id, "m", "word")
                .await
                .expect("anew")
                .replayed
        );
        test.discard().await;
    }
}
