//! Who is to be erased, and in which erasure.

use dossier_db::{Insert, TenantScoped, Tx};
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult, QueryOrder, QuerySelect};

use super::{customer, legal_hold};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasure_subject")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// The privacy request that asked for it; without one it is a purge.
    pub request_id: Option<Uuid>,
    /// NULL while it waits for its turn.
    pub erasure_id: Option<Uuid>,
    /// Since when nobody finds the customer any more.
    pub hide_time: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// A customer that is to be erased.
#[derive(Clone, Copy, Debug)]
pub struct Enlisted {
    pub customer: CustomerId,
    pub request: Option<Uuid>,
    pub hide_time: Timestamp,
}

/// Hides customers and has them wait for their turn; those that wait already go on as they are.
pub async fn enlist(
    tx: &Tx,
    tenant: &TenantId,
    enlisted: &[Enlisted],
    now: Timestamp,
) -> Result<u64> {
    let columns = ["tenant_id", "customer_id", "request_id", "hide_time"];
    let mut values = Vec::with_capacity(enlisted.len() * columns.len());
    for Enlisted {
        customer,
        request,
        hide_time,
    } in enlisted
    {
        values.extend([
            tenant.as_str().into(),
            customer.uuid().into(),
            (*request).into(),
            hide_time.micros().into(),
        ]);
    }
    let added = Insert::into("erasure_subject", &columns)
        .skip_conflicts()
        .rows(tx.conn(), values)
        .await
        .map_err(dossier_db::error)?;
    let ids = enlisted.iter().map(|one| one.customer.uuid());
    dossier_db::update_many::<customer::Entity>(tenant)
        .col_expr(customer::Column::EraseTime, Expr::value(now.micros()))
        .filter(customer::Column::Id.is_in(ids))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(added)
}

/// Has customers be deleted who came back by a backup from before they were, so that no identifier
/// finds them.
pub async fn delete_softly(
    tx: &Tx,
    tenant: &TenantId,
    enlisted: &[Enlisted],
    now: Timestamp,
) -> Result<()> {
    let ids = enlisted.iter().map(|one| one.customer.uuid());
    dossier_db::update_many::<customer::Entity>(tenant)
        .col_expr(customer::Column::DeleteTime, Expr::value(now.micros()))
        .col_expr(customer::Column::PurgeTime, Expr::value(now.micros()))
        .filter(customer::Column::Id.is_in(ids))
        .filter(customer::Column::DeleteTime.is_null())
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// Takes somebody who waits for their turn off the list; false where the turn has come.
pub async fn withdraw(tx: &Tx, tenant: &TenantId, id: CustomerId) -> Result<bool> {
    let done = dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::CustomerId.eq(id.uuid()))
        .filter(Column::ErasureId.is_null())
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    if done.rows_affected == 0 {
        return Ok(false);
    }
    dossier_db::update_many::<customer::Entity>(tenant)
        .col_expr(customer::Column::EraseTime, Expr::value(None::<i64>))
        .filter(customer::Column::Id.eq(id.uuid()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(true)
}

/// Reads somebody who may be on the list; whose turn it is does not change before this transaction
/// ends.
pub async fn lock(tx: &Tx, tenant: &TenantId, id: CustomerId) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::CustomerId.eq(id.uuid()))
        .lock_exclusive();
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

#[derive(FromQueryResult)]
struct Waiting {
    tenant_id: String,
}

/// Tenants with somebody whose turn can come.
pub async fn waiting_tenants<C: ConnectionTrait>(conn: &C) -> Result<Vec<TenantId>> {
    // A job serves all tenants, so that the finder cannot begin this query.
    let mut query = Query::select();
    query
        .distinct()
        .column(Column::TenantId)
        .from(Entity)
        .and_where(Expr::col((Entity, Column::ErasureId)).is_null())
        .and_where(not_held());
    let statement = conn.get_database_backend().build(&query);
    let waiting = Waiting::find_by_statement(statement)
        .all(conn)
        .await
        .map_err(dossier_db::error)?;
    let tenants = waiting.iter().map(|row| TenantId::parse(&row.tenant_id));
    tenants.collect()
}

/// Those who wait and are not held, the longest waiting first, whom one request is about together;
/// nobody else takes them before this transaction ends.
pub async fn waiting(tx: &Tx, tenant: &TenantId, limit: u64) -> Result<Vec<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::ErasureId.is_null())
        .filter(not_held())
        .order_by_asc(Column::HideTime)
        .order_by_asc(Column::RequestId)
        .order_by_asc(Column::CustomerId)
        .limit(limit)
        .lock_exclusive();
    query.all(tx.conn()).await.map_err(dossier_db::error)
}

fn not_held() -> Expr {
    let mut holds = Query::select();
    holds
        .expr(Expr::val(1))
        .from(legal_hold::Entity)
        .and_where(
            Expr::col((legal_hold::Entity, legal_hold::Column::TenantId))
                .equals((Entity, Column::TenantId)),
        )
        .and_where(
            Expr::col((legal_hold::Entity, legal_hold::Column::CustomerId))
                .equals((Entity, Column::CustomerId)),
        );
    Expr::exists(holds).not()
}

/// It is their turn.
pub async fn take(tx: &Tx, tenant: &TenantId, ids: &[Uuid], erasure: Uuid) -> Result<()> {
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::ErasureId, Expr::value(erasure))
        .filter(Column::CustomerId.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// Everybody of an erasure, in the order of their ids.
pub async fn of_erasure<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    erasure: Uuid,
) -> Result<Vec<Model>> {
    dossier_db::find::<Entity>(tenant)
        .filter(Column::ErasureId.eq(erasure))
        .order_by_asc(Column::CustomerId)
        .all(conn)
        .await
        .map_err(dossier_db::error)
}
