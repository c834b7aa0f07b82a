//! Customers that are being erased, why somebody must be kept, and what people asked for.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateErasure;

impl MigrationName for CreateErasure {
    fn name(&self) -> &str {
        "profile_0012_erasure"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateErasure {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", " WITHOUT ROWID"),
            _ => ("uuid", ""),
        };
        let conn = manager.get_connection();
        for sql in [
            // Nobody sees a customer that has it.
            "ALTER TABLE customer ADD COLUMN erase_time bigint".to_owned(),
            format!(
                "CREATE TABLE erasure (\
                 tenant_id text NOT NULL, id {uuid} NOT NULL, state text NOT NULL, \
                 create_time bigint NOT NULL, step_time bigint NOT NULL, \
                 failure_count integer NOT NULL, counts text NOT NULL, \
                 PRIMARY KEY (tenant_id, id)){end}"
            ),
            "CREATE INDEX erasure_step ON erasure (step_time)".to_owned(),
            // `erasure_id` is NULL while the customer waits for its turn.
            format!(
                "CREATE TABLE erasure_subject (\
                 tenant_id text NOT NULL, customer_id {uuid} NOT NULL, request_id {uuid}, \
                 erasure_id {uuid}, hide_time bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, customer_id)){end}"
            ),
            "CREATE INDEX erasure_subject_waiting ON erasure_subject (tenant_id, hide_time) \
             WHERE erasure_id IS NULL"
                .to_owned(),
            "CREATE INDEX erasure_subject_erasure ON erasure_subject (tenant_id, erasure_id)"
                .to_owned(),
            format!(
                "CREATE TABLE legal_hold (\
                 tenant_id text NOT NULL, customer_id {uuid} NOT NULL, reason text NOT NULL, \
                 create_time bigint NOT NULL, creator text NOT NULL, \
                 PRIMARY KEY (tenant_id, customer_id)){end}"
            ),
            format!(
                "CREATE TABLE privacy_request (\
                 tenant_id text NOT NULL, id {uuid} NOT NULL, customer_id {uuid} NOT NULL, \
                 kind text NOT NULL, state text NOT NULL, create_time bigint NOT NULL, \
                 due_time bigint NOT NULL, end_time bigint, creator text NOT NULL, \
                 cancel_reason text, certificate text, \
                 PRIMARY KEY (tenant_id, id)){end}"
            ),
            "CREATE INDEX privacy_request_customer ON privacy_request (tenant_id, customer_id, id)"
                .to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
