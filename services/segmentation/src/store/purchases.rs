//! Purchases and the sums over them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dossier_db::speaker::Remapped;
use dossier_db::{Insert, Tx, delete_many, error, failpoint, find, update_many};
use dossier_kernel::id::InteractionId;
use dossier_kernel::{Currency, CustomerId, Money, Result, TenantId, Timestamp};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use uuid::Uuid;

use super::entity::{purchase, purchase_total};
use super::{IDS_MAX, ROWS_MAX};
use crate::domain::{Purchase, Totals};
use crate::error::Error;

/// A purchase by somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Who speaks for the origin.
    pub customer: CustomerId,
    pub origin: CustomerId,
    pub interaction: InteractionId,
    pub purchase: Purchase,
}

type TotalsOf = HashMap<CustomerId, BTreeMap<Currency, Totals>>;

const COLUMNS: [&str; 7] = [
    "tenant_id",
    "customer_id",
    "occur_time",
    "interaction_id",
    "amount_micros",
    "currency",
    "origin_id",
];

/// Keeps purchases and their sums; one that is kept already changes nothing. The customers are
/// locked by the caller.
pub async fn record(tx: &Tx, tenant: &TenantId, facts: &[Fact]) -> Result<()> {
    let distinct: BTreeMap<_, &Fact> = facts
        .iter()
        .map(|fact| {
            (
                (fact.customer, fact.purchase.occur_time.0, fact.interaction),
                fact,
            )
        })
        .collect();
    let mut values = Vec::with_capacity(distinct.len() * COLUMNS.len());
    for Fact {
        customer,
        origin,
        interaction,
        purchase,
    } in distinct.values()
    {
        let of_another = Some(origin.uuid()).filter(|_| origin != customer);
        let Purchase { occur_time, amount } = purchase;
        values.extend([
            tenant.as_str().into(),
            customer.uuid().into(),
            occur_time.micros().into(),
            interaction.uuid().into(),
            amount.micros.into(),
            amount.currency.as_str().into(),
            of_another.into(),
        ]);
    }
    let insert = Insert::into("purchase", &COLUMNS).skip_conflicts();
    let inserted = insert.rows(tx.conn(), values).await.map_err(error)?;
    let customers: BTreeSet<CustomerId> = facts.iter().map(|fact| fact.customer).collect();
    let all_new = usize::try_from(inserted).is_ok_and(|n| n == distinct.len());
    let sums = if all_new || failpoint::planted("segmentation::count_again") {
        let mut sums = totals(tx.conn(), tenant, &customers).await?;
        for fact in distinct.values() {
            add(&mut sums, fact.customer, &fact.purchase);
        }
        sums
    } else {
        // Some were here before, as when a feed is read anew: the facts decide.
        count(tx, tenant, &customers).await?
    };
    save_totals(tx, tenant, &sums).await
}

/// What was told of customers becomes the purchases of who speaks for them since; the sums follow. All
/// of them are locked by the caller.
pub async fn remap(tx: &Tx, tenant: &TenantId, remapped: &[Remapped]) -> Result<()> {
    use purchase::{Column, Entity};
    let mut customers = BTreeSet::new();
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
        customers.extend([*from, *to]);
    }
    for chunk in chunks(&customers) {
        delete_many::<purchase_total::Entity>(tenant)
            .filter(purchase_total::Column::CustomerId.is_in(chunk))
            .exec(tx.conn())
            .await
            .map_err(error)?;
    }
    let sums = count(tx, tenant, &customers).await?;
    save_totals(tx, tenant, &sums).await
}

async fn count(tx: &Tx, tenant: &TenantId, customers: &BTreeSet<CustomerId>) -> Result<TotalsOf> {
    let mut sums = TotalsOf::new();
    for (customer, purchases) in since(tx.conn(), tenant, customers, None).await? {
        purchases
            .iter()
            .for_each(|purchase| add(&mut sums, customer, purchase));
    }
    Ok(sums)
}

fn add(sums: &mut TotalsOf, customer: CustomerId, purchase: &Purchase) {
    let by_currency = sums.entry(customer).or_default();
    let one = Totals::of(purchase);
    let sum = by_currency
        .get(&purchase.amount.currency)
        .map_or(one, |before| before.plus(one));
    by_currency.insert(purchase.amount.currency, sum);
}

