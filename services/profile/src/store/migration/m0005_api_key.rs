//! Secrets of programs.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateApiKey;

impl MigrationName for CreateApiKey {
    fn name(&self) -> &str {
        "profile_0005_api_key"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateApiKey {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, json) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", "BLOB", "TEXT"),
            _ => ("uuid", "bytea", "jsonb"),
        };
        let conn = manager.get_connection();
        // A key is shown before its tenant is known: its id alone finds it, and so is unique alone.
        for sql in [
            format!(
                "CREATE TABLE api_key (\
                 tenant_id text NOT NULL, id {uuid} NOT NULL, secret_hash {bytes} NOT NULL, \
                 display_name text NOT NULL, roles {json} NOT NULL, teams {json} NOT NULL, \
                 creator text NOT NULL, create_time bigint NOT NULL, expire_time bigint NOT NULL, \
                 last_use_time bigint, revoke_time bigint, \
                 PRIMARY KEY (tenant_id, id))"
            ),
            "CREATE UNIQUE INDEX api_key_id ON api_key (id)".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
