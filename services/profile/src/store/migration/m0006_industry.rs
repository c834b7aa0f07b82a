//! Which industry an organisation is of.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct AddIndustry;

impl MigrationName for AddIndustry {
    fn name(&self) -> &str {
        "profile_0006_industry"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddIndustry {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        for column in ["industry_scheme", "industry_code"] {
            conn.execute_unprepared(&format!("ALTER TABLE customer ADD COLUMN {column} text"))
                .await?;
        }
        Ok(())
    }
}
