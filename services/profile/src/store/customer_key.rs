//! Who has an identifier. The table holds blind indexes, never an identifier.

use std::collections::{BTreeSet, HashMap};

use dossier_db::{Backend, Insert, TenantScoped, Tx};
use dossier_kernel::{CustomerId, Error, Result, TenantId, Timestamp};
use dossier_vault::{BlindIndex, BlindIndexes};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, Statement, Value};

use super::{ASKED_MAX, customer};
use crate::domain::KeyKind;

/// A normalised identifier as the store knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindKey {
    pub kind: KeyKind,
    /// Of the normalised text.
    pub index: BlindIndexes,
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
    /// Of the tenant's index key that made the hash.
    pub index_version: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

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
    /// Who speaks for whoever has it.
    pub customer: CustomerId,
    /// Who has it: the customer, or one of its parts. The customer itself where several of them do.
    pub origin: CustomerId,
    pub deleted: bool,
}

/// Everyone who has one of `keys`, deleted customers too, each once. Holders of one key come in the
/// order in which they were made. What parts of a customer have, the customer has.
///
/// Two look-ups by primary key instead of a join: planners that know nothing of the tables yet, or
/// that are asked for an order, walk all customers for a handful of identifiers.
pub async fn holders<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    keys: &[BlindKey],
) -> Result<Vec<Holder>> {
    let found = rows(conn, tenant, keys).await?;
    let ids: Vec<CustomerId> = found.iter().map(|(_, customer)| *customer).collect();
    let lives = customer::lives(conn, tenant, &ids).await?;
    let mut holders: HashMap<(BlindKey, CustomerId), (Timestamp, Holder)> =
        HashMap::with_capacity(found.len());
    for (key, origin) in found {
        let Some(life) = lives.get(&origin) else {
            continue;
        };
        let customer = life.speaker;
        let one = Holder {
            key,
            customer,
            origin,
            deleted: life.deleted,
        };
        holders
            .entry((key, customer))
            .and_modify(|(made, holder)| {
                *made = life.create_time.min(*made);
                holder.origin = customer;
            })
            .or_insert((life.create_time, one));
    }
    let mut holders: Vec<(Timestamp, Holder)> = holders.into_values().collect();
    holders.sort_unstable_by_key(|(made, holder)| (*made, holder.customer, holder.key));
    Ok(holders.into_iter().map(|(_, holder)| holder).collect())
}

/// Who has one of `keys`, as it is stored.
pub async fn rows<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    keys: &[BlindKey],
) -> Result<BTreeSet<(BlindKey, CustomerId)>> {
    let mut found = BTreeSet::new();
    for kind in [KeyKind::ExternalId, KeyKind::Email, KeyKind::Phone] {
        let of_kind = keys.iter().filter(|key| key.kind == kind);
        let by_hash: HashMap<[u8; 32], BlindKey> = of_kind
            .flat_map(|key| key.index.live().map(|index| (index.hash, *key)))
            .collect();
        let hashes: Vec<&[u8]> = by_hash.keys().map(<[u8; 32]>::as_slice).collect();
        for hashes in hashes.chunks(ASKED_MAX) {
            let query = dossier_db::find::<Entity>(tenant)
                .filter(Column::Kind.eq(kind.code()))
                .filter(Column::Hash.is_in(hashes.iter().copied()));
            for row in query.all(conn).await.map_err(dossier_db::error)? {
                if let Ok(hash) = <[u8; 32]>::try_from(row.hash)
                    && let Some(key) = by_hash.get(&hash)
                {
                    found.insert((*key, CustomerId(row.customer_id)));
                }
            }
        }
    }
    Ok(found)
}

/// Gives identifiers to their customers; returns one that somebody else has, where the store
/// refused it. The caller then gives up the whole transaction, as it does on `UNAVAILABLE`, which
/// says that who had it is gone by now.
pub async fn claim(
    tx: &Tx,
    tenant: &TenantId,
    claims: Vec<(BlindKey, CustomerId)>,
) -> Result<Option<Holder>> {
    let rows = claims
        .iter()
        .flat_map(|(key, customer)| key.index.live().map(|index| (key.kind, index, *customer)));
    let rows: Vec<_> = rows.collect();
    let count = rows.len();
    if insert(tx, tenant, rows).await? == count {
        return Ok(None);
    }
    match other_holder(tx, tenant, &claims).await? {
        Some(holder) => Ok(Some(holder)),
        None => Err(Error::unavailable(
            "An identifier changed hands just now; retry with the same request id.",
        )),
    }
}

