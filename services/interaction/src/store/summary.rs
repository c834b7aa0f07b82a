//! What a customer did, counted and summed by the database.

use dossier_db::error;
use dossier_kernel::{Currency, CustomerId, Error, Result, TenantId, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, FromQueryResult, QueryFilter, QuerySelect};

use super::entity::{Column, Entity};
use crate::domain::{Bucket, Kind, Spent, Window};

const MICROS_PER_UNIT: i64 = 1_000_000;

#[derive(FromQueryResult)]
struct Row {
    kind: String,
    channel: Option<String>,
    currency: Option<String>,
    interaction_count: i64,
    first_time: i64,
    last_time: i64,
    units: Option<i64>,
    micros: Option<i64>,
}

/// One statement, so that all figures are of one moment.
pub async fn summary<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[CustomerId],
    window: Window,
) -> Result<Vec<Bucket>> {
    let mut select = dossier_db::find::<Entity>(tenant)
        .filter(Column::CustomerId.is_in(customers.iter().map(|id| id.uuid())))
        .select_only()
        .columns([Column::Kind, Column::Channel, Column::Currency])
        .column_as(Column::Id.count(), "interaction_count")
        .column_as(Column::OccurTime.min(), "first_time")
        .column_as(Column::OccurTime.max(), "last_time")
        .column_as(
            sum(Expr::col(Column::AmountMicros).div(MICROS_PER_UNIT)),
            "units",
        )
        .column_as(
            sum(Expr::col(Column::AmountMicros).modulo(MICROS_PER_UNIT)),
            "micros",
        )
        .group_by(Column::Kind)
        .group_by(Column::Channel)
        .group_by(Column::Currency);
    if let Window::Between { after, until } = window {
        select = select
            .filter(Column::OccurTime.gt(after.micros()))
            .filter(Column::OccurTime.lte(until.micros()));
    }
    let rows = select.into_model::<Row>().all(conn).await.map_err(error)?;
    rows.into_iter().map(Row::read).collect()
}

/// PostgreSQL sums 64-bit integers to a numeric; what is summed here cannot exceed 64 bits.
fn sum(expr: Expr) -> Expr {
    expr.sum().cast_as("bigint")
}

impl Row {
    fn read(self) -> Result<Bucket> {
        let spoiled = || Error::internal("interaction: a kind or currency is spoiled");
        let spent = match (self.currency, self.units, self.micros) {
            (Some(code), Some(units), Some(micros)) => {
                let currency = Currency::parse(&code).ok_or_else(spoiled)?;
                Some(Spent {
                    currency,
                    units,
                    micros,
                })
            }
            _ => None,
        };
        Ok(Bucket {
            kind: Kind::parse(&self.kind).ok_or_else(spoiled)?,
            channel: self.channel,
            count: self.interaction_count,
            first: Timestamp(self.first_time),
            last: Timestamp(self.last_time),
            spent,
        })
    }
}
