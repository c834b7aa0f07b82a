//! What belongs to one customer, which exports and erasures ask for.

use sea_orm_migration::prelude::*;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "feedback_0004_customer_index"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (index, columns) in [
            (
                "response_customer",
                "response (tenant_id, customer_id, response_id)",
            ),
            (
                "invitation_customer",
                "invitation (tenant_id, customer_id, invitation_id)",
            ),
            ("answer_response", "answer (tenant_id, response_id)"),
        ] {
            let sql = format!("CREATE INDEX {index} ON {columns}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
