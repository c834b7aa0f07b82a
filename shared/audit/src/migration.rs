//! The tables of the log. Part of every service's migrations.
//!
//! `audit_event` holds events, each with its place in the tree once it has one. `audit_tile` holds
//! the tree: tile `number` of level `l` is up to 256 hashes of complete subtrees of 256^l leaves.
//! `audit_head` is the one row that says how large the tree is, with the checkpoint that signs it.
//!
//! Triggers refuse what an append-only log never does. Whoever may drop triggers can do it all the
//! same: against that stand the checkpoints that lie elsewhere.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(CreateAudit)
}

struct CreateAudit;

impl MigrationName for CreateAudit {
    fn name(&self) -> &str {
        "audit_0001_audit"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateAudit {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let (uuid, bytes, end) = match backend {
            DbBackend::Sqlite => ("BLOB", "BLOB", " WITHOUT ROWID"),
            _ => ("uuid", "bytea", ""),
        };
        let conn = manager.get_connection();
        for sql in [
            format!(
                "CREATE TABLE audit_event (tenant_id text NOT NULL, id {uuid} NOT NULL, \
                 body {bytes} NOT NULL, position bigint, PRIMARY KEY (tenant_id, id)){end}"
            ),
            // What waits for its place, in the order in which it will have it.
            "CREATE INDEX audit_event_waiting ON audit_event (id, tenant_id) \
             WHERE position IS NULL"
                .to_owned(),
            "CREATE UNIQUE INDEX audit_event_position ON audit_event (position) \
             WHERE position IS NOT NULL"
                .to_owned(),
            format!(
                "CREATE TABLE audit_tile (level smallint NOT NULL, number bigint NOT NULL, \
                 hashes {bytes} NOT NULL, PRIMARY KEY (level, number)){end}"
            ),
            "CREATE TABLE audit_head (id smallint NOT NULL PRIMARY KEY, size bigint NOT NULL, \
             note text NOT NULL)"
                .to_owned(),
            "INSERT INTO audit_head (id, size, note) VALUES (1, 0, '')".to_owned(),
        ] {
            conn.execute_unprepared(&sql).await?;
        }
        let guards = match backend {
            DbBackend::Sqlite => SQLITE_GUARDS,
            _ => POSTGRES_GUARDS,
        };
        for sql in guards {
            conn.execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

const SQLITE_GUARDS: &[&str] = &[
    "CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event \
     BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END",
    "CREATE TRIGGER audit_event_placed_once BEFORE UPDATE ON audit_event \
     WHEN OLD.position IS NOT NULL OR NEW.tenant_id IS NOT OLD.tenant_id \
     OR NEW.id IS NOT OLD.id OR NEW.body IS NOT OLD.body \
     BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END",
    "CREATE TRIGGER audit_tile_kept BEFORE DELETE ON audit_tile \
     BEGIN SELECT RAISE(ABORT, 'audit tiles are never deleted'); END",
    "CREATE TRIGGER audit_tile_grows BEFORE UPDATE ON audit_tile \
     WHEN NEW.level IS NOT OLD.level OR NEW.number IS NOT OLD.number \
     OR length(NEW.hashes) <= length(OLD.hashes) \
     OR substr(NEW.hashes, 1, length(OLD.hashes)) IS NOT OLD.hashes \
     BEGIN SELECT RAISE(ABORT, 'audit tiles only grow'); END",
    "CREATE TRIGGER audit_head_kept BEFORE DELETE ON audit_head \
     BEGIN SELECT RAISE(ABORT, 'the audit log has one head'); END",
    "CREATE TRIGGER audit_head_grows BEFORE UPDATE ON audit_head WHEN NEW.size <= OLD.size \
     BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
];

const POSTGRES_GUARDS: &[&str] = &[
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN RAISE EXCEPTION 'the audit log only grows'; END $$",
    "CREATE TRIGGER audit_event_kept BEFORE DELETE ON audit_event \
     FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_event_not_emptied BEFORE TRUNCATE ON audit_event \
     FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_event_placed_once BEFORE UPDATE ON audit_event FOR EACH ROW \
     WHEN (OLD.position IS NOT NULL OR NEW.tenant_id IS DISTINCT FROM OLD.tenant_id \
     OR NEW.id IS DISTINCT FROM OLD.id OR NEW.body IS DISTINCT FROM OLD.body) \
     EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_tile_kept BEFORE DELETE ON audit_tile \
     FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_tile_not_emptied BEFORE TRUNCATE ON audit_tile \
     FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_tile_grows BEFORE UPDATE ON audit_tile FOR EACH ROW \
     WHEN (NEW.level <> OLD.level OR NEW.number <> OLD.number \
     OR length(NEW.hashes) <= length(OLD.hashes) \
     OR substring(NEW.hashes FROM 1 FOR length(OLD.hashes)) IS DISTINCT FROM OLD.hashes) \
     EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_head_kept BEFORE DELETE ON audit_head \
     FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE TRIGGER audit_head_grows BEFORE UPDATE ON audit_head FOR EACH ROW \
     WHEN (NEW.size <= OLD.size) EXECUTE FUNCTION audit_refuse()",
];
