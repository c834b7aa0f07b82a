//! Every live customer, page after page, for followers that begin from nothing.

use dossier_kernel::{Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult, Iterable, Order};

use super::customer::{Column, Entity, Model};

/// The next live customers after the row at `after`, in the order of the primary key. `tenant` may
/// be all tenants: services of the suite follow them together.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<(&str, Uuid)>,
    size: u64,
) -> Result<Vec<Model>> {
    // The one reading query that may span tenants; the finder cannot begin it.
    let mut query = Query::select();
    query
        .columns(Column::iter())
        .from(Entity)
        .and_where(Expr::col(Column::DeleteTime).is_null())
        .order_by(Column::TenantId, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(size);
    if !tenant.is_all() {
        query.and_where(Expr::col(Column::TenantId).eq(tenant.as_str()));
    }
    if let Some((last_tenant, last_id)) = after {
        let row = Expr::tuple([Expr::col(Column::TenantId), Expr::col(Column::Id)]);
        query.and_where(row.gt(Expr::tuple([
            Expr::value(last_tenant),
            Expr::value(last_id),
        ])));
    }
    let statement = conn.get_database_backend().build(&query);
    Model::find_by_statement(statement)
        .all(conn)
        .await
        .map_err(dossier_db::error)
}
