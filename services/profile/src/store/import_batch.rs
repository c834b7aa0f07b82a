//! What the batches of imports did: so that a stream that comes again writes nothing twice, and all of it
//! can be taken back.

use dossier_db::{TenantScoped, Tx};
use dossier_kernel::{Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, IntoActiveModel, QueryOrder};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_batch")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub import_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_row: i64,
    pub row_count: i64,
    /// Of the rows in the file: a file that is another seldom has as many.
    pub byte_count: i64,
    /// MessagePack: ids and counts, no value of a row.
    pub report: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
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
    import: Uuid,
    first_row: i64,
) -> Result<Option<Model>> {
    let query = of(tenant, import).filter(Column::FirstRow.eq(first_row));
    query.one(conn).await.map_err(dossier_db::error)
}

/// The one with the last rows of those that are left.
pub async fn last<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    import: Uuid,
) -> Result<Option<Model>> {
    let query = of(tenant, import).order_by_desc(Column::FirstRow);
    query.one(conn).await.map_err(dossier_db::error)
}

/// It is undone; false where another process was first.
pub async fn delete(tx: &Tx, tenant: &TenantId, import: Uuid, first_row: i64) -> Result<bool> {
    let done = dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::ImportId.eq(import))
        .filter(Column::FirstRow.eq(first_row))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(done.rows_affected == 1)
}

fn of(tenant: &TenantId, import: Uuid) -> Select<Entity> {
    dossier_db::find::<Entity>(tenant).filter(Column::ImportId.eq(import))
}
