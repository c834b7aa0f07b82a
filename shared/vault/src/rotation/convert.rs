//! From old versions to new ones.

use dossier_db::{Tx, error, failpoint};
use dossier_kernel::{CustomerId, Error, Result, TenantId};
use sea_orm::sea_query::LockType;
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use uuid::Uuid;

use super::introduce::{customers_after, next};
use super::rotator::Batch;
use super::row::{Position, execute};
use crate::table::{self, Purpose, Wrapped};
use crate::{Owner, Reindexed, SealedTable};
use crate::{Place, Registry, Vault, tenant_key};

/// Tenants' keys of one transaction: each may be a call to a KMS.
const ROOT_KEYS: usize = 16;
/// Customers' keys of one transaction.
const KEYS: usize = 256;
/// Rows of one transaction.
const ROWS: usize = 128;

/// Wraps what another root key than the current one wraps, of all tenants.
pub async fn root(tx: &Tx, vault: &Vault) -> Result<Batch> {
    let sql = format!(
        "SELECT purpose, version, root_id, wrapped, passive, tenant_id FROM vault_tenant_key \
         WHERE root_id <> $1 ORDER BY tenant_id LIMIT {ROOT_KEYS}"
    );
    let values = [vault.roots().current().id().into()];
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    let rows = tx.conn().query_all_raw(statement).await.map_err(error)?;
    for row in &rows {
        let tenant: String = row.try_get_by(5).map_err(error)?;
        let tenant = match tenant.as_str() {
            "*" => TenantId::all(),
            name => TenantId::parse(name)?,
        };
        let Wrapped {
            purpose,
            version,
            root_id,
            wrapped,
            passive: _,
        } = tenant_key::rewrap(vault.roots(), &tenant, &table::wrapped(row)?).await?;
        let sql = "UPDATE vault_tenant_key SET root_id = $1, wrapped = $2 \
                   WHERE tenant_id = $3 AND purpose = $4 AND version = $5";
        let values = vec![
            root_id.into(),
            wrapped.into(),
            tenant.as_str().into(),
            purpose.code().into(),
            version.into(),
        ];
        execute(tx, sql, values).await?;
    }
    Ok(Batch {
        next: (rows.len() == ROOT_KEYS).then(Position::default),
        converted: rows.len() as u64,
        unreadable: 0,
    })
}

/// Wraps customers' keys under the newest key of the tenant.
pub async fn tenant(tx: &Tx, vault: &Vault, tenant: &TenantId, at: Position) -> Result<Batch> {
    let ids = customers_after(tx, tenant, at, KEYS).await?;
    let rows = table::customer_keys(tx.conn(), tenant, &ids, Some(LockType::Update)).await?;
    let mut batch = Batch {
        next: next(&ids, KEYS),
        ..Batch::default()
    };
    let keys = vault.tenant_keys_in(tx, tenant).await?;
    for row in rows.values().flatten() {
        match keys.rewrap(row) {
            Ok(None) => {}
            Ok(Some(made)) => {
                let sql = "UPDATE vault_customer_key SET wrapped = $1 \
                           WHERE tenant_id = $2 AND customer_id = $3 AND version = $4";
                let values = vec![
                    made.wrapped.into(),
                    tenant.as_str().into(),
                    made.customer.uuid().into(),
                    made.version.into(),
                ];
                batch.converted += execute(tx, sql, values).await?;
            }
            Err(_) => batch.unreadable += 1,
        }
    }
    Ok(batch)
}

