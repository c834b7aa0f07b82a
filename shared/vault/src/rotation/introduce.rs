//! New versions of keys.

use dossier_db::{Tx, error};
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::sea_query::LockType;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::Kind;
use super::rotator::Batch;
use super::row::{Position, execute};
use crate::table::{self, Purpose};
use crate::{Vault, tenant_key};

/// Customers' keys of one transaction.
const CUSTOMERS: usize = 256;

/// The next version of the tenant's wrapping or index key, where it has one.
pub async fn tenant(tx: &Tx, vault: &Vault, tenant: &TenantId, kind: Kind) -> Result<Batch> {
    let purpose = match kind {
        Kind::Index => Purpose::Index,
        Kind::Root | Kind::Tenant | Kind::Customers => Purpose::Wrap,
    };
    let keys = table::tenant_keys(tx.conn(), tenant).await?;
    let versions = keys.iter().filter(|key| key.purpose == purpose);
    if let Some(newest) = versions.map(|key| key.version).max() {
        let mut next = tenant_key::generate(vault.roots(), tenant, purpose, newest + 1).await?;
        // Who does not know an index key cannot take back what another keeps by it.
        next.passive = purpose == Purpose::Index;
        table::insert_tenant_keys(tx, tenant, vec![next]).await?;
    }
    Ok(Batch::default())
}

/// From now on identifiers are looked up and kept by the newest index key too.
pub async fn join(tx: &Tx, tenant: &TenantId) -> Result<()> {
    let sql = "UPDATE vault_tenant_key SET passive = 0 WHERE tenant_id = $1 AND purpose = $2";
    let values = vec![tenant.as_str().into(), Purpose::Index.code().into()];
    execute(tx, sql, values).await?;
    Ok(())
}

/// The next versions of the keys of the customers after `at`.
pub async fn customers(tx: &Tx, vault: &Vault, tenant: &TenantId, at: Position) -> Result<Batch> {
    let ids = customers_after(tx, tenant, at, CUSTOMERS).await?;
    // Locked: a key that is destroyed at this moment must not leave a successor.
    let rows = table::customer_keys(tx.conn(), tenant, &ids, Some(LockType::Update)).await?;
    let keys = vault.tenant_keys_in(tx, tenant).await?;
    let mut made = Vec::with_capacity(rows.len());
    for versions in rows.values() {
        if let Some(newest) = versions.iter().max_by_key(|row| row.version) {
            made.push(keys.generate_next(newest)?);
        }
    }
    table::insert_customer_keys(tx, tenant, made).await?;
    Ok(Batch {
        next: next(&ids, CUSTOMERS),
        ..Batch::default()
    })
}

/// Customers with a key, in the order of their ids.
pub async fn customers_after(
    tx: &Tx,
    tenant: &TenantId,
    at: Position,
    limit: usize,
) -> Result<Vec<CustomerId>> {
    let sql = format!(
        "SELECT DISTINCT customer_id FROM vault_customer_key \
         WHERE tenant_id = $1 AND customer_id > $2 ORDER BY customer_id LIMIT {limit}"
    );
    let values = [tenant.as_str().into(), at.row.into()];
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    let rows = tx.conn().query_all_raw(statement).await.map_err(error)?;
    rows.iter()
        .map(|row| Ok(CustomerId(row.try_get_by::<Uuid, _>(0).map_err(error)?)))
        .collect()
}

/// After the last of a full batch.
pub fn next(ids: &[CustomerId], limit: usize) -> Option<Position> {
    let last = ids.last().filter(|_| ids.len() == limit)?;
    Some(Position {
        table: 0,
        row: last.uuid(),
    })
}
