//! What customers said: responses, and cases as they stand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dossier_db::speaker::Remapped;
use dossier_db::{Tx, delete_many, error, find, update_many};
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::entity::feedback::{Column, Entity, Model};
use super::{IDS_MAX, ROWS_MAX};
use crate::domain::Feedback;

/// A response, or a case as it stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who speaks for the origin.
    pub customer: CustomerId,
    pub origin: CustomerId,
    /// Of the response or the case.
    pub id: Uuid,
    /// When a response was submitted; `None` for a case.
    pub response_time: Option<Timestamp>,
    /// Whether it is a case that waits for us.
    pub open_case: bool,
}

/// Keeps what was said; of one case the last counts. The customers are locked by the caller.
pub async fn record(tx: &Tx, tenant: &TenantId, said: &[Said]) -> Result<()> {
    let last: BTreeMap<_, &Said> = said
        .iter()
        .map(|said| ((said.customer, said.id), said))
        .collect();
    let row = |said: &&Said| {
        let Said {
            customer,
            origin,
            id,
            response_time,
            open_case,
        } = **said;
        let row = Model {
            tenant_id: tenant.to_string(),
            customer_id: customer.uuid(),
            fact_id: id,
            response_time: response_time.map(Timestamp::micros),
            open_case,
            origin_id: Some(origin.uuid()).filter(|_| origin != customer),
        };
        row.into_active_model()
    };
    let rows: Vec<_> = last.values().map(row).collect();
    for chunk in rows.chunks(ROWS_MAX) {
        let key = [Column::TenantId, Column::CustomerId, Column::FactId];
        let mut conflict = OnConflict::columns(key);
        conflict.update_columns([Column::ResponseTime, Column::OpenCase]);
        Entity::insert_many(chunk.to_vec())
            .on_conflict(conflict)
            .exec_without_returning(tx.conn())
            .await
            .map_err(error)?;
    }
    Ok(())
}

/// What was told of customers becomes what is said by who speaks for them since. All of them are locked
/// by the caller.
pub async fn remap(tx: &Tx, tenant: &TenantId, remapped: &[Remapped]) -> Result<()> {
    for Remapped { customer, from, to } in remapped {
        let origin = match from == customer {
            true => Column::OriginId.is_null(),
            false => Column::OriginId.eq(customer.uuid()),
        };
        update_many::<Entity>(tenant)
            .col_expr(Column::CustomerId, Expr::value(to.uuid()))
            .col_expr(
                Column::OriginId,
                Expr::value(Some(customer.uuid()).filter(|_| to != customer)),
            )
            .filter(Column::CustomerId.eq(from.uuid()))
            .filter(origin)
            .exec(tx.conn())
            .await
            .map_err(error)?;
    }
    Ok(())
}

/// Customers who never said anything are left out.
pub async fn load<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &BTreeSet<CustomerId>,
) -> Result<HashMap<CustomerId, Feedback>> {
    let mut found: HashMap<CustomerId, Feedback> = HashMap::new();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    for chunk in ids.chunks(IDS_MAX) {
        let rows = find::<Entity>(tenant)
            .filter(Column::CustomerId.is_in(chunk.iter().copied()))
            .all(conn)
            .await
            .map_err(error)?;
        for row in rows {
            let feedback = found.entry(CustomerId(row.customer_id)).or_default();
            feedback.add(row.response_time.map(Timestamp), row.open_case);
        }
    }
    Ok(found)
}

/// Deletes all that customers said: they are gone for good.
pub async fn forget(tx: &Tx, tenant: &TenantId, ids: &BTreeSet<CustomerId>) -> Result<()> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    for chunk in ids.chunks(IDS_MAX) {
        delete_many::<Entity>(tenant)
            .filter(Column::CustomerId.is_in(chunk.iter().copied()))
            .exec(tx.conn())
            .await
            .map_err(error)?;
    }
    Ok(())
}
