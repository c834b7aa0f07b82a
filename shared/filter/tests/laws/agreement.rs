//! Evaluator and SQL give the same answer, on both databases.
//!
//! `cargo xtask soak rules` does it for longer, and again from a seed.

use std::str::FromStr;

use dossier_filter::{Filter, MAX_DEPTH};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use sea_query::{Order, Query};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::fixture::{Fixture, Record};
use crate::random::{record, shape};

const ROWS: i64 = 200;
/// Rules of a test run.
const RULES: u32 = 2_000;
const TABLES: [&str; 2] = [
    "CREATE TEMPORARY TABLE record (id bigint PRIMARY KEY, name text, tier text, kind text, \
     orders bigint, amount bigint, active boolean, seen bigint, birth integer, owner uuid, \
     total bigint)",
    "CREATE TEMPORARY TABLE record_tag (record_id bigint, tag text, PRIMARY KEY (record_id, tag))",
];

struct Bench {
    runtime: Runtime,
    db: DatabaseConnection,
    rows: Vec<Record>,
}

impl Bench {
    fn start(url: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let mut runner = TestRunner::deterministic();
        let rows: Vec<Record> = (0..ROWS)
            .map(|id| {
                let row = record().new_tree(&mut runner).expect("a row").current();
                Record { id, ..row }
            })
            .collect();
        // Temporary tables live in one connection.
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(1)
            .min_connections(1)
            .sqlx_logging(false);
        let db = runtime.block_on(async {
            let db = Database::connect(options)
                .await
                .expect("the database answers");
            for table in TABLES {
                db.execute_unprepared(table)
                    .await
                    .expect("a temporary table");
            }
            for row in &rows {
                insert(&db, row.clone()).await;
            }
            db
        });
        Self { runtime, db, rows }
    }

    /// Where the two disagree about a filter, what each says.
    fn compare(&self, filter: &Filter) -> Result<(), (Vec<i64>, Vec<i64>)> {
        let (selected, evaluated) = (self.selected(filter), self.evaluated(filter));
        match selected == evaluated {
            true => Ok(()),
            false => Err((selected, evaluated)),
        }
    }

    fn selected(&self, filter: &Filter) -> Vec<i64> {
        let condition = filter
            .to_condition(&Fixture)
            .expect("every field has a column");
        let mut query = Query::select();
        query
            .column("id")
            .from("record")
            .cond_where(condition)
            .order_by("id", Order::Asc);
        self.runtime.block_on(async {
            let found = self.db.query_all(&query).await.expect("the query runs");
            found
                .iter()
                .map(|row| row.try_get_by_index(0).expect("an id"))
                .collect()
        })
    }

    fn evaluated(&self, filter: &Filter) -> Vec<i64> {
        self.rows
            .iter()
            .filter(|row| filter.evaluate(*row))
            .map(|row| row.id)
            .collect()
    }
}

async fn insert(db: &DatabaseConnection, row: Record) {
    let Record {
        id,
        name,
        tier,
        kind,
        orders,
        amount,
        active,
        seen,
        birth,
        owner,
        total,
        tags,
    } = row;
    let columns = [
        "id", "name", "tier", "kind", "orders", "amount", "active", "seen", "birth", "owner",
        "total",
    ];
    let values: [sea_query::Value; 11] = [
        id.into(),
        name.into(),
        tier.into(),
        kind.into(),
        orders.into(),
        amount.into(),
        active.into(),
        seen.into(),
        birth.into(),
        owner.into(),
        total.into(),
    ];
    let mut insert = Query::insert();
    insert
        .into_table("record")
        .columns(columns)
        .values_panic(values.map(sea_query::Expr::value));
    db.execute(&insert).await.expect("a row goes in");
    for tag in tags {
        let mut insert = Query::insert();
        insert
            .into_table("record_tag")
            .columns(["record_id", "tag"]);
        insert.values_panic([id.into(), tag.into()]);
        db.execute(&insert).await.expect("a tag goes in");
    }
}

fn asked<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().ok().expect("a number"))
}

/// Random rules from the seed that the environment names, or from one that nobody chose.
fn runner() -> (TestRunner, u32, u64) {
    let cases = asked("DOSSIER_SOAK_CYCLES").unwrap_or(RULES);
    let seed = asked("DOSSIER_SOAK_SEED").unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    let config = Config {
        failure_persistence: None,
        cases,
        ..Config::default()
    };
    let bytes = [seed.to_le_bytes(); 4].concat();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    (TestRunner::new_with_rng(config, rng), cases, seed)
}

fn agree_on(backend: &str, url: &str) {
    let bench = Bench::start(url);
    let (mut runner, cases, seed) = runner();
    let again =
        format!("cargo xtask soak rules --backend {backend} --cycles {cases} --seed {seed}");
    eprintln!("this run again: {again}");
    let compare = |shape: crate::random::Shape| {
        let text = shape.text(0);
        let filter = Filter::parse(&text, &Fixture).expect("the generator writes valid filters");
        let compared = bench.compare(&filter);
        prop_assert_eq!(compared, Ok(()), "{}", filter);
        Ok(())
    };
    if let Err(failed) = runner.run(&shape(), compare) {
        panic!("evaluator and SQL disagree: {failed}\nagain by `{again}`");
    }
    eprintln!("{cases} rules on {ROWS} rows: both evaluators agree");

    // The largest filters run too: databases bound the depth of an expression.
    let wide = vec!["NOT orders = 1"; 400].join(" AND ");
    let deep = format!(
        "{}orders = 1{}",
        "NOT (".repeat(MAX_DEPTH - 1),
        ")".repeat(MAX_DEPTH - 1)
    );
    for text in [String::new(), wide, deep] {
        let filter = Filter::parse(&text, &Fixture).expect("within the limits");
        assert_eq!(bench.compare(&filter), Ok(()));
    }
}

/// A comparison that cannot fail proves nothing.
#[test]
fn a_row_that_only_one_of_them_keeps_is_noticed() {
    let mut bench = Bench::start("sqlite::memory:");
    let filter = Filter::parse("orders = 1", &Fixture).expect("valid");
    bench.compare(&filter).expect("they agree");
    let changed = bench.rows.iter_mut().find(|row| row.orders == Some(1));
    changed.expect("a row with one order").orders = Some(2);
    let (selected, evaluated) = bench.compare(&filter).expect_err("noticed");
    assert_eq!(selected.len(), evaluated.len() + 1);
}

#[test]
fn sqlite() {
    agree_on("sqlite", "sqlite::memory:");
}

#[test]
fn postgres() {
    if std::env::var("DOSSIER_TEST_BACKENDS").is_ok_and(|backends| backends == "sqlite") {
        return;
    }
    let url = std::env::var("DOSSIER_TEST_POSTGRES_URL").expect(
        "set DOSSIER_TEST_POSTGRES_URL, run `cargo xtask test`, or set \
         DOSSIER_TEST_BACKENDS=sqlite to leave PostgreSQL out",
    );
    agree_on("postgres", &url);
}
