//! The two tables of wrapped keys.

use std::collections::HashMap;

use dossier_db::{Backend, Insert, Tx, error};
use dossier_kernel::{CustomerId, Error, Result, TenantId};
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, LockType, Order, Query};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use crate::KeyVersion;

pub const TENANT_KEY: &str = "vault_tenant_key";
pub const CUSTOMER_KEY: &str = "vault_customer_key";

/// Ids of one query at most, below the binds of every backend.
const IDS_MAX: usize = 512;

/// What a tenant's key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Wraps customers' keys.
    Wrap,
    /// Blinds identifiers.
    Index,
}

impl Purpose {
    pub fn code(self) -> i32 {
        match self {
            Self::Wrap => 1,
            Self::Index => 2,
        }
    }
}

/// A tenant's key as the table has it.
pub struct Wrapped {
    pub purpose: Purpose,
    pub version: KeyVersion,
    /// Of the root key it is wrapped with.
    pub root_id: String,
    pub wrapped: Vec<u8>,
    /// An index key that is coming or going: see [`crate::BlindIndexes::passive`].
    pub passive: bool,
}

/// One version of a customer's key as the table has it.
pub struct WrappedCustomerKey {
    pub customer: CustomerId,
    pub version: KeyVersion,
    pub wrapped: Vec<u8>,
}

/// All versions for all purposes, in no order.
pub async fn tenant_keys(conn: &impl ConnectionTrait, tenant: &TenantId) -> Result<Vec<Wrapped>> {
    let select = Query::select()
        .columns(["purpose", "version", "root_id", "wrapped", "passive"].map(Alias::new))
        .from(Alias::new(TENANT_KEY))
        .cond_where(of(tenant))
        .to_owned();
    let statement = conn.get_database_backend().build(&select);
    let rows = conn.query_all_raw(statement).await.map_err(error)?;
    rows.iter().map(wrapped).collect()
}

/// Of a row that begins with these columns.
pub fn wrapped(row: &QueryResult) -> Result<Wrapped> {
    let purpose: i32 = row.try_get_by(0).map_err(error)?;
    let passive: i32 = row.try_get_by(4).map_err(error)?;
    Ok(Wrapped {
        purpose: [Purpose::Wrap, Purpose::Index]
            .into_iter()
            .find(|known| known.code() == purpose)
            .ok_or_else(|| Error::internal("a tenant key of no known purpose"))?,
        version: row.try_get_by(1).map_err(error)?,
        root_id: row.try_get_by(2).map_err(error)?,
        wrapped: row.try_get_by(3).map_err(error)?,
        passive: passive != 0,
    })
}

/// Leaves the keys that are there.
pub async fn insert_tenant_keys(tx: &Tx, tenant: &TenantId, keys: Vec<Wrapped>) -> Result<()> {
    let columns = [
        "tenant_id",
        "purpose",
        "version",
        "root_id",
        "wrapped",
        "passive",
    ];
    let values = keys.into_iter().flat_map(|key| -> [Value; 6] {
        [
            tenant.as_str().into(),
            key.purpose.code().into(),
            key.version.into(),
            key.root_id.into(),
            key.wrapped.into(),
            i32::from(key.passive).into(),
        ]
    });
    Insert::into(TENANT_KEY, &columns)
        .skip_conflicts()
        .rows(tx.conn(), values.collect())
        .await
        .map_err(error)?;
    Ok(())
}

/// Ids of the root keys that some key of this database is wrapped with.
pub async fn root_ids(conn: &impl ConnectionTrait) -> Result<Vec<String>> {
    let select = Query::select()
        .distinct()
        .column(Alias::new("root_id"))
        .from(Alias::new(TENANT_KEY))
        .to_owned();
    let statement = conn.get_database_backend().build(&select);
    let rows = conn.query_all_raw(statement).await.map_err(error)?;
    rows.iter()
        .map(|row| row.try_get_by(0).map_err(error))
        .collect()
}

/// All versions of the keys of those of `ids` that have one.
pub async fn customer_keys(
    conn: &impl ConnectionTrait,
    tenant: &TenantId,
    ids: &[CustomerId],
    lock: Option<LockType>,
) -> Result<HashMap<CustomerId, Vec<WrappedCustomerKey>>> {
    let backend = conn.get_database_backend();
    let mut keys = HashMap::<_, Vec<WrappedCustomerKey>>::with_capacity(ids.len());
    for ids in ids.chunks(IDS_MAX) {
        let mut select = Query::select()
            .columns(["customer_id", "version", "wrapped"].map(Alias::new))
            .from(Alias::new(CUSTOMER_KEY))
            .cond_where(of(tenant))
            .and_where(Expr::col(Alias::new("customer_id")).is_in(padded(ids)))
            .to_owned();
        if let Some(lock) = lock
            && backend == sea_orm::DbBackend::Postgres
        {
            // In one order everywhere: two who lock the same rows cannot wait in a circle.
            select
                .order_by(Alias::new("customer_id"), Order::Asc)
                .order_by(Alias::new("version"), Order::Asc)
                .lock(lock);
        }
        let statement = backend.build(&select);
        for row in conn.query_all_raw(statement).await.map_err(error)? {
            let key = customer_key(&row)?;
            keys.entry(key.customer).or_default().push(key);
        }
    }
    Ok(keys)
}

pub fn customer_key(row: &QueryResult) -> Result<WrappedCustomerKey> {
    let id: Uuid = row.try_get_by(0).map_err(error)?;
    Ok(WrappedCustomerKey {
        customer: CustomerId(id),
        version: row.try_get_by(1).map_err(error)?,
        wrapped: row.try_get_by(2).map_err(error)?,
    })
}

/// Leaves the keys that are there; says how many were not.
pub async fn insert_customer_keys(
    tx: &Tx,
    tenant: &TenantId,
    keys: Vec<WrappedCustomerKey>,
) -> Result<u64> {
    let columns = ["tenant_id", "customer_id", "version", "wrapped"];
    let values = keys
        .into_iter()
        .flat_map(|key| -> [Value; 4] {
            [
                tenant.as_str().into(),
                key.customer.uuid().into(),
                key.version.into(),
                key.wrapped.into(),
            ]
        })
        .collect();
    Insert::into(CUSTOMER_KEY, &columns)
        .skip_conflicts()
        .rows(tx.conn(), values)
        .await
        .map_err(error)
}

pub async fn delete_customer_key(tx: &Tx, tenant: &TenantId, id: CustomerId) -> Result<()> {
    if tx.backend() == Backend::Postgres {
        // Waits for whoever seals with the key or makes its next version, and sees that version.
        customer_keys(tx.conn(), tenant, &[id], Some(LockType::Update)).await?;
    }
    let delete = Query::delete()
        .from_table(Alias::new(CUSTOMER_KEY))
        .cond_where(of(tenant))
        .and_where(Expr::col(Alias::new("customer_id")).eq(id.uuid()))
        .to_owned();
    let statement = tx.conn().get_database_backend().build(&delete);
    tx.conn().execute_raw(statement).await.map_err(error)?;
    Ok(())
}

pub fn of(tenant: &TenantId) -> Condition {
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
