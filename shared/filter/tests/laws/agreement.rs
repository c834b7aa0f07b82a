//! Evaluator and SQL give the same answer, on both databases.

use dossier_filter::{Filter, MAX_DEPTH};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use sea_query::{Order, Query};
use tokio::runtime::Runtime;

use crate::fixture::{Fixture, Record};
use crate::random::{record, shape};

const ROWS: i64 = 200;
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

fn agree_on(url: &str) {
    let bench = Bench::start(url);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let compare = |shape: crate::random::Shape| {
        let text = shape.text(0);
        let filter = Filter::parse(&text, &Fixture).expect("the generator writes valid filters");
        prop_assert_eq!(
            bench.selected(&filter),
            bench.evaluated(&filter),
            "{}",
            filter
        );
        Ok(())
    };
    runner
        .run(&shape(), compare)
        .expect("evaluator and SQL agree");

    // The largest filters run too: databases bound the depth of an expression.
    let wide = vec!["NOT orders = 1"; 400].join(" AND ");
    let deep = format!(
        "{}orders = 1{}",
        "NOT (".repeat(MAX_DEPTH - 1),
        ")".repeat(MAX_DEPTH - 1)
    );
    for text in [String::new(), wide, deep] {
        let filter = Filter::parse(&text, &Fixture).expect("within the limits");
        assert_eq!(bench.selected(&filter), bench.evaluated(&filter));
    }
}

#[test]
fn evaluator_and_sqlite_agree() {
    agree_on("sqlite::memory:");
}

#[test]
fn evaluator_and_postgres_agree() {
    if std::env::var("DOSSIER_TEST_BACKENDS").is_ok_and(|backends| backends == "sqlite") {
        return;
    }
    let url = std::env::var("DOSSIER_TEST_POSTGRES_URL").expect(
        "set DOSSIER_TEST_POSTGRES_URL, run `cargo xtask test`, or set \
         DOSSIER_TEST_BACKENDS=sqlite to leave PostgreSQL out",
    );
    agree_on(&url);
}