/// Seals cells under the newest keys of their customers.
pub async fn customers(
    tx: &Tx,
    vault: &Vault,
    registry: &Registry,
    tenant: &TenantId,
    at: Position,
) -> Result<Batch> {
    let Some(table) = registry.tables.get(usize::from(at.table)) else {
        return Ok(Batch::default());
    };
    let rows = rows_after(tx, table, tenant, at.row).await?;
    let ids: Vec<CustomerId> = rows.iter().map(|row| row.customer).collect();
    let keys = vault.lock(tx, tenant, &ids).await?;
    let mut batch = Batch::default();
    for row in &rows {
        // Without a key: of a customer who was erased.
        let Some(key) = keys.get(&row.customer) else {
            continue;
        };
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            let Some(cell) = cell else { continue };
            if failpoint::planted("vault::forget_cell") {
                continue;
            }
            let place = Place {
                table: table.table,
                column,
                row: row.id,
            };
            match key.reseal(&place, cell) {
                Ok(None) => {}
                Ok(Some(sealed)) => {
                    batch.converted += replace(tx, table, tenant, &place, cell, sealed).await?;
                }
                // What does not open with its own version never will.
                Err(_) => batch.unreadable += 1,
            }
        }
    }
    let last = rows.last().filter(|_| rows.len() == ROWS);
    batch.next = Some(match last {
        Some(row) => Position { row: row.id, ..at },
        None => Position {
            table: at.table + 1,
            row: Uuid::nil(),
        },
    });
    if last.is_none() && usize::from(at.table) + 1 == registry.tables.len() {
        batch.next = None;
    }
    Ok(batch)
}

/// Where nobody has written meanwhile: whoever has, has sealed with a new version or is found by
/// the next pass.
async fn replace(
    tx: &Tx,
    table: &SealedTable,
    tenant: &TenantId,
    place: &Place,
    old: &[u8],
    new: Vec<u8>,
) -> Result<u64> {
    let Place { column, row, .. } = place;
    let sql = format!(
        "UPDATE {} SET {column} = $1 WHERE tenant_id = $2 AND {} = $3 AND {column} = $4",
        table.table, table.row
    );
    let values = vec![
        new.into(),
        tenant.as_str().into(),
        (*row).into(),
        old.to_vec().into(),
    ];
    execute(tx, &sql, values).await?;
    // Counted even where it was too late, so that another pass looks.
    Ok(1)
}

struct SealedRow {
    id: Uuid,
    customer: CustomerId,
    cells: Vec<Option<Vec<u8>>>,
}

async fn rows_after(
    tx: &Tx,
    table: &SealedTable,
    tenant: &TenantId,
    after: Uuid,
) -> Result<Vec<SealedRow>> {
    let SealedTable {
        table: name,
        row,
        owner,
        columns,
    } = table;
    let (owner, join) = match owner {
        Owner::Column(column) => (format!("t.{column}"), String::new()),
        Owner::Through {
            table,
            key,
            customer,
        } => (
            format!("o.{customer}"),
            format!(" JOIN {table} o ON o.tenant_id = t.tenant_id AND o.{key} = t.{key}"),
        ),
    };
    let sql = format!(
        "SELECT t.{row}, {owner}, t.{} FROM {name} t{join} \
         WHERE t.tenant_id = $1 AND t.{row} > $2 ORDER BY t.{row} LIMIT {ROWS}",
        columns.join(", t.")
    );
    let values = [tenant.as_str().into(), after.into()];
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    let rows = tx.conn().query_all_raw(statement).await.map_err(error)?;
    rows.iter().map(|row| read(row, columns.len())).collect()
}

fn read(row: &QueryResult, columns: usize) -> Result<SealedRow> {
    let cells = (2..2 + columns).map(|column| row.try_get_by(column).map_err(error));
    Ok(SealedRow {
        id: row.try_get_by(0).map_err(error)?,
        customer: CustomerId(row.try_get_by(1).map_err(error)?),
        cells: cells.collect::<Result<_>>()?,
    })
}

/// Adds blind indexes of the newest version.
pub async fn index(
    tx: &Tx,
    vault: &Vault,
    registry: &Registry,
    tenant: &TenantId,
    at: Position,
) -> Result<Batch> {
    let versions = table::tenant_keys(tx.conn(), tenant).await?;
    let versions = versions
        .iter()
        .filter(|key| key.purpose == Purpose::Index)
        .count();
    let Some(index) = registry.index.filter(|_| versions > 1) else {
        return Ok(Batch::default());
    };
    let limit = u64::try_from(ROWS).map_err(Error::internal)?;
    let Reindexed { last, added } = (index.reindex)(tx, vault, tenant, at.row, limit).await?;
    Ok(Batch {
        next: last.map(|row| Position { table: 0, row }),
        converted: added,
        unreadable: 0,
    })
}
