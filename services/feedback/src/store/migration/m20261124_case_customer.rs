//! Cases of one customer, which lists ask for most often.

use sea_orm_migration::prelude::*;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "feedback_0003_case_customer"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = "CREATE INDEX feedback_case_customer \
                     ON feedback_case (tenant_id, customer_id, create_time, case_id)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}
