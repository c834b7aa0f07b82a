//! Scans for customers that are in the files twice, and what they found.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct CreateDuplicate;

impl MigrationName for CreateDuplicate {
    fn name(&self) -> &str {
        "profile_0020_duplicate"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateDuplicate {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", " WITHOUT ROWID"),
            _ => ("uuid", ""),
        };
        let conn = manager.get_connection();
        for sql in [
            // `kind` and `after_id` say how far a scan that runs has come; `lease_id` which process runs
            // it, and `lease_time` from when on another one may.
            format!(
                "CREATE TABLE duplicate_scan (\
                 tenant_id text NOT NULL, id {uuid} NOT NULL, state text NOT NULL, \
                 score_min integer NOT NULL, create_time bigint NOT NULL, start_time bigint, \
                 end_time bigint, creator text NOT NULL, done_count bigint NOT NULL, \
                 total_count bigint NOT NULL, pair_count bigint NOT NULL, failure text, \
                 kind text, after_id {uuid}, lease_id {uuid}, lease_time bigint NOT NULL, \
                 failure_count integer NOT NULL, \
                 PRIMARY KEY (tenant_id, id)){end}"
            ),
            "CREATE INDEX duplicate_scan_unfinished ON duplicate_scan (lease_time) \
             WHERE end_time IS NULL"
                .to_owned(),
            format!(
                "CREATE TABLE duplicate_pair (\
                 tenant_id text NOT NULL, id {uuid} NOT NULL, \
                 low_id {uuid} NOT NULL, high_id {uuid} NOT NULL, state text NOT NULL, \
                 score integer NOT NULL, weight integer NOT NULL, evidence text NOT NULL, \
                 create_time bigint NOT NULL, update_time bigint NOT NULL, \
                 decide_time bigint, decider text, scan_id {uuid} NOT NULL, \
                 PRIMARY KEY (tenant_id, id)){end}"
            ),
            "CREATE INDEX duplicate_pair_weight ON duplicate_pair (tenant_id, state, weight, id)"
                .to_owned(),
            "CREATE INDEX duplicate_pair_low ON duplicate_pair (tenant_id, low_id)".to_owned(),
            "CREATE INDEX duplicate_pair_high ON duplicate_pair (tenant_id, high_id)".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}
