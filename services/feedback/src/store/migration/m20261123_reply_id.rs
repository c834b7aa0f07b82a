//! Replies in the order of their ids, in which key rotation goes through them.

use sea_orm_migration::prelude::*;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "feedback_0002_reply_id"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = "CREATE UNIQUE INDEX case_reply_id ON case_reply (tenant_id, reply_id)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}
