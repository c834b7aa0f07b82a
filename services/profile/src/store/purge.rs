//! What must go for good.

use dossier_db::Tx;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult, Order};

use super::customer::{self, Column, Entity, Model};
use super::{consent_entry, customer_key, customer_tag, relationship, revision};

#[derive(FromQueryResult)]
struct Due {
    tenant_id: String,
    id: Uuid,
}

/// Customers whose retention has ended, of all tenants, oldest first.
pub async fn due<C: ConnectionTrait>(
    conn: &C,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<(TenantId, CustomerId)>> {
    // A sweeper serves all tenants, so that the finder cannot begin this query; what it deletes is
    // named tenant by tenant.
    let mut query = Query::select();
    query
        .columns([Column::TenantId, Column::Id])
        .from(Entity)
        .and_where(Expr::col(Column::PurgeTime).lte(now.micros()))
        .order_by(Column::PurgeTime, Order::Asc)
        .limit(limit);
    let statement = conn.get_database_backend().build(&query);
    let due = Due::find_by_statement(statement)
        .all(conn)
        .await
        .map_err(dossier_db::error)?;
    due.into_iter()
        .map(|row| Ok((TenantId::parse(&row.tenant_id)?, CustomerId(row.id))))
        .collect()
}

/// Deletes those of `ids` that are still due: one may have been brought back meanwhile. Returns
/// their last rows.
pub async fn delete(
    tx: &Tx,
    tenant: &TenantId,
    ids: &[CustomerId],
    now: Timestamp,
) -> Result<Vec<Model>> {
    let mut rows = customer::lock(tx.conn(), tenant, ids).await?;
    rows.retain(|row| row.purge_time.is_some_and(|at| at <= now.micros()));
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(rows);
    }
    dossier_db::delete_many::<customer_key::Entity>(tenant)
        .filter(customer_key::Column::CustomerId.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    dossier_db::delete_many::<customer_tag::Entity>(tenant)
        .filter(customer_tag::Column::CustomerId.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    dossier_db::delete_many::<revision::Entity>(tenant)
        .filter(revision::Column::CustomerId.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    dossier_db::delete_many::<consent_entry::Entity>(tenant)
        .filter(consent_entry::Column::CustomerId.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    relationship::delete_of(tx, tenant, &ids).await?;
    dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::Id.is_in(ids))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(rows)
}
