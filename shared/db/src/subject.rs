//! Everything a database holds of some customers: found, counted and deleted by one registry.
//!
//! | you want | use |
//! |---|---|
//! | to say which tables hold something of customers | [`HeldTable`] |
//! | all of it gone | [`thin`] until nothing more is, then [`erase`] |
//! | to know what is left | [`count`] |
//! | what answers to repeated requests hold | [`outcomes`], [`blank`] |

use std::fmt::Write as _;

use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::{Backend, Tx, error};

/// Ids of one statement at most.
const IDS_MAX: usize = 500;

/// A table that holds what belongs to customers. It has `tenant_id`.
#[derive(Clone, Copy, Debug)]
pub struct HeldTable {
    pub table: &'static str,
    pub owner: Owner,
    /// Rows that stay although their customer was erased, as a condition: what they still say must
    /// be that and no more.
    pub stays: Option<&'static str>,
    /// The column that tells a customer's rows apart, where anybody may have any number of them.
    pub key: Option<&'static str>,
}

/// How a row says whose it is.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    /// By a column of its own.
    Column(&'static str),
    /// By the column `customer` of that row of `table` that has the same `key`.
    Through {
        table: &'static str,
        key: &'static str,
        customer: &'static str,
    },
}

impl HeldTable {
    /// Whose rows all go, and that say so themselves.
    pub const fn by(table: &'static str, column: &'static str) -> Self {
        Self {
            table,
            owner: Owner::Column(column),
            stays: None,
            key: None,
        }
    }

    /// As [`Self::by`], of which anybody may have any number.
    pub const fn many(table: &'static str, column: &'static str, key: &'static str) -> Self {
        let mut held = Self::by(table, column);
        held.key = Some(key);
        held
    }

    /// What [`count`] asks for so many customers.
    pub fn count_sql(&self, ids: usize) -> String {
        let condition = self.condition(ids);
        format!("SELECT COUNT(*) FROM {} WHERE {condition}", self.table)
    }

    /// The condition of the customers' rows. `$1` is the tenant, the ids follow.
    fn condition(&self, ids: usize) -> String {
        let places: Vec<String> = (2..ids + 2).map(|n| format!("${n}")).collect();
        let places = places.join(", ");
        let mut condition = match self.owner {
            Owner::Column(column) => format!("tenant_id = $1 AND {column} IN ({places})"),
            Owner::Through {
                table,
                key,
                customer,
            } => format!(
                "tenant_id = $1 AND {key} IN \
                 (SELECT {key} FROM {table} WHERE tenant_id = $1 AND {customer} IN ({places}))"
            ),
        };
        if let Some(stays) = self.stays {
            let _ = write!(condition, " AND NOT ({stays})");
        }
        condition
    }
}

/// What was found or deleted, by table.
pub type Counts = Vec<(&'static str, u64)>;

/// Deletes every row of the customers. A table that finds its customers through another comes
/// before that one.
pub async fn erase(
    tx: &Tx,
    tenant: &TenantId,
    tables: &[HeldTable],
    customers: &[CustomerId],
) -> Result<Counts> {
    hold(tx, tenant, tables, customers).await?;
    let mut counts = Counts::with_capacity(tables.len());
    for table in tables {
        let mut deleted = 0;
        for ids in customers.chunks(IDS_MAX) {
            let sql = format!(
                "DELETE FROM {} WHERE {}",
                table.table,
                table.condition(ids.len())
            );
            deleted += execute(tx, sql, values(tenant, ids)).await?;
        }
        counts.push((table.table, deleted));
    }
    Ok(counts)
}

/// Locks the rows through which others are found: whoever is just adding such a row is waited for,
/// and what it added is seen. SQLite has one writer and needs no locks.
async fn hold(
    tx: &Tx,
    tenant: &TenantId,
    tables: &[HeldTable],
    customers: &[CustomerId],
) -> Result<()> {
    if tx.backend() == Backend::Sqlite {
        return Ok(());
    }
    for held in tables {
        let Owner::Through {
            table,
            key,
            customer,
        } = held.owner
        else {
            continue;
        };
        for ids in customers.chunks(IDS_MAX) {
            let parents = HeldTable::by(table, customer).condition(ids.len());
            let sql =
                format!("SELECT {key} FROM {table} WHERE {parents} ORDER BY {key} FOR UPDATE");
            let statement =
                Statement::from_sql_and_values(tx.backend().into(), sql, values(tenant, ids));
            tx.conn().query_all_raw(statement).await.map_err(error)?;
        }
    }
    Ok(())
}

/// The rows that there are of the customers.
pub async fn count<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    tables: &[HeldTable],
    customers: &[CustomerId],
) -> Result<Counts> {
    let mut counts = Counts::with_capacity(tables.len());
    for table in tables {
        let mut found = 0;
        for ids in customers.chunks(IDS_MAX) {
            let sql = table.count_sql(ids.len());
            found += number(conn, sql, values(tenant, ids)).await?;
        }
        counts.push((table.table, found));
    }
    Ok(counts)
}

