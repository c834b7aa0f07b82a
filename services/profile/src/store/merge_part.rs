//! Who was made a part of another customer by which merge, and whose part it was before.

use std::collections::HashMap;

use dossier_db::{Insert, TenantScoped, Tx};
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Query, SelectStatement};
use sea_orm::{ConnectionTrait, QueryOrder};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "merge_part")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub merge_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// Who spoke for it before; NULL where it spoke for itself.
    pub spoken_for_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

pub async fn insert(
    tx: &Tx,
    tenant: &TenantId,
    merge: Uuid,
    parts: impl Iterator<Item = (CustomerId, Option<Uuid>)>,
) -> Result<()> {
    let values = parts.flat_map(|(customer, before)| {
        [
            tenant.as_str().into(),
            merge.into(),
            customer.uuid().into(),
            before.into(),
        ]
    });
    let columns = ["tenant_id", "merge_id", "customer_id", "spoken_for_by"];
    Insert::into("merge_part", &columns)
        .rows(tx.conn(), values.collect())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// The parts of merges, in the order of their ids.
pub async fn of_merges<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    merges: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Vec<Model>>> {
    let rows = dossier_db::find::<Entity>(tenant)
        .filter(Column::MergeId.is_in(merges))
        .order_by_asc(Column::CustomerId)
        .all(conn)
        .await
        .map_err(dossier_db::error)?;
    let mut parts: HashMap<Uuid, Vec<Model>> = HashMap::new();
    for row in rows {
        parts.entry(row.merge_id).or_default().push(row);
    }
    Ok(parts)
}

/// The ids of the merges in which one of the customers became a part. The query around it is of one
/// tenant, and ids of merges are no other's.
pub fn merges_of(customers: &[Uuid]) -> SelectStatement {
    Query::select()
        .column(Column::MergeId)
        .from(Entity)
        .and_where(Column::CustomerId.is_in(customers.iter().copied()))
        .take()
}
