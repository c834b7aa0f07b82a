//! Buyers and counts behind the reports.

use dossier_db::{error, find};
use dossier_kernel::{Currency, Result, TenantId, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, JoinType, PaginatorTrait, QueryFilter, QuerySelect,
    RelationTrait, Select,
};

use super::customers::LIVE;
use super::entity::customer;
use super::entity::purchase_total::{Column, Entity, Relation};
use crate::domain::report::Buyer;

/// How many buyers are strictly below one of them, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks {
    pub buyers: u64,
    pub less_recent: u64,
    pub less_frequent: u64,
    pub lower_total: u64,
}

/// Live customers with a purchase in the currency.
pub async fn buyers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
) -> Result<Vec<Buyer>> {
    let rows: Vec<(i64, i64, i64)> = live_buyers(tenant, currency)
        .select_only()
        .columns([
            Column::PurchaseCount,
            Column::AmountMicros,
            Column::LastTime,
        ])
        .into_tuple()
        .all(conn)
        .await
        .map_err(error)?;
    let buyer = |(purchase_count, purchase_total, last)| Buyer {
        purchase_count,
        purchase_total,
        last_purchase_time: Timestamp(last),
    };
    Ok(rows.into_iter().map(buyer).collect())
}

pub async fn ranks<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
    buyer: &Buyer,
) -> Result<Ranks> {
    let Buyer {
        purchase_count,
        purchase_total,
        last_purchase_time,
    } = buyer;
    let all = || live_buyers(tenant, currency);
    let count = async |select: Select<Entity>| select.count(conn).await.map_err(error);
    Ok(Ranks {
        buyers: count(all()).await?,
        less_recent: count(all().filter(Column::LastTime.lt(last_purchase_time.micros()))).await?,
        less_frequent: count(all().filter(Column::PurchaseCount.lt(*purchase_count))).await?,
        lower_total: count(all().filter(Column::AmountMicros.lt(*purchase_total))).await?,
    })
}

/// Purchases of live customers in other currencies.
pub async fn other_currency_purchase_count<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    currency: Currency,
) -> Result<i64> {
    let counts: Vec<i64> = live(tenant)
        .filter(Column::Currency.ne(currency.as_str()))
        .select_only()
        .column(Column::PurchaseCount)
        .into_tuple()
        .all(conn)
        .await
        .map_err(error)?;
    Ok(counts.into_iter().fold(0, i64::saturating_add))
}

fn live_buyers(tenant: &TenantId, currency: Currency) -> Select<Entity> {
    live(tenant).filter(Column::Currency.eq(currency.as_str()))
}

fn live(tenant: &TenantId) -> Select<Entity> {
    find::<Entity>(tenant)
        .join(JoinType::InnerJoin, Relation::Customer.def())
        .filter(customer::Column::Standing.eq(LIVE))
}
