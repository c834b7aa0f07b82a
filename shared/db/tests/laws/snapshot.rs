//! Whoever asks for a snapshot and stops taking it holds up nobody for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dossier_db::{Backend, Db, error};
use dossier_kernel::{Error, Reason, Result};
use futures::StreamExt;
use futures::future::select_all;
use futures::stream::BoxStream;
use sea_orm::EntityTrait;
use tokio_util::sync::CancellationToken;

use crate::thing::{self, each, insert, tenant, words};

/// How many snapshots are read now, and the most that were.
#[derive(Clone, Default)]
struct Open(Arc<[AtomicUsize; 2]>);

impl Open {
    fn begin(&self) -> Reading {
        let [now, most] = &*self.0;
        let open = now.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(open, Ordering::SeqCst);
        Reading(self.clone())
    }

    fn most(&self) -> usize {
        self.0[1].load(Ordering::SeqCst)
    }
}

/// One of them.
struct Reading(Open);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.0[0].fetch_sub(1, Ordering::SeqCst);
    }
}

/// Says over and over how many things there are.
fn endless(db: &Db, stop: &CancellationToken, open: &Open) -> BoxStream<'static, Result<usize>> {
    let open = open.clone();
    db.snapshot(&tenant(), stop.clone(), move |tx, parts| {
        Box::pin(async move {
            let _reading = open.begin();
            loop {
                let rows = thing::Entity::find().all(tx).await.map_err(error)?;
                parts.give(rows.len()).await?;
            }
        })
    })
}

async fn add(db: &Db, word: &'static str) {
    let ctx = thing::ctx();
    let work = db.write(&ctx, move |tx| {
        Box::pin(async move { insert(tx, &tenant(), word).await })
    });
    work.await.expect("writes");
}

#[tokio::test]
async fn callers_who_stop_taking_keep_nobody_from_reading() {
    for test in each().await {
        let turns = match test.db.backend() {
            Backend::Sqlite => 2,
            Backend::Postgres => 10,
        };
        add(&test.db, "one").await;
        let (shop, stop, open) = (tenant(), CancellationToken::new(), Open::default());
        let mut idle: Vec<_> = (0..30).map(|_| endless(&test.db, &stop, &open)).collect();
        let (first, _, _) = select_all(idle.iter_mut().map(StreamExt::next)).await;
        assert_eq!(first.expect("a part").expect("reads"), 1);
        add(&test.db, "two").await;
        for _ in 0..50 {
            let seen = tokio::time::timeout(Duration::from_secs(5), words(&test.db, &shop));
            assert_eq!(seen.await.expect("in time"), ["one", "two"]);
        }

        // Those who waited for their turn have it once the others are gone.
        let mut last = idle.split_off(30 - turns);
        drop(idle);
        for waiting in &mut last {
            let seen = tokio::time::timeout(Duration::from_secs(5), waiting.next()).await;
            let seen = seen.expect("in time").expect("a part");
            assert!((1..=2).contains(&seen.expect("reads")));
        }
        assert_eq!(open.most(), turns);

        stop.cancel();
        for mut cut in last {
            let error = loop {
                if let Err(error) = cut.next().await.expect("says that it ends") {
                    break error;
                }
            };
            assert_eq!(error.reason(), Reason::Unavailable);
            assert!(cut.next().await.is_none());
        }
        test.discard().await;
    }
}

#[tokio::test]
async fn what_was_given_before_an_error_comes_before_it() {
    for test in each().await {
        let mut parts = test
            .db
            .snapshot(&tenant(), CancellationToken::new(), |_, parts| {
                Box::pin(async move {
                    parts.give(1).await?;
                    parts.give(2).await?;
                    Err(Error::internal("the third is missing"))
                })
            });
        assert_eq!(parts.next().await.expect("a part").expect("given"), 1);
        assert_eq!(parts.next().await.expect("a part").expect("given"), 2);
        let error = parts.next().await.expect("an error").expect_err("fails");
        assert_eq!(error.reason(), Reason::Internal);
        assert!(parts.next().await.is_none());
        test.discard().await;
    }
}
