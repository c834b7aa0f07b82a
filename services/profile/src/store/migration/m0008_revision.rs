//! What customers were before they were changed, and who changed them.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateRevision;

impl MigrationName for CreateRevision {
    fn name(&self) -> &str {
        "profile_0008_revision"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateRevision {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", "BLOB"),
            _ => ("uuid", "bytea"),
        };
        let conn = manager.get_connection();
        conn.execute_unprepared("ALTER TABLE customer ADD COLUMN origin text")
            .await?;
        // A history never outlives its customer, whoever deletes it: an older release may, that knows of
        // none. Nothing looks into what is clear of an old revision: it lies together in `outline`.
        conn.execute_unprepared(&format!(
            "CREATE TABLE customer_revision (\
             tenant_id text NOT NULL, customer_id {uuid} NOT NULL, revision bigint NOT NULL, \
             id {uuid} NOT NULL, update_time bigint NOT NULL, \
             outline text NOT NULL, origin text, \
             direct {bytes} NOT NULL, sensitive {bytes}, \
             PRIMARY KEY (tenant_id, customer_id, revision), \
             FOREIGN KEY (tenant_id, customer_id) REFERENCES customer (tenant_id, id) \
             ON DELETE CASCADE)"
        ))
        .await?;
        // By this a rotation of keys goes through the sealed cells.
        conn.execute_unprepared(
            "CREATE UNIQUE INDEX customer_revision_id ON customer_revision (tenant_id, id)",
        )
        .await?;
        Ok(())
    }
}
