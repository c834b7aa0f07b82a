//! What a write leaves for the audit log.

use std::sync::{Arc, Mutex, PoisonError};

use dossier_db::testing::TestDb;
use dossier_db::{Backend, Once, Position, Staged, Tx};
use dossier_kernel::{AuditAction, AuditEvent, AuditLevel, Call, Ctx, Error, Reason, Result};
use futures::future::{BoxFuture, join_all};
use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use crate::thing;

static TOLD: Mutex<Vec<AuditEvent>> = Mutex::new(Vec::new());

/// Keeps what it is told; refuses what is done for `nobody`.
fn tell<'a>(
    _: &'a DatabaseTransaction,
    _: Backend,
    staged: &'a Staged,
) -> BoxFuture<'a, Result<Vec<Position>>> {
    Box::pin(async move {
        let nobody = |event: &AuditEvent| event.purpose.as_deref() == Some("nobody");
        if staged.events.iter().any(nobody) {
            return Err(Error::unavailable("The audit log is away."));
        }
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(staged.events.iter().cloned());
        Ok(Vec::new())
    })
}

/// As a call of a method that nothing else of these tests calls.
fn calling(level: AuditLevel) -> Ctx {
    let call = Call {
        method: Uuid::new_v4().to_string().into(),
        permission: "thing.things.write".into(),
        audit: level,
    };
    Ctx {
        call: Some(Arc::new(call)),
        ..thing::ctx()
    }
}

fn told(ctx: &Ctx) -> Vec<AuditEvent> {
    let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let ours = |event: &&AuditEvent| Some(&event.call) == ctx.call.as_ref();
    told.iter().filter(ours).cloned().collect()
}

fn nothing(_: &Tx) -> BoxFuture<'_, Result<()>> {
    Box::pin(async { Ok(()) })
}

#[tokio::test]
async fn a_mutation_leaves_its_event_also_when_it_touches_nothing() {
    for test in TestDb::each(thing::migrations, tell).await {
        let ctx = calling(AuditLevel::Write);
        test.db.write(&ctx, nothing).await.expect("writes");
        let work = test.db.write(&ctx, |tx| {
            Box::pin(async move {
                for n in 0..AuditEvent::RESOURCES_MAX + 10 {
                    tx.touch(
                        format!("things/{n}"),
                        ["word", if n == 7 { "rank" } else { "word" }],
                    );
                }
                Ok(())
            })
        });
        work.await.expect("writes");
        let [bare, full] = told(&ctx).try_into().expect("two events");
        assert_eq!((bare.resource_count, bare.action), (0, AuditAction::Write));
        assert_eq!(full.resource_count, AuditEvent::RESOURCES_MAX as u64 + 10);
        assert_eq!(full.resources.len(), AuditEvent::RESOURCES_MAX);
        assert_eq!(full.fields, ["word", "rank"]);
        assert_eq!(full.request_ids, std::slice::from_ref(&ctx.request_id));
        test.discard().await;
    }
}

#[tokio::test]
async fn reads_and_work_nobody_asked_for_leave_none() {
    for test in TestDb::each(thing::migrations, tell).await {
        let reading = calling(AuditLevel::Read);
        test.db.write(&reading, nothing).await.expect("writes");
        let unasked = thing::ctx();
        test.db.write(&unasked, nothing).await.expect("writes");
        let told = TOLD.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ids = [&reading.request_id, &unasked.request_id];
        let ours = |event: &AuditEvent| event.request_ids.iter().any(|id| ids.contains(&id));
        assert!(!told.iter().any(ours));
        test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_leaves_none_and_says_nothing_of_what_it_touched() {
    for test in TestDb::each(thing::migrations, tell).await {
        let ctx = calling(AuditLevel::Write);
        let answers = join_all((0..100).map(|n| {
            test.db.write(&ctx, move |tx| {
                Box::pin(async move {
                    tx.touch(format!("things/{n}"), ["word"]);
                    match n % 2 {
                        0 => Ok(()),
                        _ => Err(Error::new(Reason::FailedPrecondition, "Odd.")),
                    }
                })
            })
        }));
        assert_eq!(answers.await.iter().filter(|done| done.is_ok()).count(), 50);
        let mut resources: Vec<String> = told(&ctx)
            .into_iter()
            .flat_map(|event| event.resources)
            .collect();
        resources.sort();
        let mut expected: Vec<String> =
            (0..100).step_by(2).map(|n| format!("things/{n}")).collect();
        expected.sort();
        assert_eq!(resources, expected);
        test.discard().await;
    }
}

#[tokio::test]
async fn a_replay_leaves_no_second_event() {
    for test in TestDb::each(thing::migrations, tell).await {
        let ctx = calling(AuditLevel::Write);
        let once = Once::new(&Uuid::now_v7().to_string(), "thing", b"body").expect("an id");
        for _ in 0..3 {
            let work = test.db.write_once(&ctx, once.clone(), |tx| {
                Box::pin(async move {
                    tx.touch("things/1", ["word"]);
                    Ok(1)
                })
            });
            assert_eq!(work.await.expect("writes").value, 1);
        }
        assert_eq!(told(&ctx).len(), 1);
        test.discard().await;
    }
}

#[tokio::test]
async fn without_its_event_a_mutation_is_not_kept() {
    for test in TestDb::each(thing::migrations, tell).await {
        let mut ctx = calling(AuditLevel::Write);
        ctx.purpose = Some("nobody".to_owned());
        let tenant = ctx.tenant.clone();
        let work = test.db.write(&ctx, move |tx| {
            Box::pin(async move { thing::insert(tx, &tenant, "lost").await })
        });
        let error = work.await.expect_err("the audit log is away");
        assert_eq!(error.reason(), Reason::Unavailable);
        assert!(thing::words(&test.db, &ctx.tenant).await.is_empty());
        test.discard().await;
    }
}
