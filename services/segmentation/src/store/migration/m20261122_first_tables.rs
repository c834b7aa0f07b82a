//! Tenants, the state of their customers, segments and memberships.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct FirstTables;

impl MigrationName for FirstTables {
    fn name(&self) -> &str {
        "segmentation_0001_first_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for FirstTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", " WITHOUT ROWID"),
            _ => ("uuid", ""),
        };
        let conn = manager.get_connection();
        for sql in [
            format!(
                "CREATE TABLE tenant (\
                 tenant_id text NOT NULL PRIMARY KEY, \
                 revision bigint NOT NULL, \
                 update_time bigint, \
                 purchase_count_min bigint NOT NULL, \
                 amount_min_micros bigint NOT NULL, \
                 currency text NOT NULL){end}"
            ),
            format!(
                "CREATE TABLE customer (\
                 tenant_id text NOT NULL, \
                 customer_id {uuid} NOT NULL, \
                 standing text NOT NULL, \
                 profile text, \
                 due_time bigint, \
                 PRIMARY KEY (tenant_id, customer_id)){end}"
            ),
            "CREATE INDEX customer_due ON customer (due_time) WHERE due_time IS NOT NULL"
                .to_owned(),
            format!(
                "CREATE TABLE purchase (\
                 tenant_id text NOT NULL, \
                 customer_id {uuid} NOT NULL, \
                 occur_time bigint NOT NULL, \
                 interaction_id {uuid} NOT NULL, \
                 amount_micros bigint NOT NULL, \
                 currency text NOT NULL, \
                 PRIMARY KEY (tenant_id, customer_id, occur_time, interaction_id)){end}"
            ),
            format!(
                "CREATE TABLE purchase_total (\
                 tenant_id text NOT NULL, \
                 customer_id {uuid} NOT NULL, \
                 currency text NOT NULL, \
                 purchase_count bigint NOT NULL, \
                 amount_micros bigint NOT NULL, \
                 first_time bigint NOT NULL, \
                 last_time bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, customer_id, currency)){end}"
            ),
            format!(
                "CREATE TABLE feedback (\
                 tenant_id text NOT NULL, \
                 customer_id {uuid} NOT NULL, \
                 fact_id {uuid} NOT NULL, \
                 response_time bigint, \
                 open_case boolean NOT NULL, \
                 PRIMARY KEY (tenant_id, customer_id, fact_id)){end}"
            ),
            format!(
                "CREATE TABLE segment (\
                 tenant_id text NOT NULL, \
                 segment_id {uuid} NOT NULL, \
                 revision bigint NOT NULL, \
                 create_time bigint NOT NULL, \
                 update_time bigint NOT NULL, \
                 display_name text NOT NULL, \
                 description text NOT NULL, \
                 rule text NOT NULL, \
                 attributes text NOT NULL, \
                 rule_revision integer NOT NULL, \
                 state text NOT NULL, \
                 backfill_after {uuid}, \
                 PRIMARY KEY (tenant_id, segment_id)){end}"
            ),
            // A segment that is being emptied has given its name back.
            "CREATE UNIQUE INDEX segment_display_name ON segment (tenant_id, display_name) \
             WHERE state <> 'DELETING'"
                .to_owned(),
            "CREATE INDEX segment_unfinished ON segment (state) WHERE state <> 'ACTIVE'".to_owned(),
            format!(
                "CREATE TABLE membership (\
                 tenant_id text NOT NULL, \
                 segment_id {uuid} NOT NULL, \
                 customer_id {uuid} NOT NULL, \
                 enter_time bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, segment_id, customer_id)){end}"
            ),
            "CREATE INDEX membership_customer ON membership (tenant_id, customer_id, segment_id)"
                .to_owned(),
            // A feed is in here while its history was lost and what it says is being read anew.
            "CREATE TABLE rereading (feed text NOT NULL PRIMARY KEY)".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
