//! What profile said of customers.

use std::collections::{BTreeMap, BTreeSet};

use dossier_db::{Insert, Tx, error, find};
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::entity::customer::{Column, Entity, Model};
use super::{IDS_MAX, ROWS_MAX, profile};
use crate::domain::{Profile, Standing};
use crate::error::Error;

/// A customer's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub standing: Standing,
    pub profile: Option<Profile>,
    /// When a membership can change although nothing happens.
    pub due: Option<Timestamp>,
}

impl Known {
    fn read(row: Model) -> Result<(CustomerId, Self)> {
        let Model {
            tenant_id: _,
            customer_id,
            standing,
            profile,
            due_time,
        } = row;
        let known = Self {
            standing: read_standing(&standing)?,
            profile: profile.as_deref().map(profile::read).transpose()?,
            due: due_time.map(Timestamp),
        };
        Ok((CustomerId(customer_id), known))
    }
}

const fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Unknown => "UNKNOWN",
        Standing::Live => "LIVE",
        Standing::Deleted => "DELETED",
        Standing::Erased => "ERASED",
        Standing::Purged => "PURGED",
    }
}

fn read_standing(text: &str) -> Result<Standing> {
    [
        Standing::Unknown,
        Standing::Live,
        Standing::Deleted,
        Standing::Erased,
        Standing::Purged,
    ]
    .into_iter()
    .find(|standing| standing_text(*standing) == text)
    .ok_or_else(|| Error::unreadable("customer", "its standing").into())
}

/// What is written where a query asks for live customers.
pub(super) const LIVE: &str = standing_text(Standing::Live);

/// Locks the rows until the transaction ends; customers that were never heard of get one.
pub async fn lock_or_create(
    tx: &Tx,
    tenant: &TenantId,
    ids: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, Known>> {
    let unknown = standing_text(Standing::Unknown);
    let mut values = Vec::with_capacity(ids.len() * 3);
    for id in ids {
        values.extend([tenant.as_str().into(), id.uuid().into(), unknown.into()]);
    }
    let insert = Insert::into("customer", &["tenant_id", "customer_id", "standing"]);
    insert
        .skip_conflicts()
        .rows(tx.conn(), values)
        .await
        .map_err(error)?;
    lock(tx, tenant, ids).await
}

/// Locks the rows until the transaction ends. SQLite has one writer and needs no locks.
pub async fn lock(
    tx: &Tx,
    tenant: &TenantId,
    ids: &BTreeSet<CustomerId>,
) -> Result<BTreeMap<CustomerId, Known>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(IDS_MAX) {
        let rows = find::<Entity>(tenant)
            .filter(Column::CustomerId.is_in(chunk.iter().copied()))
            .order_by_asc(Column::CustomerId)
            .lock_exclusive()
            .all(tx.conn())
            .await
            .map_err(error)?;
        for row in rows {
            let (id, known) = Known::read(row)?;
            found.insert(id, known);
        }
    }
    Ok(found)
}

pub async fn save<'k>(
    tx: &Tx,
    tenant: &TenantId,
    customers: impl IntoIterator<Item = (CustomerId, &'k Known)>,
) -> Result<()> {
    let mut rows = Vec::new();
    for (id, known) in customers {
        let Known {
            standing,
            profile,
            due,
        } = known;
        let row = Model {
            tenant_id: tenant.to_string(),
            customer_id: id.uuid(),
            standing: standing_text(*standing).to_owned(),
            profile: profile.as_ref().map(profile::write).transpose()?,
            due_time: due.map(Timestamp::micros),
        };
        rows.push(row.into_active_model());
    }
    for chunk in rows.chunks(ROWS_MAX) {
        let mut conflict = OnConflict::columns([Column::TenantId, Column::CustomerId]);
        conflict.update_columns([Column::Standing, Column::Profile, Column::DueTime]);
        Entity::insert_many(chunk.to_vec())
            .on_conflict(conflict)
            .exec_without_returning(tx.conn())
            .await
            .map_err(error)?;
    }
    Ok(())
}

/// `None` where the customer was never heard of.
pub async fn get<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: CustomerId,
) -> Result<Option<Known>> {
    let row = find::<Entity>(tenant)
        .filter(Column::CustomerId.eq(id.uuid()))
        .one(conn)
        .await
        .map_err(error)?;
    Ok(row.map(Known::read).transpose()?.map(|(_, known)| known))
}

/// Customers by id, whatever their standing, after the one given.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<CustomerId>,
    limit: u64,
) -> Result<BTreeMap<CustomerId, Known>> {
    let mut select = find::<Entity>(tenant)
        .order_by_asc(Column::CustomerId)
        .limit(limit);
    if let Some(after) = after {
        select = select.filter(Column::CustomerId.gt(after.uuid()));
    }
    select
        .all(conn)
        .await
        .map_err(error)?
        .into_iter()
        .map(Known::read)
        .collect()
}

pub async fn live_count<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<i64> {
    let live = find::<Entity>(tenant).filter(Column::Standing.eq(LIVE));
    let count = live.count(conn).await.map_err(error)?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX))
}
