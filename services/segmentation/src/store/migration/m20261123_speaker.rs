//! Which customers are one, and whose each fact was.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateSpeaker;

impl MigrationName for CreateSpeaker {
    fn name(&self) -> &str {
        "segmentation_0002_speaker"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateSpeaker {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        dossier_db::speaker::create_speakers(conn).await?;
        let uuid = match manager.get_database_backend() {
            DbBackend::Sqlite => "BLOB",
            _ => "uuid",
        };
        for table in ["purchase", "feedback"] {
            let sql = format!("ALTER TABLE {table} ADD COLUMN origin_id {uuid}");
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
