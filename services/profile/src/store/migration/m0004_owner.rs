//! Who looks after a customer.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct AddOwner;

impl MigrationName for AddOwner {
    fn name(&self) -> &str {
        "profile_0004_owner"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddOwner {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        for column in ["owner", "team"] {
            conn.execute_unprepared(&format!("ALTER TABLE customer ADD COLUMN {column} text"))
                .await?;
        }
        Ok(())
    }
}
