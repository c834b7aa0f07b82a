//! The two tables of wrapped keys.

use dossier_db::{Insert, error};
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};
use uuid::Uuid;

use crate::tenant_key::VERSION;

const TENANT_KEY: &str = "vault_tenant_key";
const CUSTOMER_KEY: &str = "vault_customer_key";

/// Ids of one query at most, below the binds of every backend.
const IDS_MAX: usize = 512;

pub async fn tenant_key(conn: &impl ConnectionTrait, tenant: &TenantId) -> Result<Option<Vec<u8>>> {
    let select = Query::select()
        .column(Alias::new("wrapped"))
        .from(Alias::new(TENANT_KEY))
        .cond_where(of(tenant))
        .and_where(Expr::col(Alias::new("version")).eq(VERSION))
        .to_owned();
    let statement = conn.get_database_backend().build(&select);
    let row = conn.query_one_raw(statement).await.map_err(error)?;
    row.map(|row| row.try_get_by(0)).transpose().map_err(error)
}

/// Leaves the key that is there.
pub async fn insert_tenant_key(
    conn: &DatabaseTransaction,
    tenant: &TenantId,
    wrapped: Vec<u8>,
) -> Result<()> {
    Insert::into(TENANT_KEY, &["tenant_id", "version", "wrapped"])
        .skip_conflicts()
        .rows(
            conn,
            vec![tenant.as_str().into(), VERSION.into(), wrapped.into()],
        )
        .await
        .map_err(error)?;
    Ok(())
}

/// Those of `ids` that have a key, in no order.
pub async fn customer_keys(
    conn: &impl ConnectionTrait,
    tenant: &TenantId,
    ids: &[CustomerId],
) -> Result<Vec<(CustomerId, Vec<u8>)>> {
    let mut keys = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_MAX) {
        let select = Query::select()
            .columns([Alias::new("customer_id"), Alias::new("wrapped")])
            .from(Alias::new(CUSTOMER_KEY))
            .cond_where(of(tenant))
            .and_where(Expr::col(Alias::new("customer_id")).is_in(padded(ids)))
            .and_where(Expr::col(Alias::new("version")).eq(VERSION))
            .to_owned();
        let statement = conn.get_database_backend().build(&select);
        for row in conn.query_all_raw(statement).await.map_err(error)? {
            let id: Uuid = row.try_get_by(0).map_err(error)?;
            keys.push((CustomerId(id), row.try_get_by(1).map_err(error)?));
        }
    }
    Ok(keys)
}

/// Leaves the keys that are there; says how many were not.
pub async fn insert_customer_keys(
    conn: &DatabaseTransaction,
    tenant: &TenantId,
    keys: Vec<(CustomerId, Vec<u8>)>,
) -> Result<u64> {
    let columns = ["tenant_id", "customer_id", "version", "wrapped"];
    let values = keys
        .into_iter()
        .flat_map(|(id, wrapped)| -> [Value; 4] {
            [
                tenant.as_str().into(),
                id.uuid().into(),
                VERSION.into(),
                wrapped.into(),
            ]
        })
        .collect();
    Insert::into(CUSTOMER_KEY, &columns)
        .skip_conflicts()
        .rows(conn, values)
        .await
        .map_err(error)
}

pub async fn delete_customer_key(
    conn: &DatabaseTransaction,
    tenant: &TenantId,
    id: CustomerId,
) -> Result<()> {
    let delete = Query::delete()
        .from_table(Alias::new(CUSTOMER_KEY))
        .cond_where(of(tenant))
        .and_where(Expr::col(Alias::new("customer_id")).eq(id.uuid()))
        .to_owned();
    let statement = conn.get_database_backend().build(&delete);
    conn.execute_raw(statement).await.map_err(error)?;
    Ok(())
}

fn of(tenant: &TenantId) -> Condition {
    Condition::all().add(Expr::col(Alias::new("tenant_id")).eq(tenant.as_str()))
}

/// The ids, the last one repeated up to a power of two: few distinct statements, which stay
/// prepared.
fn padded(ids: &[CustomerId]) -> impl Iterator<Item = Uuid> {
    let last = ids.last().copied();
    ids.iter()
        .copied()
        .chain(std::iter::repeat_n(last, ids.len().next_power_of_two() - ids.len()).flatten())
        .map(CustomerId::uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_padded_to_powers_of_two_with_ids_they_hold() {
        for (count, width) in [(1, 1), (2, 2), (3, 4), (5, 8), (512, 512)] {
            let ids: Vec<_> = (0..count).map(|n| CustomerId(Uuid::from_u128(n))).collect();
            let list: Vec<_> = padded(&ids).collect();
            assert_eq!(list.len(), width);
            assert!(list.iter().all(|id| ids.contains(&CustomerId(*id))));
        }
    }
}
