//! The tenant's own fields.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateAttributeDefinition;

impl MigrationName for CreateAttributeDefinition {
    fn name(&self) -> &str {
        "profile_0002_attribute_definition"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateAttributeDefinition {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, json) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", "TEXT"),
            _ => ("uuid", "jsonb"),
        };
        let conn = manager.get_connection();
        conn.execute_unprepared(&format!(
            "CREATE TABLE attribute_definition (\
             tenant_id text NOT NULL, id text NOT NULL, uid {uuid} NOT NULL, \
             revision bigint NOT NULL, create_time bigint NOT NULL, update_time bigint NOT NULL, \
             kind text NOT NULL, class text NOT NULL, \
             display_name text NOT NULL, description text NOT NULL, choices {json} NOT NULL, \
             deprecated boolean NOT NULL, \
             PRIMARY KEY (tenant_id, id))"
        ))
        .await?;
        Ok(())
    }
}
