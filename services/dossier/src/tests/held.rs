//! What the databases of all services hold of customers is registered: what is not would outlive an
//! erasure.

use std::collections::BTreeSet;

use dossier_db::HeldTable;
use dossier_db::testing::TestDb;
use dossier_runtime::{Outcomes, Recipe, Told, migrations};

/// Columns that say whose a row is, or hold what somebody is called.
const TELLING: [&str; 10] = [
    "customer_id",
    "from_id",
    "to_id",
    "low_id",
    "high_id",
    "subject",
    "holder",
    "direct",
    "sensitive",
    "outcome",
];

/// Tables with such a column that no recipe registers, and why.
const EXCUSED: [(&str, &str); 7] = [
    ("feed_event", "bodies are blanked; the subject is an id"),
    ("idempotency", "outcomes that name somebody are blanked"),
    (
        "idempotency_subject",
        "deleted with what it finds in outcomes",
    ),
    ("lease", "its holder is a process"),
    ("vault_customer_key", "keys are destroyed in every service"),
    (
        "term_customer",
        "a trigger takes its rows away with those of customer_term",
    ),
    (
        "privacy_request",
        "that somebody was erased is kept as proof, by the id alone",
    ),
];

/// Tables that tell of customers and are neither registered nor excused, and registered ones that
/// are not there.
fn problems(columns: &[(String, String)], held: &[HeldTable]) -> Vec<String> {
    let tables: BTreeSet<&str> = columns.iter().map(|(table, _)| table.as_str()).collect();
    let telling = columns
        .iter()
        .filter(|(_, column)| TELLING.contains(&column.as_str()));
    let telling: BTreeSet<&str> = telling.map(|(table, _)| table.as_str()).collect();
    let is_known = |table: &str| {
        held.iter().any(|held| held.table == table)
            || EXCUSED.iter().any(|(excused, _)| *excused == table)
    };
    let unknown = telling.into_iter().filter(|table| !is_known(table));
    let unknown = unknown.map(|table| {
        format!(
            "{table} tells of customers: register it in store/registry.rs (HELD), or say in \
                 services/dossier/src/tests/held.rs why it stays"
        )
    });
    let absent = held.iter().filter(|held| !tables.contains(held.table));
    let absent = absent.map(|held| format!("{} is registered and not there", held.table));
    unknown.chain(absent).collect()
}

async fn examine(recipe: Recipe, databases: Vec<TestDb>) {
    for db in databases {
        let columns = db.columns().await;
        assert!(columns.len() > 20, "{columns:?}");
        let problems = problems(&columns, recipe.held.tables);
        assert!(problems.is_empty(), "{}: {problems:?}", recipe.name);
        db.discard().await;
    }
}

#[tokio::test]
async fn every_table_that_tells_of_customers_is_registered() {
    let append = dossier_feed::append;
    let made = TestDb::each(|| migrations(dossier_profile::recipe()), append).await;
    examine(dossier_profile::recipe(), made).await;
    let made = TestDb::each(|| migrations(dossier_interaction::recipe()), append).await;
    examine(dossier_interaction::recipe(), made).await;
    let made = TestDb::each(|| migrations(dossier_segmentation::recipe()), append).await;
    examine(dossier_segmentation::recipe(), made).await;
    let made = TestDb::each(|| migrations(dossier_feedback::recipe()), append).await;
    examine(dossier_feedback::recipe(), made).await;
}

#[test]
fn a_table_that_nobody_registered_is_noticed() {
    let columns = |names: &[(&str, &str)]| -> Vec<(String, String)> {
        let owned = names
            .iter()
            .map(|(t, c)| ((*t).to_owned(), (*c).to_owned()));
        owned.collect()
    };
    let held = [HeldTable::by("note", "customer_id")];
    let known = columns(&[("note", "customer_id"), ("feed_event", "subject")]);
    assert!(problems(&known, &held).is_empty());
    let with_another = columns(&[("note", "customer_id"), ("letter", "direct")]);
    assert_eq!(problems(&with_another, &held).len(), 1);
    assert_eq!(
        problems(&columns(&[("letter", "tenant_id")]), &held).len(),
        1
    );
}

/// What an erasure asks must cost what the customers have, however many others there are.
#[tokio::test]
async fn no_question_of_an_erasure_reads_a_whole_table() {
    let append = dossier_feed::append;
    let made = TestDb::sqlite(|| migrations(dossier_profile::recipe()), append).await;
    plan(dossier_profile::recipe(), made).await;
    let made = TestDb::sqlite(|| migrations(dossier_interaction::recipe()), append).await;
    plan(dossier_interaction::recipe(), made).await;
    let made = TestDb::sqlite(|| migrations(dossier_segmentation::recipe()), append).await;
    plan(dossier_segmentation::recipe(), made).await;
    let made = TestDb::sqlite(|| migrations(dossier_feedback::recipe()), append).await;
    plan(dossier_feedback::recipe(), made).await;
}

async fn plan(recipe: Recipe, test: TestDb) {
    let held = recipe.held.tables.iter();
    let mut questions: Vec<String> = held.map(|held| held.count_sql(3)).collect();
    if recipe.held.outcomes == Outcomes::NameCustomers {
        questions.push(dossier_db::subject::outcomes_sql(3));
    }
    if let Told::Blanked { .. } = recipe.held.told {
        questions.push(dossier_feed::told_of_sql(3));
    }
    for question in questions {
        let scans = test.scans(&question).await;
        assert!(scans.is_empty(), "{}: {question}: {scans:?}", recipe.name);
    }
    assert!(
        !test
            .scans("SELECT COUNT(*) FROM feed_event")
            .await
            .is_empty()
    );
    test.discard().await;
}
