//! The tables of wrapped keys. Part of every service's migrations.

use sea_orm_migration::prelude::*;

pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(CreateKeys)
}

struct CreateKeys;

impl MigrationName for CreateKeys {
    fn name(&self) -> &str {
        "vault_0001_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateKeys {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, end) = match manager.get_database_backend() {
            sea_orm::DbBackend::Sqlite => ("BLOB", "BLOB", " WITHOUT ROWID"),
            _ => ("uuid", "bytea", ""),
        };
        let conn = manager.get_connection();
        conn.execute_unprepared(&format!(
            "CREATE TABLE vault_tenant_key (tenant_id text NOT NULL, version integer NOT NULL, \
             wrapped {bytes} NOT NULL, PRIMARY KEY (tenant_id, version)){end}"
        ))
        .await?;
        conn.execute_unprepared(&format!(
            "CREATE TABLE vault_customer_key (tenant_id text NOT NULL, customer_id {uuid} NOT NULL, \
             version integer NOT NULL, wrapped {bytes} NOT NULL, \
             PRIMARY KEY (tenant_id, customer_id, version)){end}"
        ))
        .await?;
        Ok(())
    }
}