async fn save_totals(tx: &Tx, tenant: &TenantId, sums: &TotalsOf) -> Result<()> {
    use purchase_total::{Column, Entity, Model};
    let mut rows = Vec::new();
    for (customer, by_currency) in sums {
        for (
            currency,
            Totals {
                count,
                sum,
                first,
                last,
            },
        ) in by_currency
        {
            let row = Model {
                tenant_id: tenant.to_string(),
                customer_id: customer.uuid(),
                currency: currency.to_string(),
                purchase_count: *count,
                amount_micros: *sum,
                first_time: first.micros(),
                last_time: last.micros(),
            };
            rows.push(row.into_active_model());
        }
    }
    for chunk in rows.chunks(ROWS_MAX) {
        let key = [Column::TenantId, Column::CustomerId, Column::Currency];
        let mut conflict = OnConflict::columns(key);
        conflict.update_columns([
            Column::PurchaseCount,
            Column::AmountMicros,
            Column::FirstTime,
            Column::LastTime,
        ]);
        Entity::insert_many(chunk.to_vec())
            .on_conflict(conflict)
            .exec_without_returning(tx.conn())
            .await
            .map_err(error)?;
    }
    Ok(())
}

pub async fn totals<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &BTreeSet<CustomerId>,
) -> Result<TotalsOf> {
    use purchase_total::{Column, Entity};
    let mut found = TotalsOf::new();
    for chunk in chunks(ids) {
        let rows = find::<Entity>(tenant)
            .filter(Column::CustomerId.is_in(chunk))
            .all(conn)
            .await
            .map_err(error)?;
        for row in rows {
            let totals = Totals {
                count: row.purchase_count,
                sum: row.amount_micros,
                first: Timestamp(row.first_time),
                last: Timestamp(row.last_time),
            };
            let currency = read_currency(&row.currency)?;
            found
                .entry(CustomerId(row.customer_id))
                .or_default()
                .insert(currency, totals);
        }
    }
    Ok(found)
}

/// Purchases that occurred after an instant, or all of them, oldest first.
pub async fn since<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &BTreeSet<CustomerId>,
    after: Option<Timestamp>,
) -> Result<HashMap<CustomerId, Vec<Purchase>>> {
    use purchase::{Column, Entity};
    let mut found: HashMap<CustomerId, Vec<Purchase>> = HashMap::new();
    for chunk in chunks(ids) {
        let mut select = find::<Entity>(tenant).filter(Column::CustomerId.is_in(chunk));
        if let Some(after) = after {
            select = select.filter(Column::OccurTime.gt(after.micros()));
        }
        let rows = select
            .order_by_asc(Column::OccurTime)
            .order_by_asc(Column::InteractionId)
            .all(conn)
            .await
            .map_err(error)?;
        for row in rows {
            let amount = Money::new(row.amount_micros, read_currency(&row.currency)?);
            let purchase = Purchase {
                occur_time: Timestamp(row.occur_time),
                amount,
            };
            found
                .entry(CustomerId(row.customer_id))
                .or_default()
                .push(purchase);
        }
    }
    Ok(found)
}

/// Deletes all that customers bought: they are gone for good.
pub async fn forget(tx: &Tx, tenant: &TenantId, ids: &BTreeSet<CustomerId>) -> Result<()> {
    for chunk in chunks(ids) {
        delete_many::<purchase::Entity>(tenant)
            .filter(purchase::Column::CustomerId.is_in(chunk.clone()))
            .exec(tx.conn())
            .await
            .map_err(error)?;
        delete_many::<purchase_total::Entity>(tenant)
            .filter(purchase_total::Column::CustomerId.is_in(chunk))
            .exec(tx.conn())
            .await
            .map_err(error)?;
    }
    Ok(())
}

fn chunks(ids: &BTreeSet<CustomerId>) -> Vec<Vec<Uuid>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    ids.chunks(IDS_MAX).map(<[Uuid]>::to_vec).collect()
}

fn read_currency(code: &str) -> Result<Currency> {
    Currency::parse(code).ok_or_else(|| Error::unreadable("purchase", "its currency").into())
}
