//! The tables `feed_head`, `feed_event` and `feed_cursor`. Part of every service's migrations.

use dossier_db::Backend;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use uuid::Uuid;

use crate::append::shards;

pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(CreateFeed)
}

/// Finds events by their subject. For the feeds of which bodies are blanked when a subject is erased;
/// the others do without, because every event would pay for it.
pub fn by_subject() -> Box<dyn MigrationTrait> {
    Box::new(IndexSubject)
}

struct CreateFeed;

struct IndexSubject;

impl MigrationName for IndexSubject {
    fn name(&self) -> &str {
        "feed_0002_by_subject"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for IndexSubject {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A subject's number is hardly ever another tenant's too: the tenant need not be in it.
        let index = "CREATE INDEX feed_event_subject ON feed_event (subject, seq)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}

impl MigrationName for CreateFeed {
    fn name(&self) -> &str {
        "feed_0001_feed"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateFeed {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (backend, uuid, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => (Backend::Sqlite, "BLOB", " WITHOUT ROWID"),
            _ => (Backend::Postgres, "uuid", ""),
        };
        let conn = manager.get_connection();
        // Counters are rewritten all the time: room in the page keeps PostgreSQL's updates in place.
        let room = if backend == Backend::Postgres {
            " WITH (fillfactor = 10)"
        } else {
            ""
        };
        for sql in [
            // `floor`: events up to this one are deleted.
            format!(
                "CREATE TABLE feed_head (shard smallint NOT NULL PRIMARY KEY, \
                 epoch {uuid} NOT NULL, seq bigint NOT NULL, floor bigint NOT NULL){room}"
            ),
            events(backend).to_owned(),
            format!(
                "CREATE TABLE feed_cursor (tenant_id text NOT NULL, consumer text NOT NULL, \
                 cursor text NOT NULL, update_time bigint NOT NULL, \
                 PRIMARY KEY (tenant_id, consumer)){end}"
            ),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        let epoch = Uuid::new_v4();
        for shard in 0..shards(backend) {
            conn.execute_raw(Statement::from_sql_and_values(
                manager.get_database_backend(),
                "INSERT INTO feed_head (shard, epoch, seq, floor) VALUES ($1, $2, 0, 0)",
                [shard.into(), epoch.into()],
            ))
            .await?;
        }
        Ok(())
    }
}

fn events(backend: Backend) -> &'static str {
    match backend {
        // One counter numbers everything, and its number is where the row lies: events are appended
        // to one tree. A tenant's are found by reading on from a number, past those of others.
        Backend::Sqlite => {
            "CREATE TABLE feed_event (seq integer NOT NULL PRIMARY KEY, \
             shard smallint NOT NULL CHECK (shard = 0), tenant_id text NOT NULL, \
             subject BLOB NOT NULL, time bigint NOT NULL, body BLOB NOT NULL)"
        }
        // The second is how services follow all tenants; also what holds numbers unique.
        Backend::Postgres => {
            "CREATE TABLE feed_event (tenant_id text NOT NULL, shard smallint NOT NULL, \
             seq bigint NOT NULL, subject uuid NOT NULL, time bigint NOT NULL, body bytea NOT NULL, \
             PRIMARY KEY (tenant_id, shard, seq)); \
             CREATE UNIQUE INDEX feed_event_order ON feed_event (shard, seq)"
        }
    }
}
