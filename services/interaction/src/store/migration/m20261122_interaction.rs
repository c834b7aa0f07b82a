//! The table `interaction`.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateInteraction;

impl MigrationName for CreateInteraction {
    fn name(&self) -> &str {
        "interaction_0001_interaction"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateInteraction {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Rows lie in the order of their ids, which is the order of recording: new ones are
        // appended, and reading on from an id needs no index of its own.
        let (uuid, bytes, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", "BLOB", " WITHOUT ROWID"),
            _ => ("uuid", "bytea", ""),
        };
        let conn = manager.get_connection();
        conn.execute_unprepared(&format!(
            "CREATE TABLE interaction (\
             tenant_id text NOT NULL, \
             id {uuid} NOT NULL, \
             customer_id {uuid} NOT NULL, \
             kind text NOT NULL, \
             source text NOT NULL, \
             event_id text NOT NULL, \
             occur_time bigint NOT NULL, \
             create_time bigint NOT NULL, \
             channel text, \
             direction text, \
             amount_micros bigint, \
             currency text, \
             details text, \
             direct {bytes}, \
             PRIMARY KEY (tenant_id, id)){end}"
        ))
        .await?;
        conn.execute_unprepared(
            "CREATE UNIQUE INDEX interaction_event ON interaction (tenant_id, source, event_id)",
        )
        .await?;
        conn.execute_unprepared(
            "CREATE INDEX interaction_timeline \
             ON interaction (tenant_id, customer_id, occur_time, id)",
        )
        .await?;
        Ok(())
    }
}
