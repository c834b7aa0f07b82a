//! Who may be found by which terms. The tables hold shortened keyed hashes of terms, never a term.

use std::fmt::Write as _;

use dossier_db::{Backend, Insert, TenantScoped, Tx};
use dossier_kernel::{CustomerId, Result, TenantId};
use dossier_vault::{BlindIndex, KeyVersion};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

/// A term as the store knows it: the first five bytes of its blind index in hexadecimal digits. Two
/// of a million terms share one rarely enough, and whoever is found is judged by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindTerm(String);

impl BlindTerm {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<BlindIndex> for BlindTerm {
    fn from(index: BlindIndex) -> Self {
        let mut text = String::with_capacity(10);
        for byte in &index.hash[..5] {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

/// All terms of a customer under one version of the index key.
#[derive(Clone, Debug)]
pub struct Terms {
    pub customer: CustomerId,
    pub version: KeyVersion,
    pub terms: Vec<BlindTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_term")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// Of the tenant's index key that made the hashes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub index_version: i32,
    /// With spaces between them.
    pub terms: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// Leaves the rows that are there; says how many were not.
pub async fn insert(tx: &Tx, tenant: &TenantId, all: Vec<Terms>) -> Result<u64> {
    let columns = ["tenant_id", "customer_id", "index_version", "terms"];
    let mut values = Vec::with_capacity(all.len() * columns.len());
    for Terms {
        customer,
        version,
        terms,
    } in all
    {
        let terms: Vec<&str> = terms.iter().map(|term| term.0.as_str()).collect();
        values.extend([
            Value::from(tenant.as_str()),
            customer.uuid().into(),
            version.into(),
            terms.join(" ").into(),
        ]);
    }
    Insert::into("customer_term", &columns)
        .skip_conflicts()
        .rows(tx.conn(), values)
        .await
        .map_err(dossier_db::error)
}

/// Of all versions.
pub async fn delete(tx: &Tx, tenant: &TenantId, customers: &[CustomerId]) -> Result<()> {
    if customers.is_empty() {
        return Ok(());
    }
    dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::CustomerId.is_in(customers.iter().map(|id| id.uuid())))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    Doc(i64),
    Customer(Uuid),
}

/// Customers that have at least one term of each group, in an order of the database's own, and where
/// to go on when there may be more. One may come twice while the index key rotates, and one may not
/// have the terms: hashes are short.
pub async fn holders<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    groups: &[Vec<BlindTerm>],
    after: Option<Place>,
    limit: u64,
) -> Result<(Vec<CustomerId>, Option<Place>)> {
    let backend = conn.get_database_backend();
    let statement = match backend {
        DbBackend::Sqlite => in_index(tenant, groups, after, limit),
        _ => in_table(conn, tenant, groups, after, limit).await?,
    };
    let rows = conn.query_all_raw(statement).await;
    let rows = rows.map_err(dossier_db::error)?;
    let place = |row: &QueryResult| match backend {
        DbBackend::Sqlite => row.try_get_by(1).map(Place::Doc),
        _ => row.try_get_by(0).map(Place::Customer),
    };
    let is_full = rows.len() as u64 >= limit;
    let last = rows.last().filter(|_| is_full).map(place);
    let last = last.transpose().map_err(dossier_db::error)?;
    let ids = rows.iter().map(|row| row.try_get_by(0).map(CustomerId));
    let ids: std::result::Result<_, DbErr> = ids.collect();
    Ok((ids.map_err(dossier_db::error)?, last))
}

fn in_index(
    tenant: &TenantId,
    groups: &[Vec<BlindTerm>],
    after: Option<Place>,
    limit: u64,
) -> Statement {
    let groups = groups.iter().map(|group| {
        let terms: Vec<String> = group.iter().map(|term| format!("\"{}\"", term.0)).collect();
        format!("({})", terms.join(" OR "))
    });
    let groups: Vec<String> = groups.collect();
    let after = match after {
        Some(Place::Doc(doc)) => doc,
        Some(Place::Customer(_)) | None => 0,
    };
    // The index is asked first, whatever the planner thinks of it: it gives rows in their order.
    let sql = "SELECT t.customer_id, t.doc FROM term_index CROSS JOIN customer_term t \
               ON t.doc = term_index.rowid \
               WHERE term_index MATCH $1 AND term_index.rowid > $2 AND t.tenant_id = $3 \
               ORDER BY term_index.rowid LIMIT $4";
    let values = [
        groups.join(" AND ").into(),
        after.into(),
        tenant.as_str().into(),
        limit.into(),
    ];
    Statement::from_sql_and_values(Backend::Sqlite.into(), sql, values)
}

/// Customers of each term of the rarest group, as many as are asked for, and of those who has the
/// other groups too.
async fn in_table<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    groups: &[Vec<BlindTerm>],
    after: Option<Place>,
    limit: u64,
) -> Result<Statement> {
    let after = match after {
        Some(Place::Customer(id)) => id,
        Some(Place::Doc(_)) | None => Uuid::nil(),
    };
    let rarest = match groups.len() {
        0 | 1 => 0,
        _ => rarest(conn, tenant, groups).await?,
    };
    let mut values: Vec<Value> = vec![tenant.as_str().into(), after.into()];
    let mut places = |group: &[BlindTerm], before: &str, behind: &str| {
        let mut places = Vec::with_capacity(group.len());
        for term in group {
            values.push(term.0.as_str().into());
            places.push(format!("{before}${}{behind}", values.len()));
        }
        places.join(", ")
    };
    let (mut terms, mut others) = (String::new(), String::new());
    for (index, group) in groups.iter().enumerate() {
        if index == rarest {
            terms = places(group, "(", "::text)");
            continue;
        }
        let group = places(group, "", "");
        let _ = write!(
            others,
            " AND EXISTS (SELECT 1 FROM term_customer o WHERE o.tenant_id = $1 \
             AND o.customer_id = h.customer_id AND o.term IN ({group}))"
        );
    }
    let sql = format!(
        "SELECT DISTINCT f.customer_id FROM (VALUES {terms}) AS t (term) CROSS JOIN LATERAL \
         (SELECT h.customer_id FROM term_customer h WHERE h.tenant_id = $1 AND h.term = t.term \
         AND h.customer_id > $2{others} ORDER BY h.customer_id LIMIT {limit}) AS f \
         ORDER BY f.customer_id LIMIT {limit}"
    );
    let backend = Backend::Postgres.into();
    Ok(Statement::from_sql_and_values(backend, sql, values))
}

/// Where nobody counts beyond this.
const COUNTED_MAX: u64 = 2_000;

/// The group that the fewest customers have a term of.
async fn rarest<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    groups: &[Vec<BlindTerm>],
) -> Result<usize> {
    let mut values: Vec<Value> = vec![tenant.as_str().into()];
    let mut counts = Vec::with_capacity(groups.len());
    for group in groups {
        let mut places = Vec::with_capacity(group.len());
        for term in group {
            values.push(term.0.as_str().into());
            places.push(format!("${}", values.len()));
        }
        counts.push(format!(
            "(SELECT COUNT(*) FROM (SELECT 1 FROM term_customer WHERE tenant_id = $1 \
             AND term IN ({}) LIMIT {COUNTED_MAX}) AS counted)",
            places.join(", ")
        ));
    }
    let sql = format!("SELECT {}", counts.join(", "));
    let statement = Statement::from_sql_and_values(Backend::Postgres.into(), sql, values);
    let row = conn.query_one_raw(statement).await;
    let Some(row) = row.map_err(dossier_db::error)? else {
        return Ok(0);
    };
    let mut best = (i64::MAX, 0);
    for index in 0..groups.len() {
        let count: i64 = row.try_get_by(index).map_err(dossier_db::error)?;
        best = best.min((count, index));
    }
    Ok(best.1)
}
