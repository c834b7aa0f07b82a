//! Customers that are one, and how they became so.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateMerge;

impl MigrationName for CreateMerge {
    fn name(&self) -> &str {
        "profile_0021_merge"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateMerge {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", " WITHOUT ROWID"),
            _ => ("uuid", ""),
        };
        let conn = manager.get_connection();
        for sql in [
            // Who speaks for the customer: always somebody for whom nobody speaks.
            format!("ALTER TABLE customer ADD COLUMN merged_into {uuid}"),
            "CREATE INDEX customer_merged_into ON customer (tenant_id, merged_into) \
             WHERE merged_into IS NOT NULL"
                .to_owned(),
            format!(
                "CREATE TABLE merge_record (\
                 tenant_id text NOT NULL, merge_id {uuid} NOT NULL, survivor_id {uuid} NOT NULL, \
                 survivor_revision bigint NOT NULL, state text NOT NULL, \
                 create_time bigint NOT NULL, creator text NOT NULL, unmerge_time bigint, \
                 kept_fields text NOT NULL, step_time bigint, failure_count integer NOT NULL, \
                 PRIMARY KEY (tenant_id, merge_id)){end}"
            ),
            "CREATE INDEX merge_record_step ON merge_record (step_time) \
             WHERE step_time IS NOT NULL"
                .to_owned(),
            "CREATE INDEX merge_record_survivor ON merge_record (tenant_id, survivor_id)"
                .to_owned(),
            // `spoken_for_by` is who spoke for the customer before, where somebody did.
            format!(
                "CREATE TABLE merge_part (\
                 tenant_id text NOT NULL, merge_id {uuid} NOT NULL, customer_id {uuid} NOT NULL, \
                 spoken_for_by {uuid}, \
                 PRIMARY KEY (tenant_id, merge_id, customer_id)){end}"
            ),
            "CREATE INDEX merge_part_customer ON merge_part (tenant_id, customer_id)".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