/// Deletes some of the customers' rows in the tables of which anybody may have any number, so that what
/// [`erase`] deletes at once is bounded; says how many, and none when there are no more.
pub async fn thin(
    tx: &Tx,
    tenant: &TenantId,
    tables: &[HeldTable],
    customers: &[CustomerId],
    rows_max: u64,
) -> Result<Counts> {
    let mut counts = Counts::new();
    let mut left = rows_max;
    for table in tables {
        let Some(key) = table.key else { continue };
        for ids in customers.chunks(IDS_MAX) {
            if left == 0 {
                return Ok(counts);
            }
            let (name, rows) = (table.table, table.condition(ids.len()));
            let sql = format!(
                "DELETE FROM {name} WHERE {rows} AND {key} IN \
                 (SELECT {key} FROM {name} WHERE {rows} LIMIT {left})"
            );
            let deleted = execute(tx, sql, values(tenant, ids)).await?;
            left = left.saturating_sub(deleted);
            if deleted > 0 {
                counts.push((name, deleted));
            }
        }
    }
    Ok(counts)
}

/// The kept outcomes of requests that name one of the customers.
pub async fn outcomes<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[CustomerId],
) -> Result<u64> {
    let mut found = 0;
    for ids in customers.chunks(IDS_MAX) {
        found += number(conn, outcomes_sql(ids.len()), values(tenant, ids)).await?;
    }
    Ok(found)
}

/// What [`outcomes`] asks for so many customers.
pub fn outcomes_sql(ids: usize) -> String {
    format!("SELECT COUNT(*) FROM idempotency WHERE {}", naming(ids))
}

/// Empties what is kept of requests that name one of the customers: who repeats one is told that it is
/// gone. Says how many were not empty.
pub async fn blank(tx: &Tx, tenant: &TenantId, customers: &[CustomerId]) -> Result<u64> {
    let mut blanked = 0;
    for ids in customers.chunks(IDS_MAX) {
        let sql = format!(
            "UPDATE idempotency SET outcome = NULL WHERE {}",
            naming(ids.len())
        );
        blanked += execute(tx, sql, values(tenant, ids)).await?;
        let named = HeldTable::by("idempotency_subject", "subject").condition(ids.len());
        let sql = format!("DELETE FROM idempotency_subject WHERE {named}");
        execute(tx, sql, values(tenant, ids)).await?;
    }
    Ok(blanked)
}

/// The condition of outcomes that name somebody. `$1` is the tenant, the ids follow.
fn naming(ids: usize) -> String {
    let named = HeldTable::by("idempotency_subject", "subject").condition(ids);
    format!(
        "tenant_id = $1 AND outcome IS NOT NULL AND request_id IN \
         (SELECT request_id FROM idempotency_subject WHERE {named})"
    )
}

async fn execute(tx: &Tx, sql: String, values: Vec<Value>) -> Result<u64> {
    let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
    let done = tx.conn().execute_raw(statement).await.map_err(error)?;
    Ok(done.rows_affected())
}

async fn number<C: ConnectionTrait>(conn: &C, sql: String, values: Vec<Value>) -> Result<u64> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let row = conn.query_one_raw(statement).await.map_err(error)?;
    let rows: Option<i64> = row
        .map(|row| row.try_get_by(0))
        .transpose()
        .map_err(error)?;
    Ok(u64::try_from(rows.unwrap_or(0)).unwrap_or(0))
}

fn values(tenant: &TenantId, ids: &[CustomerId]) -> Vec<Value> {
    let tenant = Value::from(tenant.as_str());
    std::iter::once(tenant)
        .chain(ids.iter().map(|id| id.uuid().into()))
        .collect()
}
