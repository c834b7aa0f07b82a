//! The table of rotations.

use dossier_db::{Backend, Tx, error};
use dossier_kernel::{Clock, Error, Result, TenantId, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use uuid::Uuid;

use super::{Kind, Phase};

/// A rotation of one kind in one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// `*` for the root key.
    pub tenant: TenantId,
    pub kind: Kind,
    pub phase: Phase,
    pub(super) position: Position,
    /// What the pass under way has converted.
    pub(super) pass_count: u64,
    /// Keys, cells and blind indexes that were converted.
    pub done_count: u64,
    /// Cells that do not open and were left as they are.
    pub unreadable_count: u64,
    pub begin_time: Timestamp,
    /// When the phase began; of a rotation that is done, when it ended.
    pub phase_time: Timestamp,
}

/// Up to where a pass has come: a table of the registry and the last row of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub table: u8,
    pub row: Uuid,
}

const COLUMNS: &str = "tenant_id, kind, phase, position, pass_count, done_count, \
     unreadable_count, begin_time, phase_time";

impl Position {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![self.table];
        bytes.extend_from_slice(self.row.as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (table, row) = bytes.split_first()?;
        Some(Self {
            table: *table,
            row: Uuid::from_slice(row).ok()?,
        })
    }
}

/// All of the tenant.
pub(super) async fn of(conn: &impl ConnectionTrait, tenant: &TenantId) -> Result<Vec<Rotation>> {
    let sql = format!("SELECT {COLUMNS} FROM vault_rotation WHERE tenant_id = $1 ORDER BY kind");
    select(conn, &sql, vec![tenant.as_str().into()]).await
}

/// All that are under way, of all tenants.
pub(super) async fn active(conn: &impl ConnectionTrait) -> Result<Vec<Rotation>> {
    let sql = format!("SELECT {COLUMNS} FROM vault_rotation WHERE phase <> $1 ORDER BY begin_time");
    select(conn, &sql, vec![Phase::Done.as_str().into()]).await
}

/// Nobody else moves it on before this transaction ends.
pub(super) async fn lock(tx: &Tx, tenant: &TenantId, kind: Kind) -> Result<Option<Rotation>> {
    let end = match tx.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE",
    };
    let sql =
        format!("SELECT {COLUMNS} FROM vault_rotation WHERE tenant_id = $1 AND kind = $2{end}");
    let values = vec![tenant.as_str().into(), kind.as_str().into()];
    Ok(select(tx.conn(), &sql, values).await?.pop())
}

/// In place of one that is done.
pub(super) async fn begin(tx: &Tx, tenant: &TenantId, kind: Kind) -> Result<()> {
    let now = Clock::system().now();
    let rotation = Rotation {
        tenant: tenant.clone(),
        kind,
        phase: Phase::first(kind),
        position: Position::default(),
        pass_count: 0,
        done_count: 0,
        unreadable_count: 0,
        begin_time: now,
        phase_time: now,
    };
    let sql = format!(
        "INSERT INTO vault_rotation ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (tenant_id, kind) DO UPDATE SET phase = excluded.phase, \
         position = excluded.position, pass_count = 0, done_count = 0, unreadable_count = 0, \
         begin_time = excluded.begin_time, phase_time = excluded.phase_time"
    );
    execute(tx, &sql, values(&rotation)?).await?;
    Ok(())
}

pub(super) async fn save(tx: &Tx, rotation: &Rotation) -> Result<()> {
    let sql = "UPDATE vault_rotation SET phase = $3, position = $4, pass_count = $5, \
               done_count = $6, unreadable_count = $7, begin_time = $8, phase_time = $9 \
               WHERE tenant_id = $1 AND kind = $2";
    execute(tx, sql, values(rotation)?).await?;
    Ok(())
}

/// Runs a statement; says how many rows it changed.
pub(super) async fn execute(tx: &Tx, sql: &str, values: Vec<Value>) -> Result<u64> {
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    let done = tx.conn().execute_raw(statement).await.map_err(error)?;
    Ok(done.rows_affected())
}

async fn select(
    conn: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<Rotation>> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let rows = conn.query_all_raw(statement).await.map_err(error)?;
    rows.iter().map(read).collect()
}

fn values(rotation: &Rotation) -> Result<Vec<Value>> {
    let count = |count: u64| i64::try_from(count).map_err(Error::internal);
    Ok(vec![
        rotation.tenant.as_str().into(),
        rotation.kind.as_str().into(),
        rotation.phase.as_str().into(),
        rotation.position.to_bytes().into(),
        count(rotation.pass_count)?.into(),
        count(rotation.done_count)?.into(),
        count(rotation.unreadable_count)?.into(),
        rotation.begin_time.micros().into(),
        rotation.phase_time.micros().into(),
    ])
}

fn read(row: &QueryResult) -> Result<Rotation> {
    let tenant: String = row.try_get_by(0).map_err(error)?;
    let kind: String = row.try_get_by(1).map_err(error)?;
    let phase: String = row.try_get_by(2).map_err(error)?;
    let position: Vec<u8> = row.try_get_by(3).map_err(error)?;
    let count = |column: usize| -> Result<u64> {
        let count: i64 = row.try_get_by(column).map_err(error)?;
        u64::try_from(count).map_err(Error::internal)
    };
    let time = |column: usize| row.try_get_by(column).map(Timestamp).map_err(error);
    let unknown = || Error::internal("a rotation that this release does not know");
    let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
    let phase = Phase::ALL.into_iter().find(|known| known.as_str() == phase);
    Ok(Rotation {
        tenant: match tenant.as_str() {
            "*" => TenantId::all(),
            name => TenantId::parse(name)?,
        },
        kind: kind.ok_or_else(unknown)?,
        phase: phase.ok_or_else(unknown)?,
        position: Position::from_bytes(&position).ok_or_else(unknown)?,
        pass_count: count(4)?,
        done_count: count(5)?,
        unreadable_count: count(6)?,
        begin_time: time(7)?,
        phase_time: time(8)?,
    })
}
