//! Customers, their identifiers and their tags.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateCustomer;

impl MigrationName for CreateCustomer {
    fn name(&self) -> &str {
        "profile_0001_customer"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateCustomer {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, bytes, json, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", "BLOB", "TEXT", " WITHOUT ROWID"),
            _ => ("uuid", "bytea", "jsonb", ""),
        };
        let conn = manager.get_connection();
        // What describes is clear, so that lists and segments can look at it; what names is in the
        // sealed columns.
        conn.execute_unprepared(&format!(
            "CREATE TABLE customer (\
             tenant_id text NOT NULL, id {uuid} NOT NULL, revision bigint NOT NULL, \
             create_time bigint NOT NULL, update_time bigint NOT NULL, \
             delete_time bigint, purge_time bigint, \
             kind text NOT NULL, gender text, birth_date integer, \
             region_code text, language_code text, time_zone text, \
             tags {json} NOT NULL, addresses {json} NOT NULL, attributes {json} NOT NULL, \
             direct {bytes} NOT NULL, sensitive {bytes}, \
             PRIMARY KEY (tenant_id, id))"
        ))
        .await?;
        for (name, columns) in [
            ("customer_create_time", "tenant_id, create_time, id"),
            ("customer_update_time", "tenant_id, update_time, id"),
        ] {
            conn.execute_unprepared(&format!("CREATE INDEX {name} ON customer ({columns})"))
                .await?;
        }
        conn.execute_unprepared(
            "CREATE INDEX customer_purge_time ON customer (purge_time) WHERE purge_time IS NOT NULL",
        )
        .await?;
        // `holder` is the nil UUID where one customer only may have the identifier, else the
        // customer: the primary key is what refuses a second owner.
        conn.execute_unprepared(&format!(
            "CREATE TABLE customer_key (\
             tenant_id text NOT NULL, kind smallint NOT NULL, hash {bytes} NOT NULL, \
             holder {uuid} NOT NULL, customer_id {uuid} NOT NULL, \
             PRIMARY KEY (tenant_id, kind, hash, holder)){end}"
        ))
        .await?;
        conn.execute_unprepared(
            "CREATE INDEX customer_key_customer ON customer_key (tenant_id, customer_id)",
        )
        .await?;
        conn.execute_unprepared(&format!(
            "CREATE TABLE customer_tag (\
             tenant_id text NOT NULL, tag text NOT NULL, customer_id {uuid} NOT NULL, \
             PRIMARY KEY (tenant_id, tag, customer_id)){end}"
        ))
        .await?;
        conn.execute_unprepared(
            "CREATE INDEX customer_tag_customer ON customer_tag (tenant_id, customer_id)",
        )
        .await?;
        Ok(())
    }
}
