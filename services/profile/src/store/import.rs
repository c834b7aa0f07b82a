//! Imports as rows.

use dossier_db::{PageQuery, Room, TenantScoped, Tx, keyset};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SimpleExpr};
use sea_orm::{ConnectionTrait, FromQueryResult, IntoActiveModel, Iterable, Order};

use crate::domain::{Import, ImportCounts, ImportState};
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub state: String,
    /// Of the header: what rows mean.
    pub fingerprint: Vec<u8>,
    pub create_time: i64,
    pub update_time: i64,
    pub creator: String,
    pub row_count: i64,
    pub created_count: i64,
    pub updated_count: i64,
    pub unchanged_count: i64,
    pub error_count: i64,
    pub undone_count: i64,
    pub kept_count: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// Names, times and counts of a message.
const MESSAGE_BYTES: usize = 512;

impl Model {
    pub fn of(tenant: &TenantId, import: &Import, fingerprint: &[u8]) -> Self {
        let Import {
            id,
            state,
            create_time,
            update_time,
            ref creator,
            counts,
            undone_count,
            kept_count,
        } = *import;
        Self {
            tenant_id: tenant.as_str().to_owned(),
            id,
            state: state.as_str().to_owned(),
            fingerprint: fingerprint.to_vec(),
            create_time: create_time.micros(),
            update_time: update_time.micros(),
            creator: creator.clone(),
            row_count: stored(counts.rows),
            created_count: stored(counts.created),
            updated_count: stored(counts.updated),
            unchanged_count: stored(counts.unchanged),
            error_count: stored(counts.errors),
            undone_count: stored(undone_count),
            kept_count: stored(kept_count),
        }
    }

    pub fn into_import(self) -> Result<Import> {
        let state = ImportState::parse(&self.state);
        let counted = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(Import {
            id: self.id,
            state: state.ok_or_else(|| Error::unreadable("import", "state"))?,
            create_time: Timestamp(self.create_time),
            update_time: Timestamp(self.update_time),
            creator: self.creator,
            counts: ImportCounts {
                rows: counted(self.row_count),
                created: counted(self.created_count),
                updated: counted(self.updated_count),
                unchanged: counted(self.unchanged_count),
                errors: counted(self.error_count),
            },
            undone_count: counted(self.undone_count),
            kept_count: counted(self.kept_count),
        })
    }
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// ALREADY_EXISTS where another stream was first.
pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(conn).await.map_err(dossier_db::error)
}

/// Counts one more batch; false where the import takes none any more.
pub async fn advance(
    tx: &Tx,
    tenant: &TenantId,
    id: Uuid,
    more: ImportCounts,
    now: Timestamp,
) -> Result<bool> {
    let done = dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::RowCount, plus(Column::RowCount, more.rows))
        .col_expr(
            Column::CreatedCount,
            plus(Column::CreatedCount, more.created),
        )
        .col_expr(
            Column::UpdatedCount,
            plus(Column::UpdatedCount, more.updated),
        )
        .col_expr(
            Column::UnchangedCount,
            plus(Column::UnchangedCount, more.unchanged),
        )
        .col_expr(Column::ErrorCount, plus(Column::ErrorCount, more.errors))
        .col_expr(Column::UpdateTime, Expr::value(now.micros()))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(ImportState::Running.as_str()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}

/// Turns an import that is in one of these states into another; false where it is in none of them.
pub async fn turn(
    tx: &Tx,
    tenant: &TenantId,
    id: Uuid,
    from: &[ImportState],
    to: ImportState,
    now: Timestamp,
) -> Result<bool> {
    let done = dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(to.as_str()))
        .col_expr(Column::UpdateTime, Expr::value(now.micros()))
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in(from.iter().map(|state| state.as_str())))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}

/// Counts what was taken back, and what stays.
pub async fn take_back(
    tx: &Tx,
    tenant: &TenantId,
    id: Uuid,
    undone: u64,
    kept: u64,
    now: Timestamp,
) -> Result<()> {
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::UndoneCount, plus(Column::UndoneCount, undone))
        .col_expr(Column::KeptCount, plus(Column::KeptCount, kept))
        .col_expr(Column::UpdateTime, Expr::value(now.micros()))
        .filter(Column::Id.eq(id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

fn plus(column: Column, more: u64) -> SimpleExpr {
    Expr::col(column).add(stored(more))
}

/// Those of all tenants that are being undone, the longest waiting first.
pub async fn undoing<C: ConnectionTrait>(conn: &C, limit: u64) -> Result<Vec<Model>> {
    // A job serves all tenants, so that the finder cannot begin this query.
    let mut query = Query::select();
    query
        .columns(Column::iter())
        .from(Entity)
        // The word itself, so that the partial index is found.
        .and_where(Expr::cust("state = 'UNDOING'"))
        .order_by(Column::UpdateTime, Order::Asc)
        .limit(limit);
    let statement = conn.get_database_backend().build(&query);
    Model::find_by_statement(statement)
        .all(conn)
        .await
        .map_err(dossier_db::error)
}

/// A page, newest first, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let keys = [
        keyset::Key::int(Expr::col(Column::CreateTime), Order::Desc),
        keyset::Key::uuid(Expr::col(Column::Id), Order::Desc),
    ];
    let query = PageQuery {
        select: dossier_db::find::<Entity>(tenant),
        keys: &keys,
        after,
        rows_max: size,
        room: Room::default(),
    };
    let shown = |row: Model| Ok(Some((row, MESSAGE_BYTES)));
    let place = |row: &Model| vec![KeyValue::Int(row.create_time), KeyValue::Uuid(row.id)];
    query.read(conn, place, shown).await
}
