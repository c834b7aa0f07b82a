//! The tables of wrapped keys and of their rotation. Part of every service's migrations.

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
        // `purpose`: 1 wraps customers' keys, 2 blinds identifiers. `passive`: 1 for an index key that
        // is coming or going.
        conn.execute_unprepared(&format!(
            "CREATE TABLE vault_tenant_key (tenant_id text NOT NULL, purpose integer NOT NULL, \
             version integer NOT NULL, root_id text NOT NULL, wrapped {bytes} NOT NULL, \
             passive integer NOT NULL, \
             PRIMARY KEY (tenant_id, purpose, version)){end}"
        ))
        .await?;
        conn.execute_unprepared(&format!(
            "CREATE TABLE vault_customer_key (tenant_id text NOT NULL, customer_id {uuid} NOT NULL, \
             version integer NOT NULL, wrapped {bytes} NOT NULL, \
             PRIMARY KEY (tenant_id, customer_id, version)){end}"
        ))
        .await?;
        conn.execute_unprepared(&format!(
            "CREATE TABLE vault_rotation (tenant_id text NOT NULL, kind text NOT NULL, \
             phase text NOT NULL, position {bytes} NOT NULL, pass_count bigint NOT NULL, \
             done_count bigint NOT NULL, unreadable_count bigint NOT NULL, \
             begin_time bigint NOT NULL, phase_time bigint NOT NULL, \
             PRIMARY KEY (tenant_id, kind)){end}"
        ))
        .await?;
        Ok(())
    }
}
