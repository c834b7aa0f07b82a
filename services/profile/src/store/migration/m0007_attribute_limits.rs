//! How long texts and lists of a tenant's own field may be.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct AddAttributeLimits;

impl MigrationName for AddAttributeLimits {
    fn name(&self) -> &str {
        "profile_0007_attribute_limits"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddAttributeLimits {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        for column in ["length_max", "count_max"] {
            let add = format!("ALTER TABLE attribute_definition ADD COLUMN {column} integer");
            conn.execute_unprepared(&add).await?;
        }
        Ok(())
    }
}
