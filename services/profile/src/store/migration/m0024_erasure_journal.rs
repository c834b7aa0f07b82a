//! An erasure says whether the journal has it.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct AddJournalStep;

impl MigrationName for AddJournalStep {
    fn name(&self) -> &str {
        "profile_0024_erasure_journal"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddJournalStep {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Of those that had begun nobody knows; twice in the journal is as good as once.
        let begin = "UPDATE erasure SET state = 'BEGINNING' WHERE state = 'ERASING'";
        manager.get_connection().execute_unprepared(begin).await?;
        Ok(())
    }
}
