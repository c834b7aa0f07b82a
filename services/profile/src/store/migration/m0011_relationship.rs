//! Who belongs to whom.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateRelationship;

impl MigrationName for CreateRelationship {
    fn name(&self) -> &str {
        "profile_0011_relationship"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateRelationship {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uuid = match manager.get_database_backend() {
            DbBackend::Sqlite => "BLOB",
            _ => "uuid",
        };
        let conn = manager.get_connection();
        // The ends of what bigint holds stand for times that are not known.
        conn.execute_unprepared(&format!(
            "CREATE TABLE relationship (\
             tenant_id text NOT NULL, id {uuid} NOT NULL, revision bigint NOT NULL, \
             create_time bigint NOT NULL, update_time bigint NOT NULL, \
             from_id {uuid} NOT NULL, to_id {uuid} NOT NULL, kind text NOT NULL, \
             start_time bigint NOT NULL, end_time bigint NOT NULL, label text NOT NULL, \
             PRIMARY KEY (tenant_id, id))"
        ))
        .await?;
        for end in ["from_id", "to_id"] {
            conn.execute_unprepared(&format!(
                "CREATE INDEX relationship_{end} ON relationship (tenant_id, {end}, id)"
            ))
            .await?;
            // One of a rare kind among many: the superior of a company with a million employees.
            conn.execute_unprepared(&format!(
                "CREATE INDEX relationship_{end}_kind ON relationship (tenant_id, {end}, kind, id)"
            ))
            .await?;
        }
        Ok(())
    }
}
