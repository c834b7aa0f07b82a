//! What customers agreed to, and what they were told before.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateConsent;

impl MigrationName for CreateConsent {
    fn name(&self) -> &str {
        "profile_0010_consent"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateConsent {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, json) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", "BLOB", "TEXT"),
            _ => ("uuid", "bytea", "jsonb"),
        };
        let conn = manager.get_connection();
        for sql in [
            format!(
                "CREATE TABLE consent_notice (\
                 tenant_id text NOT NULL, id text NOT NULL, version integer NOT NULL, \
                 texts {json} NOT NULL, purposes {json} NOT NULL, \
                 effective_time bigint NOT NULL, create_time bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, id, version))"
            ),
            format!(
                "CREATE TABLE consent_entry (\
                 tenant_id text NOT NULL, customer_id {uuid} NOT NULL, sequence bigint NOT NULL, \
                 id {uuid} NOT NULL, decision text NOT NULL, \
                 purpose text NOT NULL, channel text NOT NULL, kind text, basis text, \
                 notice_id text, notice_version integer, needs_separate boolean NOT NULL, \
                 collected_through text NOT NULL, actor text NOT NULL, \
                 occur_time bigint NOT NULL, expire_time bigint, record_time bigint NOT NULL, \
                 evidence {bytes}, \
                 PRIMARY KEY (tenant_id, customer_id, sequence))"
            ),
            "CREATE UNIQUE INDEX consent_entry_id ON consent_entry (tenant_id, id)".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
