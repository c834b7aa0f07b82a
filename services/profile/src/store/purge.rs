//! What must go for good.

use dossier_db::Tx;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult, Order};

use super::customer::{self, Column, Entity, Model};
use super::legal_hold;

#[derive(FromQueryResult)]
struct Due {
    tenant_id: String,
    id: Uuid,
}

/// Customers whose retention has ended and who are neither held nor being erased already, of all
/// tenants, oldest first.
pub async fn due<C: ConnectionTrait>(
    conn: &C,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<(TenantId, CustomerId)>> {
    // A sweeper serves all tenants, so that the finder cannot begin this query; what it deletes is
    // named tenant by tenant.
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
                .equals((Entity, Column::Id)),
        );
    let mut query = Query::select();
    query
        .columns([Column::TenantId, Column::Id])
        .from(Entity)
        .and_where(Expr::col(Column::PurgeTime).lte(now.micros()))
        .and_where(Expr::col(Column::EraseTime).is_null())
        .and_where(Expr::exists(holds).not())
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

/// Those of `ids` that are still due and not held, locked: one may have been brought back meanwhile.
pub async fn lock(
    tx: &Tx,
    tenant: &TenantId,
    ids: &[CustomerId],
    now: Timestamp,
) -> Result<Vec<Model>> {
    let mut rows = customer::lock(tx.conn(), tenant, ids).await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let held = legal_hold::held(tx.conn(), tenant, &ids).await?;
    rows.retain(|row| {
        let due = row.purge_time.is_some_and(|at| at <= now.micros());
        due && row.erase_time.is_none() && !held.contains(&row.id)
    });
    Ok(rows)
}
