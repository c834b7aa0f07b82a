//! Whatever a table keeps as bytes is sealed and in its service's registry, or named here with why not.
//! What is in no registry is not rotated, and could not be opened any more when an old key is gone.

use std::collections::BTreeSet;

use dossier_db::testing::TestDb;
use dossier_db::{Backend, Db};
use dossier_kernel::TenantId;
use sea_orm::{ConnectionTrait, Statement};

/// Tables and columns that hold bytes which are nobody's.
const NOT_SEALED: &[(&str, &str)] = &[
    // A hash of what the columns of a file mean.
    ("import", "fingerprint"),
    // Ids, counts, and what is wrong with rows, without their values.
    ("import_batch", "report"),
    // A hash of a random secret.
    ("api_key", "secret_hash"),
];

#[tokio::test]
async fn every_sealed_column_is_registered_and_every_registered_one_exists() {
    for recipe in dossier::recipes() {
        for db in TestDb::each(recipe.migrations, dossier_feed::append).await {
            // Only PostgreSQL's types tell bytes from UUIDs.
            if db.db.backend() == Backend::Sqlite {
                continue;
            }
            let mut expected = BTreeSet::new();
            for table in recipe.sealed.tables {
                let columns = table.columns.iter();
                expected
                    .extend(columns.map(|column| (table.table.to_owned(), (*column).to_owned())));
            }
            let clear = NOT_SEALED.iter();
            let clear: BTreeSet<_> = clear
                .map(|(table, column)| ((*table).to_owned(), (*column).to_owned()))
                .collect();
            let found: BTreeSet<_> = byte_columns(&db.db).await;
            // Bytes in the tables of blind indexes are hashes, which an index key's rotation makes anew.
            let indexes = recipe
                .sealed
                .index
                .as_ref()
                .map_or(&[][..], |index| index.tables);
            let hashes = found
                .iter()
                .filter(|(table, _)| indexes.contains(&table.as_str()));
            expected.extend(hashes.cloned());
            let found: BTreeSet<_> = found.difference(&clear).cloned().collect();
            assert_eq!(
                found, expected,
                "{}: seal it and add it to store/registry.rs, or say in this test why it need not be",
                recipe.name
            );
            db.discard().await;
        }
    }
}

async fn byte_columns(db: &Db) -> BTreeSet<(String, String)> {
    let reader = db.reader_of(&TenantId::all());
    let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
               WHERE table_schema = current_schema() AND data_type = 'bytea'";
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let rows = reader.query_all_raw(statement).await.expect("reads");
    let read = |row: &sea_orm::QueryResult| {
        let table = row.try_get_by(0).expect("a table");
        (table, row.try_get_by(1).expect("a column"))
    };
    rows.iter().map(read).collect()
}
