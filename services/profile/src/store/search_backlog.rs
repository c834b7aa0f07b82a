//! Customers whose terms are not known yet: they are older than the search.

use dossier_db::{TenantScoped, Tx};
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{ConnectionTrait, FromQueryResult, Iterable};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_backlog")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// Some of all tenants.
pub async fn some<C: ConnectionTrait>(conn: &C, limit: u64) -> Result<Vec<(TenantId, CustomerId)>> {
    // A job serves all tenants, so that the finder cannot begin this query.
    let mut query = Query::select();
    query.columns(Column::iter()).from(Entity).limit(limit);
    let statement = conn.get_database_backend().build(&query);
    let rows = Model::find_by_statement(statement).all(conn).await;
    let rows = rows.map_err(dossier_db::error)?.into_iter();
    rows.map(|row| {
        Ok((
            TenantId::parse(&row.tenant_id)?,
            CustomerId(row.customer_id),
        ))
    })
    .collect()
}

pub async fn delete(tx: &Tx, tenant: &TenantId, customers: &[CustomerId]) -> Result<()> {
    dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::CustomerId.is_in(customers.iter().map(|id| id.uuid())))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}
