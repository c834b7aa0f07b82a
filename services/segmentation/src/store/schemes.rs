//! The scheme of a tenant, and the lock that holds rules still.
//!
//! Whoever evaluates rules shares the tenant's row; whoever changes what rules mean takes it alone.
//! So a customer that is being written while a segment is made is seen either by that writer or by
//! the segment's backfill, never by neither.

use dossier_db::{Insert, Tx, error, find};
use dossier_kernel::{Currency, Money, Result, TenantId, Timestamp};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QuerySelect};

use super::entity::tenant::{Entity, Model};
use crate::domain::Scheme;
use crate::error::Error;

/// The scheme; the defaults where the tenant never changed them.
pub async fn get<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<Scheme> {
    let row = find::<Entity>(tenant).one(conn).await.map_err(error)?;
    row.map_or_else(|| Ok(Scheme::default()), |row| from_row(&row))
}

/// The scheme, which with all rules stays as it is until the transaction ends.
pub async fn share(tx: &Tx, tenant: &TenantId) -> Result<Scheme> {
    create_missing(tx, tenant).await?;
    let row = find::<Entity>(tenant)
        .lock_shared()
        .one(tx.conn())
        .await
        .map_err(error)?;
    row.map_or_else(|| Ok(Scheme::default()), |row| from_row(&row))
}

/// The scheme, to change it or a rule; nobody evaluates until the transaction ends.
pub async fn lock(tx: &Tx, tenant: &TenantId) -> Result<Scheme> {
    create_missing(tx, tenant).await?;
    let row = find::<Entity>(tenant)
        .lock_exclusive()
        .one(tx.conn())
        .await
        .map_err(error)?;
    row.map_or_else(|| Ok(Scheme::default()), |row| from_row(&row))
}

pub async fn save(tx: &Tx, tenant: &TenantId, scheme: &Scheme) -> Result<Model> {
    let row = to_row(tenant, scheme);
    Entity::update(row.clone().into_active_model().reset_all())
        .exec_without_returning(tx.conn())
        .await
        .map_err(error)?;
    Ok(row)
}

pub fn from_row(row: &Model) -> Result<Scheme> {
    let Model {
        tenant_id: _,
        revision,
        update_time,
        purchase_count_min,
        amount_min_micros,
        currency,
    } = row;
    let currency = Currency::parse(currency)
        .ok_or_else(|| Error::unreadable("value scheme", "its currency"))?;
    Ok(Scheme {
        revision: *revision,
        update_time: update_time.map(Timestamp),
        purchase_count_min: *purchase_count_min,
        amount_min: Money::new(*amount_min_micros, currency),
    })
}

fn to_row(tenant: &TenantId, scheme: &Scheme) -> Model {
    let Scheme {
        revision,
        update_time,
        purchase_count_min,
        amount_min,
    } = scheme;
    Model {
        tenant_id: tenant.to_string(),
        revision: *revision,
        update_time: update_time.map(Timestamp::micros),
        purchase_count_min: *purchase_count_min,
        amount_min_micros: amount_min.micros,
        currency: amount_min.currency.to_string(),
    }
}

async fn create_missing(tx: &Tx, tenant: &TenantId) -> Result<()> {
    let Model {
        tenant_id,
        revision,
        update_time,
        purchase_count_min,
        amount_min_micros,
        currency,
    } = to_row(tenant, &Scheme::default());
    let columns = [
        "tenant_id",
        "revision",
        "update_time",
        "purchase_count_min",
        "amount_min_micros",
        "currency",
    ];
    let values = vec![
        tenant_id.into(),
        revision.into(),
        update_time.into(),
        purchase_count_min.into(),
        amount_min_micros.into(),
        currency.into(),
    ];
    let insert = Insert::into("tenant", &columns).skip_conflicts();
    insert.rows(tx.conn(), values).await.map_err(error)?;
    Ok(())
}
