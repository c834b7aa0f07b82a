//! Which version of the index key made a blind index.

use sea_orm_migration::prelude::*;

pub struct AddIndexVersion;

impl MigrationName for AddIndexVersion {
    fn name(&self) -> &str {
        "profile_0003_index_version"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddIndexVersion {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What was there before there were versions is of the first.
        let add = "ALTER TABLE customer_key ADD COLUMN index_version integer NOT NULL DEFAULT 1";
        manager.get_connection().execute_unprepared(add).await?;
        Ok(())
    }
}
