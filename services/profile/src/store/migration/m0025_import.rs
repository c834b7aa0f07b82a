//! Imports, and what each of their batches did.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateImport;

impl MigrationName for CreateImport {
    fn name(&self) -> &str {
        "profile_0025_import"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateImport {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", "BLOB", " WITHOUT ROWID"),
            _ => ("uuid", "bytea", ""),
        };
        let conn = manager.get_connection();
        for sql in [
            format!(
                "CREATE TABLE import (\
                 tenant_id text NOT NULL, id {uuid} NOT NULL, state text NOT NULL, \
                 fingerprint {bytes} NOT NULL, create_time bigint NOT NULL, \
                 update_time bigint NOT NULL, creator text NOT NULL, row_count bigint NOT NULL, \
                 created_count bigint NOT NULL, updated_count bigint NOT NULL, \
                 unchanged_count bigint NOT NULL, error_count bigint NOT NULL, \
                 undone_count bigint NOT NULL, kept_count bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, id)){end}"
            ),
            "CREATE INDEX import_page ON import (tenant_id, create_time, id)".to_owned(),
            "CREATE INDEX import_undoing ON import (update_time) WHERE state = 'UNDOING'"
                .to_owned(),
            // A batch goes when it is undone. Its rows are many: they lie outside of the key's tree.
            format!(
                "CREATE TABLE import_batch (\
                 tenant_id text NOT NULL, import_id {uuid} NOT NULL, first_row bigint NOT NULL, \
                 row_count bigint NOT NULL, byte_count bigint NOT NULL, report {bytes} NOT NULL, \
                 PRIMARY KEY (tenant_id, import_id, first_row))"
            ),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
