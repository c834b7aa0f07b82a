//! Who has an identifier. The table holds blind indexes, never an identifier.

use dossier_db::{Backend, Insert, TenantScoped, Tx};
use dossier_kernel::{CustomerId, Error, Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, FromQueryResult, JoinType, QuerySelect, Statement, Value};

use super::customer;
use crate::domain::KeyKind;

/// A normalised identifier as the store knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindKey {
    pub kind: KeyKind,
    /// HMAC-SHA-256 of the normalised text under the tenant's index key.
    pub hash: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    /// Nil for identifiers that one customer only may have, else the customer: the primary key is
    /// what refuses a second owner.
    #[sea_orm(primary_key, auto_increment = false)]
    pub holder: Uuid,
    pub customer_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "customer::Entity",
        from = "(Column::TenantId, Column::CustomerId)",
        to = "(customer::Column::TenantId, customer::Column::Id)"
    )]
    Customer,
}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// A customer that has an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub key: BlindKey,
    pub customer: CustomerId,
    pub deleted: bool,
}

#[derive(FromQueryResult)]
struct Found {
    hash: Vec<u8>,
    customer_id: Uuid,
    delete_time: Option<i64>,
    create_time: i64,
}

/// Everyone who has one of `keys`, deleted customers too. Holders of one key come in the order in
/// which they were made.
pub async fn holders<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    keys: &[BlindKey],
) -> Result<Vec<Holder>> {
    let mut holders = Vec::new();
    for kind in [KeyKind::ExternalId, KeyKind::Email, KeyKind::Phone] {
        let hashes: Vec<&[u8]> = keys
            .iter()
            .filter(|key| key.kind == kind)
            .map(|key| key.hash.as_slice())
            .collect();
        if hashes.is_empty() {
            continue;
        }
        let query = dossier_db::find::<Entity>(tenant)
            .select_only()
            .columns([Column::Hash, Column::CustomerId])
            .columns([customer::Column::DeleteTime, customer::Column::CreateTime])
            .join(JoinType::InnerJoin, Relation::Customer.def())
            .filter(Column::Kind.eq(kind.code()))
            .filter(Column::Hash.is_in(hashes));
        let mut found = query
            .into_model::<Found>()
            .all(conn)
            .await
            .map_err(dossier_db::error)?;
        // Ordered here: asked to order by a column of customers, SQLite walks all of them instead
        // of looking up the few identifiers (60,000 customers: 28 s instead of 50 ms).
        found.sort_unstable_by_key(|found| (found.create_time, found.customer_id));
        for Found {
            hash,
            customer_id,
            delete_time,
            create_time: _,
        } in found
        {
            let Ok(hash) = hash.try_into() else { continue };
            holders.push(Holder {
                key: BlindKey { kind, hash },
                customer: CustomerId(customer_id),
                deleted: delete_time.is_some(),
            });
        }
    }
    Ok(holders)
}

/// Gives identifiers to their customers; returns one that somebody else has, where the store
/// refused it. The caller then gives up the whole transaction, as it does on `UNAVAILABLE`, which
/// says that who had it is gone by now.
pub async fn claim(
    tx: &Tx,
    tenant: &TenantId,
    mut claims: Vec<(BlindKey, CustomerId)>,
) -> Result<Option<Holder>> {
    // In one order everywhere, so that two transactions cannot wait for each other.
    claims.sort_unstable();
    let mut values = Vec::with_capacity(claims.len() * COLUMNS.len());
    for (key, customer) in &claims {
        let holder = if key.kind.is_exclusive() {
            Uuid::nil()
        } else {
            customer.uuid()
        };
        values.extend([
            Value::from(tenant.as_str()),
            key.kind.code().into(),
            key.hash.to_vec().into(),
            holder.into(),
            customer.uuid().into(),
        ]);
    }
    let insert = Insert::into("customer_key", &COLUMNS).skip_conflicts();
    let inserted = insert
        .rows(tx.conn(), values)
        .await
        .map_err(dossier_db::error)?;
    if usize::try_from(inserted) == Ok(claims.len()) {
        return Ok(None);
    }
    let keys: Vec<BlindKey> = claims.iter().map(|(key, _)| *key).collect();
    let holders = holders(tx.conn(), tenant, &keys).await?;
    let other = holders.into_iter().find(|holder| {
        holder.key.kind.is_exclusive() && !claims.contains(&(holder.key, holder.customer))
    });
    match other {
        Some(holder) => Ok(Some(holder)),
        None => Err(Error::unavailable(
            "An identifier changed hands just now; retry with the same request id.",
        )),
    }
}

const COLUMNS: [&str; 5] = ["tenant_id", "kind", "hash", "holder", "customer_id"];

/// Takes identifiers back from one customer.
pub async fn release(
    tx: &Tx,
    tenant: &TenantId,
    customer: CustomerId,
    keys: &[BlindKey],
) -> Result<()> {
    for key in keys {
        dossier_db::delete_many::<Entity>(tenant)
            .filter(Column::Kind.eq(key.kind.code()))
            .filter(Column::Hash.eq(key.hash.as_slice()))
            .filter(Column::CustomerId.eq(customer.uuid()))
            .exec(tx.conn())
            .await
            .map_err(dossier_db::error)?;
    }
    Ok(())
}

/// Makes whoever else decides by one of these identifiers wait until this transaction ends.
///
/// Contact points may be shared, so no unique key orders two upserts that both find nobody. SQLite
/// has one writer and needs nothing; PostgreSQL takes advisory locks, in one order everywhere.
pub async fn decide_alone(tx: &Tx, keys: &[BlindKey]) -> Result<()> {
    if tx.backend() == Backend::Sqlite || keys.is_empty() {
        return Ok(());
    }
    let mut names: Vec<i64> = keys
        .iter()
        .filter_map(|key| key.hash.first_chunk::<8>())
        .map(|head| i64::from_le_bytes(*head))
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let statement = Statement::from_sql_and_values(
            tx.backend().into(),
            "SELECT pg_advisory_xact_lock($1)",
            [name.into()],
        );
        tx.conn()
            .execute_raw(statement)
            .await
            .map_err(dossier_db::error)?;
    }
    Ok(())
}