/// As [`claim`], for customers who may have some of the identifiers already.
pub async fn reclaim(
    tx: &Tx,
    tenant: &TenantId,
    claims: Vec<(BlindKey, CustomerId)>,
) -> Result<Option<Holder>> {
    let ids: Vec<CustomerId> = claims.iter().map(|(_, customer)| *customer).collect();
    let parts = customer::parts(tx.conn(), tenant, &ids).await?;
    let lacking = without_parts(tx, tenant, claims.clone(), &parts).await?;
    complete(tx, tenant, lacking).await?;
    other_holder(tx, tenant, &claims).await
}

/// Somebody who has an identifier that only one customer may have, and is not who claims it.
async fn other_holder(
    tx: &Tx,
    tenant: &TenantId,
    claims: &[(BlindKey, CustomerId)],
) -> Result<Option<Holder>> {
    let keys: Vec<BlindKey> = claims.iter().map(|(key, _)| *key).collect();
    let holders = holders(tx.conn(), tenant, &keys).await?;
    Ok(holders.into_iter().find(|holder| {
        holder.key.kind.is_exclusive() && !claims.contains(&(holder.key, holder.customer))
    }))
}

/// Of what customers claim, what none of their parts has: that stays the part's, so that it is known
/// by whose identifier somebody comes.
pub async fn without_parts(
    tx: &Tx,
    tenant: &TenantId,
    claims: Vec<(BlindKey, CustomerId)>,
    parts: &HashMap<CustomerId, Vec<CustomerId>>,
) -> Result<Vec<(BlindKey, CustomerId)>> {
    if parts.is_empty() || claims.is_empty() {
        return Ok(claims);
    }
    let keys: Vec<BlindKey> = claims.iter().map(|(key, _)| *key).collect();
    let holders = holders(tx.conn(), tenant, &keys).await?;
    let had: BTreeSet<(BlindKey, CustomerId)> = holders
        .iter()
        .map(|holder| (holder.key, holder.customer))
        .collect();
    let claims = claims.into_iter();
    Ok(claims.filter(|claim| !had.contains(claim)).collect())
}

const COLUMNS: [&str; 6] = [
    "tenant_id",
    "kind",
    "hash",
    "holder",
    "customer_id",
    "index_version",
];

/// Leaves the rows that are there; says how many were not.
async fn insert(
    tx: &Tx,
    tenant: &TenantId,
    mut rows: Vec<(KeyKind, BlindIndex, CustomerId)>,
) -> Result<usize> {
    // In one order everywhere, so that two transactions cannot wait for each other.
    rows.sort_unstable();
    let mut values = Vec::with_capacity(rows.len() * COLUMNS.len());
    for (kind, BlindIndex { version, hash }, customer) in rows {
        let holder = if kind.is_exclusive() {
            Uuid::nil()
        } else {
            customer.uuid()
        };
        values.extend([
            Value::from(tenant.as_str()),
            kind.code().into(),
            hash.to_vec().into(),
            holder.into(),
            customer.uuid().into(),
            version.into(),
        ]);
    }
    let insert = Insert::into("customer_key", &COLUMNS).skip_conflicts();
    let inserted = insert
        .rows(tx.conn(), values)
        .await
        .map_err(dossier_db::error)?;
    usize::try_from(inserted).map_err(Error::internal)
}

/// While the index key rotates: gives customers the blind indexes they lack of identifiers that they
/// have; says how many were lacking.
pub async fn complete(
    tx: &Tx,
    tenant: &TenantId,
    keys: Vec<(BlindKey, CustomerId)>,
) -> Result<u64> {
    let rows = keys
        .iter()
        .flat_map(|(key, customer)| key.index.live().map(|index| (key.kind, index, *customer)));
    let rows = rows.collect();
    let inserted = insert(tx, tenant, rows).await?;
    u64::try_from(inserted).map_err(Error::internal)
}

/// Takes identifiers back from a customer and its parts.
pub async fn release(
    tx: &Tx,
    tenant: &TenantId,
    customers: &[CustomerId],
    keys: &[BlindKey],
) -> Result<()> {
    let ids: Vec<Uuid> = customers.iter().map(|id| id.uuid()).collect();
    for key in keys {
        dossier_db::delete_many::<Entity>(tenant)
            .filter(Column::Kind.eq(key.kind.code()))
            .filter(Column::Hash.is_in(key.index.all().map(|index| index.hash.to_vec())))
            .filter(Column::CustomerId.is_in(ids.iter().copied()))
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
        .flat_map(|key| key.index.live())
        .filter_map(|index| index.hash.first_chunk::<8>().copied())
        .map(i64::from_le_bytes)
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
