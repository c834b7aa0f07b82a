//! Work that only inserts rows, done together with others', comes to what it comes to alone.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dossier_db::{Backend, Committed, Db, Insert, NewRows, Once, Tx, error};
use dossier_kernel::{Ctx, Result, TenantId};
use futures::future::join_all;
use sea_orm::sea_query::Value;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::thing::{self, ctx, tenant, words};

const COLUMNS: [&str; 4] = ["tenant_id", "id", "word", "rank"];

/// One caller's work, and how often it was run by itself.
#[derive(Clone)]
struct Adder {
    db: Db,
    alone: Arc<AtomicUsize>,
}

impl Adder {
    fn new(db: &Db) -> Self {
        Self {
            db: db.clone(),
            alone: Arc::default(),
        }
    }

    /// Says under which id the word is kept: `only` words once.
    async fn add(&self, ctx: &Ctx, request: Uuid, word: &str) -> Result<Committed<Uuid>> {
        let once = Once::new(&request.to_string(), "m", word.as_bytes())?;
        let (tenant, id) = (ctx.tenant.clone(), Uuid::now_v7());
        let rows = NewRows {
            insert: Insert::into("thing", &COLUMNS),
            values: row(&tenant, id, word),
            changes: vec![thing::change(&tenant, id, word)],
            resources: vec![format!("things/{id}")],
            fields: &["word"],
        };
        let (word, alone) = (word.to_owned(), Arc::clone(&self.alone));
        let work = self.db.insert_once(ctx, once, Some((rows, id)), move |tx| {
            Box::pin(async move {
                alone.fetch_add(1, Ordering::SeqCst);
                insert(tx, &tenant, id, &word).await
            })
        });
        work.await
    }

    /// Somebody holds the writer, so that whoever comes meanwhile waits.
    async fn hold(&self) {
        let ctx = ctx();
        let work = self.db.write(&ctx, |_| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(())
            })
        });
        work.await.expect("holds");
    }
}

fn row(tenant: &TenantId, id: Uuid, word: &str) -> Vec<Value> {
    vec![
        tenant.as_str().into(),
        id.into(),
        word.into(),
        None::<i64>.into(),
    ]
}

async fn insert(tx: &Tx, tenant: &TenantId, id: Uuid, word: &str) -> Result<Uuid> {
    let insert = Insert::into("thing", &COLUMNS).skip_conflicts();
    let inserted = insert.rows(tx.conn(), row(tenant, id, word)).await;
    if inserted.map_err(error)? == 1 {
        tx.stage(thing::change(tenant, id, word));
        return Ok(id);
    }
    let statement = Statement::from_sql_and_values(
        tx.backend().into(),
        "SELECT id FROM thing WHERE tenant_id = $1 AND word = $2",
        [tenant.as_str().into(), word.into()],
    );
    let row = tx.conn().query_one_raw(statement).await.map_err(error)?;
    row.expect("kept").try_get_by(0).map_err(error)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_are_done_together_each_with_an_answer_of_its_own() {
    for test in thing::each().await {
        let adder = Adder::new(&test.db);
        let requests: Vec<Uuid> = (0..70).map(|_| Uuid::now_v7()).collect();
        let theirs = Ctx::service("laws", TenantId::parse("other").expect("a tenant"));
        let all = join_all((0..).zip(&requests).map(|(n, request)| {
            let ctx = if n % 7 == 0 { theirs.clone() } else { ctx() };
            let adder = adder.clone();
            async move { adder.add(&ctx, *request, &format!("word {n}")).await }
        }));
        let ((), all) = tokio::join!(adder.hold(), all);
        let all: Vec<_> = all.into_iter().map(|one| one.expect("adds")).collect();
        let alone = match test.db.backend() {
            // Whoever came before the others was alone.
            Backend::Sqlite => 0..=1,
            Backend::Postgres => 70..=70,
        };
        let ran = adder.alone.load(Ordering::SeqCst);
        assert!(alone.contains(&ran), "{test:?}: {ran} ran alone");
        for done in &all {
            assert!(!done.replayed);
            let [position] = done.positions[..] else {
                panic!("{:?}", done.positions)
            };
            assert_eq!(position.epoch, done.value, "the change is another's");
        }
        assert_eq!(words(&test.db, &tenant()).await.len(), 60);
        assert_eq!(words(&test.db, &theirs.tenant).await.len(), 10);

        for (n, (request, first)) in (0..).zip(requests.iter().zip(&all)).skip(1).take(6) {
            let again = adder.add(&ctx(), *request, &format!("word {n}")).await;
            let again = again.expect("replays");
            assert!(again.replayed && again.positions.is_empty());
            assert_eq!(again.value, first.value);
        }
        test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_before_or_comes_twice_hurts_nobody_else() {
    for test in thing::each().await {
        let adder = Adder::new(&test.db);
        let known = adder.add(&ctx(), Uuid::now_v7(), "only 0").await;
        let known = known.expect("adds").value;
        // Words come three times and requests twice, side by side with what is new.
        let calls: Vec<(Uuid, String)> = (0..30)
            .flat_map(|n| {
                let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
                let fresh = (Uuid::now_v7(), format!("only new {n}"));
                let word = format!("only {}", n / 3);
                [(a, word.clone()), fresh, (a, word.clone()), (b, word)]
            })
            .collect();
        let all = join_all(calls.iter().map(|(request, word)| {
            let adder = adder.clone();
            async move { adder.add(&ctx(), *request, word).await }
        }));
        let ((), all) = tokio::join!(adder.hold(), all);
        let mut by_word: HashMap<&str, HashSet<Uuid>> = HashMap::new();
        let mut told = 0;
        for ((_, word), done) in calls.iter().zip(all) {
            let done = done.expect("adds");
            told += done.positions.len();
            by_word.entry(word).or_default().insert(done.value);
        }
        assert!(by_word.values().all(|ids| ids.len() == 1), "{by_word:?}");
        assert_eq!(by_word["only 0"], HashSet::from([known]));
        assert_eq!(words(&test.db, &tenant()).await.len(), by_word.len());
        assert_eq!(told, by_word.len() - 1, "each new word is told once");
        test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_late_is_left_out_and_the_others_are_done() {
    let test = dossier_db::testing::TestDb::sqlite(thing::migrations, thing::number).await;
    let adder = Adder::new(&test.db);
    let late = ctx().with_timeout(Duration::from_millis(20));
    let all = join_all((0..20).map(|n| {
        let (adder, late) = (adder.clone(), late.clone());
        async move {
            let ctx = if n == 7 { late } else { ctx() };
            let word = format!("word {n}");
            (n, adder.add(&ctx, Uuid::now_v7(), &word).await.is_ok())
        }
    }));
    let ((), all) = tokio::join!(adder.hold(), all);
    assert!(all.iter().all(|(n, done)| *done == (*n != 7)), "{all:?}");
    assert_eq!(words(&test.db, &tenant()).await.len(), 19);
    test.discard().await;
}
