//! Which customers are one.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateSpeaker;

impl MigrationName for CreateSpeaker {
    fn name(&self) -> &str {
        "interaction_0002_speaker"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateSpeaker {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dossier_db::speaker::create_speakers(manager.get_connection()).await
    }
}
