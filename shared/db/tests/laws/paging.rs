//! Pages neither skip nor repeat, whatever is written meanwhile.

use dossier_db::keyset::{Key, cut, page};
use dossier_db::testing::TestDb;
use dossier_db::{PageQuery, delete_many, error, find, insert_many};
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

/// Pages read one after the other: the words of each, and that only the last has no next.
async fn read_pages(test: &TestDb, rows_max: u64, shown: fn(&Model) -> bool) -> Vec<Vec<String>> {
    let by = By::Id(false);
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let query = PageQuery {
            select: find::<Entity>(&tenant()),
            keys: &by.keys(),
            after: after.as_deref(),
            rows_max,
            room: dossier_db::Room::default(),
        };
        let keep = |row: Model| {
            let bytes = row.word.len();
            Ok(shown(&row).then_some((row.word, bytes)))
        };
        let reader = &test.db.reader_of(&tenant());
        let read = query.read(reader, |row| by.after(row), keep).await;
        let (words, next) = read.expect("reads");
        pages.push(words);
        if next.is_none() {
            return pages;
        }
        after = next;
    }
}

#[tokio::test]
async fn a_page_ends_before_it_would_be_a_large_message() {
    for test in thing::each().await {
        let lengths = (0..400).map(|n| match n % 40 {
            7 => 3_000_000,
            0 | 3 | 20 => 900_000,
            n => 10 * n,
        });
        let words: Vec<String> = lengths.map(|length| "w".repeat(length)).collect();
        for words in words.chunks(100) {
            let rows = words.iter().map(|word| thing::row(&tenant(), word, None));
            insert(&test, rows.collect()).await;
        }
        for rows_max in [1, 9, 1_000] {
            let pages = read_pages(&test, rows_max, |_| true).await;
            for (number, page) in pages.iter().enumerate() {
                let bytes: usize = page.iter().map(String::len).sum();
                assert!(page.len() as u64 <= rows_max);
                assert!(page.len() == 1 || bytes <= 2 << 20, "{bytes}");
                // And not before: the next row would not have fitted.
                if let Some(next) = pages.get(number + 1)
                    && (page.len() as u64) < rows_max
                {
                    assert!(bytes + next[0].len() > 2 << 20, "{bytes}");
                }
            }
            assert!(pages.concat() == words, "every row once, in order");
        }
        test.discard().await;
    }
}

#[tokio::test]
async fn what_is_not_shown_does_not_fill_a_page_nor_is_a_page_filled_at_any_price() {
    for test in thing::each().await {
        let row = |n| thing::row(&tenant(), ["no", "yes"][usize::from(n % 50 == 49)], None);
        insert(&test, (0..1_000).map(row).collect()).await;
        for (rows_max, longest) in [(1, 1), (1_000, 20)] {
            let pages = read_pages(&test, rows_max, |row| row.word == "yes").await;
            assert_eq!(pages.concat().len(), 20);
            let most = pages.iter().map(Vec::len).max();
            assert_eq!(most, Some(longest), "{:?}", test.db.backend());
        }
        // Twenty statements of two rows each do not get that far.
        let pages = read_pages(&test, 1, |row| row.word == "yes").await;
        assert!(pages[0].is_empty());
        test.discard().await;
    }
}
