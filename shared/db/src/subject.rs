//! Everything a database holds of some customers: found, counted and deleted by one registry.
//!
//! | you want | use |
//! |---|---|
//! | to say which tables hold something of customers | [`HeldTable`] |
//! | all of it gone | [`erase`] |
//! | to know what is left | [`count`] |
//! | what answers to repeated requests hold | [`outcomes`], [`blank`] |

use std::collections::HashSet;
use std::fmt::Write as _;

use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use crate::{Backend, Tx, error};

/// Ids of one statement at most.
const IDS_MAX: usize = 500;
/// Outcomes that are looked through at once.
const OUTCOMES_MAX: u64 = 500;
/// Characters of a UUID as JSON has it.
const UUID_CHARS: usize = 36;

/// A table that holds what belongs to customers. It has `tenant_id`.
#[derive(Clone, Copy, Debug)]
pub struct HeldTable {
    pub table: &'static str,
    pub owner: Owner,
    /// Rows that stay although their customer was erased, as a condition: what they still say must
    /// be that and no more.
    pub stays: Option<&'static str>,
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
        }
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
            let statement =
                Statement::from_sql_and_values(tx.backend().into(), sql, values(tenant, ids));
            let done = tx.conn().execute_raw(statement).await.map_err(error)?;
            deleted += done.rows_affected();
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
            let sql = format!(
                "SELECT COUNT(*) FROM {} WHERE {}",
                table.table,
                table.condition(ids.len())
            );
            let statement = Statement::from_sql_and_values(
                conn.get_database_backend(),
                sql,
                values(tenant, ids),
            );
            if let Some(row) = conn.query_one_raw(statement).await.map_err(error)? {
                let rows: i64 = row.try_get_by(0).map_err(error)?;
                found += u64::try_from(rows).unwrap_or(0);
            }
        }
        counts.push((table.table, found));
    }
    Ok(counts)
}

/// The requests of the tenant whose kept outcome names one of the customers. Outcomes are found by
/// no index: all of them are read, page by page and outside of any transaction.
pub async fn outcomes<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[CustomerId],
) -> Result<Vec<Uuid>> {
    let asked: HashSet<Uuid> = customers.iter().map(|id| id.uuid()).collect();
    let mut found = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let statement = Statement::from_sql_and_values(
            conn.get_database_backend(),
            format!(
                "SELECT request_id, outcome FROM idempotency \
                 WHERE tenant_id = $1 AND request_id > $2 AND outcome IS NOT NULL \
                 ORDER BY request_id LIMIT {OUTCOMES_MAX}"
            ),
            [tenant.as_str().into(), after.into()],
        );
        let rows = conn.query_all_raw(statement).await.map_err(error)?;
        for row in &rows {
            after = row.try_get_by(0).map_err(error)?;
            let outcome: Vec<u8> = row.try_get_by(1).map_err(error)?;
            if names(&outcome, &asked) {
                found.push(after);
            }
        }
        if (rows.len() as u64) < OUTCOMES_MAX {
            return Ok(found);
        }
    }
}

/// Whether JSON has a text that is one of the ids.
fn names(outcome: &[u8], ids: &HashSet<Uuid>) -> bool {
    let mut texts = outcome.windows(UUID_CHARS).zip(outcome.iter().skip(8));
    texts.any(|(text, hyphen)| {
        *hyphen == b'-' && Uuid::try_parse_ascii(text).is_ok_and(|id| ids.contains(&id))
    })
}

/// Empties what is kept of requests: who repeats one is told that it is gone. Says how many were
/// not empty.
pub async fn blank(tx: &Tx, tenant: &TenantId, requests: &[Uuid]) -> Result<u64> {
    let mut blanked = 0;
    for ids in requests.chunks(IDS_MAX) {
        let places: Vec<String> = (2..ids.len() + 2).map(|n| format!("${n}")).collect();
        let sql = format!(
            "UPDATE idempotency SET outcome = NULL \
             WHERE tenant_id = $1 AND outcome IS NOT NULL AND request_id IN ({})",
            places.join(", ")
        );
        let mut values: Vec<Value> = vec![tenant.as_str().into()];
        values.extend(ids.iter().map(|id| Value::from(*id)));
        let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
        let done = tx.conn().execute_raw(statement).await.map_err(error)?;
        blanked += done.rows_affected();
    }
    Ok(blanked)
}

fn values(tenant: &TenantId, ids: &[CustomerId]) -> Vec<Value> {
    let tenant = Value::from(tenant.as_str());
    std::iter::once(tenant)
        .chain(ids.iter().map(|id| id.uuid().into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_names_whose_id_stands_in_it_and_nobody_else() {
        let [known, other] = [CustomerId::generate().uuid(), CustomerId::generate().uuid()];
        let asked = HashSet::from([known]);
        let said = |id: Uuid| format!("{{\"row\":{{\"id\":\"{id}\",\"kind\":\"PERSON\"}}}}");
        assert!(names(said(known).as_bytes(), &asked));
        assert!(names(format!("\"customers/{known}\"").as_bytes(), &asked));
        assert!(!names(said(other).as_bytes(), &asked));
        assert!(!names(b"null", &asked));
        assert!(!names(&said(known).as_bytes()[..40], &asked));
    }
}
