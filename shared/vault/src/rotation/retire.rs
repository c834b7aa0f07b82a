//! The end of old versions.

use dossier_db::{Tx, error};
use dossier_kernel::{Result, TenantId};
use sea_orm::sea_query::LockType;
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::introduce::{customers_after, next};
use super::rotator::Batch;
use super::row::{Position, execute};
use crate::table::{self, Purpose};
use crate::{Indexes, Registry};

/// Customers of one transaction.
const CUSTOMERS: usize = 256;

/// Deletes all versions of customers' keys but the newest.
pub async fn customers(tx: &Tx, tenant: &TenantId, at: Position) -> Result<Batch> {
    let ids = customers_after(tx, tenant, at, CUSTOMERS).await?;
    let rows = table::customer_keys(tx.conn(), tenant, &ids, Some(LockType::Update)).await?;
    for (id, versions) in rows.iter().filter(|(_, versions)| versions.len() > 1) {
        let newest = versions.iter().map(|row| row.version).max();
        let sql = "DELETE FROM vault_customer_key \
                   WHERE tenant_id = $1 AND customer_id = $2 AND version < $3";
        let values = vec![tenant.as_str().into(), id.uuid().into(), newest.into()];
        execute(tx, sql, values).await?;
    }
    Ok(Batch {
        next: next(&ids, CUSTOMERS),
        ..Batch::default()
    })
}

/// Deletes all versions of the tenant's wrapping key but the newest.
pub async fn tenant(tx: &Tx, tenant: &TenantId) -> Result<Batch> {
    let sql = "DELETE FROM vault_tenant_key WHERE tenant_id = $1 AND purpose = $2 AND version < \
               (SELECT max(version) FROM vault_tenant_key WHERE tenant_id = $1 AND purpose = $2)";
    let values = vec![tenant.as_str().into(), Purpose::Wrap.code().into()];
    execute(tx, sql, values).await?;
    Ok(Batch::default())
}

/// From now on identifiers are neither looked up nor kept by the older index keys.
pub async fn leave(tx: &Tx, tenant: &TenantId) -> Result<()> {
    let sql = "UPDATE vault_tenant_key SET passive = 1 \
               WHERE tenant_id = $1 AND purpose = $2 AND version < \
               (SELECT max(version) FROM vault_tenant_key WHERE tenant_id = $1 AND purpose = $2)";
    let values = vec![tenant.as_str().into(), Purpose::Index.code().into()];
    execute(tx, sql, values).await?;
    Ok(())
}

/// Deletes the blind indexes of the leaving key, then the key.
pub async fn index(tx: &Tx, registry: &Registry, tenant: &TenantId, at: Position) -> Result<Batch> {
    let keys = table::tenant_keys(tx.conn(), tenant).await?;
    let leaving = keys.iter().find(|key| key.passive);
    if let Some(index) = &registry.index
        && let Some(leaving) = leaving
        && let Some(table) = index.tables.get(usize::from(at.table))
    {
        let last = sweep(tx, index, table, tenant, leaving.version, at.row).await?;
        let next = match last {
            Some(row) => Position { row, ..at },
            None => Position {
                table: at.table + 1,
                row: Uuid::nil(),
            },
        };
        return Ok(Batch {
            next: Some(next),
            ..Batch::default()
        });
    }
    let sql = "DELETE FROM vault_tenant_key WHERE tenant_id = $1 AND passive = 1";
    execute(tx, sql, vec![tenant.as_str().into()]).await?;
    Ok(Batch::default())
}

/// Of the customers after `after`; says which was the last, `None` at the end.
async fn sweep(
    tx: &Tx,
    index: &Indexes,
    table: &str,
    tenant: &TenantId,
    version: i32,
    after: Uuid,
) -> Result<Option<Uuid>> {
    let column = index.version;
    let sql = format!(
        "SELECT customer_id FROM {table} WHERE tenant_id = $1 AND customer_id > $2 \
         ORDER BY customer_id LIMIT {CUSTOMERS}"
    );
    let values = [tenant.as_str().into(), after.into()];
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    let rows = tx.conn().query_all_raw(statement).await.map_err(error)?;
    let last: Option<Uuid> = match rows.last() {
        Some(row) => Some(row.try_get_by(0).map_err(error)?),
        None => None,
    };
    if let Some(last) = last {
        let sql = format!(
            "DELETE FROM {table} WHERE tenant_id = $1 AND customer_id > $2 \
             AND customer_id <= $3 AND {column} = $4"
        );
        let values = vec![
            tenant.as_str().into(),
            after.into(),
            last.into(),
            version.into(),
        ];
        execute(tx, &sql, values).await?;
    }
    Ok(last)
}
