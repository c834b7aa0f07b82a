//! Pages neither skip nor repeat, whatever is written meanwhile.

use dossier_db::keyset::{Key, cut, page};
use dossier_db::testing::TestDb;
use dossier_db::{delete_many, error, find, insert_many};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{PageToken, Reason};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ColumnTrait, Order, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::thing::{self, Column, Entity, Model, ctx, tenant};

#[derive(Clone, Copy, Debug)]
enum By {
    Rank(bool),
    Word(bool),
    WordThenRank(bool, bool),
    Id(bool),
}

fn order(descending: bool) -> Order {
    if descending { Order::Desc } else { Order::Asc }
}

impl By {
    fn keys(self) -> Vec<Key> {
        let rank = |d| Key::int(Column::Rank.into_expr(), order(d)).nullable();
        let word = |d| Key::text(Column::Word.into_expr(), order(d));
        let id = |d| Key::uuid(Column::Id.into_expr(), order(d));
        match self {
            Self::Rank(d) => vec![rank(d), id(d)],
            Self::Word(d) => vec![word(d), id(d)],
            Self::WordThenRank(a, b) => vec![word(a), rank(b), id(false)],
            Self::Id(d) => vec![id(d)],
        }
    }

    fn after(self, row: &Model) -> Vec<KeyValue> {
        let rank = row.rank.map_or(KeyValue::Null, KeyValue::Int);
        let word = KeyValue::Text(row.word.clone());
        let id = KeyValue::Uuid(row.id);
        match self {
            Self::Rank(_) => vec![rank, id],
            Self::Word(_) => vec![word, id],
            Self::WordThenRank(..) => vec![word, rank, id],
            Self::Id(_) => vec![id],
        }
    }

    /// The order that pages must have, from first principles: NULL is smaller than any number.
    fn sort(self, rows: &mut [Model]) {
        let flip = |d: bool, o: std::cmp::Ordering| if d { o.reverse() } else { o };
        rows.sort_by(|a, b| match self {
            Self::Rank(d) => flip(d, (a.rank, a.id).cmp(&(b.rank, b.id))),
            Self::Word(d) => flip(d, (&a.word, a.id).cmp(&(&b.word, b.id))),
            Self::WordThenRank(x, y) => flip(x, a.word.cmp(&b.word))
                .then(flip(y, a.rank.cmp(&b.rank)))
                .then(a.id.cmp(&b.id)),
            Self::Id(d) => flip(d, a.id.cmp(&b.id)),
        });
    }
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![
        any::<bool>().prop_map(By::Rank),
        any::<bool>().prop_map(By::Word),
        any::<(bool, bool)>().prop_map(|(a, b)| By::WordThenRank(a, b)),
        any::<bool>().prop_map(By::Id),
    ]
}

/// A row: its word, its rank, and when it goes and comes (before which page).
type Row = (u8, Option<i8>, Option<u8>, Option<u8>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let when = || prop::option::weighted(0.2, 1_u8..6);
    prop::collection::vec((0..4_u8, prop::option::of(-2..3_i8), when(), when()), 0..60)
}

async fn read_page(test: &TestDb, by: By, size: u64, token: &str) -> (Vec<Model>, String) {
    let token = PageToken::decode(token, &["q"]).expect("ours");
    let after = token.as_ref().map(|token| token.after.as_slice());
    let query = page(find::<Entity>(&tenant()), &by.keys(), after).expect("keys fit");
    let rows = query
        .limit(size + 1)
        .all(&test.db.reader_of(&tenant()))
        .await
        .expect("reads");
    let (rows, more) = cut(rows, size);
    let next = rows.last().filter(|_| more);
    let next = next.map(|row| PageToken::new(&["q"], by.after(row)).encode());
    (rows, next.unwrap_or_default())
}

async fn insert(test: &TestDb, rows: Vec<thing::ActiveModel>) {
    test.db
        .write(&ctx(), |tx| {
            Box::pin(async move { insert_many(tx.conn(), rows).await.map_err(error) })
        })
        .await
        .expect("inserts");
}

async fn delete(test: &TestDb, ids: Vec<Uuid>) {
    test.db
        .write(&ctx(), |tx| {
            Box::pin(async move {
                let gone = delete_many::<Entity>(&tenant()).filter(Column::Id.is_in(ids));
                gone.exec(tx.conn()).await.map(|_| ()).map_err(error)
            })
        })
        .await
        .expect("deletes");
}

async fn law(test: &TestDb, by: By, size: u64, rows: Vec<Row>) {
    let model =
        |(word, rank, ..): &Row| thing::row(&tenant(), &format!("w{word}"), rank.map(i64::from));
    let mut stays = Vec::new();
    let mut passing = Vec::new();
    let (mut now, mut later, mut leaving) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let model = model(row);
        let read = Model {
            tenant_id: tenant().to_string(),
            id: model.id.clone().take().expect("set"),
            word: model.word.clone().take().expect("set"),
            rank: model.rank.clone().take().expect("set"),
        };
        match (row.2, row.3) {
            (None, None) => stays.push(read),
            (goes, _) => {
                leaving.extend(goes.map(|goes| (goes, read.id)));
                passing.push(read);
            }
        }
        match row.3 {
            None => now.push(model),
            Some(comes) => later.push((comes, model)),
        }
    }
    insert(test, now).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    for number in 1.. {
        let (page, next) = read_page(test, by, size, &token).await;
        seen.extend(page);
        if next.is_empty() {
            break;
        }
        token = next;
        let due = later
            .extract_if(.., |(comes, _)| *comes == number)
            .map(|(_, model)| model);
        insert(test, due.collect()).await;
        let due = leaving
            .extract_if(.., |(goes, _)| *goes == number)
            .map(|(_, id)| id);
        delete(test, due.collect()).await;
    }
    let mut sorted = seen.clone();
    by.sort(&mut sorted);
    assert_eq!(seen, sorted, "in order");
    let mut ids: Vec<_> = seen.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), seen.len(), "no row twice");
    by.sort(&mut stays);
    seen.retain(|row| !passing.contains(row));
    assert_eq!(seen, stays, "no row skipped");
    let all = find::<Entity>(&tenant())
        .all(&test.db.reader_of(&tenant()))
        .await
        .expect("reads");
    delete(test, all.into_iter().map(|row| row.id).collect()).await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

#[test]
fn no_row_that_stays_is_skipped_or_comes_twice() {
    let runtime = runtime();
    for test in runtime.block_on(thing::each()) {
        let mut runner = TestRunner::new(Config {
            cases: 60,
            failure_persistence: None,
            ..Config::default()
        });
        runner
            .run(&(by(), 1_u64..9, rows()), |(by, size, rows)| {
                runtime.block_on(law(&test, by, size, rows));
                Ok(())
            })
            .expect("the law holds");
        runtime.block_on(test.discard());
    }
}

#[test]
fn a_token_that_does_not_fit_the_keys_is_refused_before_the_database_sees_it() {
    let keys = By::Rank(false).keys();
    let bad: [&[KeyValue]; 3] = [
        &[KeyValue::Int(1)],
        &[KeyValue::Text("x".to_owned()), KeyValue::Uuid(Uuid::nil())],
        &[KeyValue::Int(1), KeyValue::Null],
    ];
    for after in bad {
        let error = page(find::<Entity>(&tenant()), &keys, Some(after)).expect_err("refused");
        assert_eq!(error.reason(), Reason::InvalidArgument);
        assert_eq!(error.violations()[0].field, "page_token");
    }
}
