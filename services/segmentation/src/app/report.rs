//! Classes and totals that follow from purchases.

use std::collections::BTreeSet;

use dossier_kernel::{Ctx, CustomerId, Result};

use super::App;
use crate::domain::report::{self, Buyer, MatrixCell, Purchases};
use crate::domain::rfm::{self, Cell, Scores};
use crate::domain::{Scheme, Standing, ValueClass};
use crate::error::Error;
use crate::store::{customers, purchases, reports, schemes};

/// The classes of one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerClasses {
    pub scheme: Scheme,
    pub class: ValueClass,
    /// `None` without a purchase in the tenant's currency.
    pub buyer: Option<(Buyer, Scores)>,
}

impl App {
    pub async fn get_customer_classes(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
    ) -> Result<CustomerClasses> {
        let (conn, tenant) = (&self.0.db.reader_of(&ctx.tenant), &ctx.tenant);
        let customer = self.speaker(ctx, customer).await?;
        let known = customers::get(conn, tenant, customer).await?;
        if known.is_none_or(|known| known.standing != Standing::Live) {
            return Err(Error::NoCustomer(customer).into());
        }
        let scheme = schemes::get(conn, tenant).await?;
        let currency = scheme.currency();
        let totals = purchases::totals(conn, tenant, &BTreeSet::from([customer])).await?;
        let totals = totals
            .get(&customer)
            .and_then(|totals| totals.get(&currency));
        let Some(totals) = totals else {
            return Ok(CustomerClasses {
                scheme,
                class: scheme.classify(0, 0),
                buyer: None,
            });
        };
        let buyer = Buyer {
            purchase_count: totals.count,
            purchase_total: totals.sum,
            last_purchase_time: totals.last,
        };
        let ranks = reports::ranks(conn, tenant, currency, &buyer).await?;
        let scores = Scores {
            recency: rfm::score(ranks.less_recent, ranks.buyers),
            frequency: rfm::score(ranks.less_frequent, ranks.buyers),
            monetary: rfm::score(ranks.lower_total, ranks.buyers),
        };
        let class = scheme.classify(totals.count, totals.sum);
        Ok(CustomerClasses {
            scheme,
            class,
            buyer: Some((buyer, scores)),
        })
    }

    pub async fn get_value_matrix(&self, ctx: &Ctx) -> Result<(Scheme, [MatrixCell; 4])> {
        let (conn, tenant) = (&self.0.db.reader_of(&ctx.tenant), &ctx.tenant);
        let scheme = schemes::get(conn, tenant).await?;
        let buyers = reports::buyers(conn, tenant, scheme.currency()).await?;
        let customer_count = customers::live_count(conn, tenant).await?;
        Ok((scheme, report::matrix(&scheme, customer_count, &buyers)))
    }

    pub async fn get_rfm_report(&self, ctx: &Ctx) -> Result<(Scheme, usize, Vec<Cell>)> {
        let (conn, tenant) = (&self.0.db.reader_of(&ctx.tenant), &ctx.tenant);
        let scheme = schemes::get(conn, tenant).await?;
        let buyers = reports::buyers(conn, tenant, scheme.currency()).await?;
        Ok((scheme, buyers.len(), rfm::table(&buyers)))
    }

    pub async fn get_purchase_report(&self, ctx: &Ctx) -> Result<Purchases> {
        let (conn, tenant) = (&self.0.db.reader_of(&ctx.tenant), &ctx.tenant);
        let currency = schemes::get(conn, tenant).await?.currency();
        let buyers = reports::buyers(conn, tenant, currency).await?;
        let customer_count = customers::live_count(conn, tenant).await?;
        let others = reports::other_currency_purchase_count(conn, tenant, currency).await?;
        Ok(report::purchases(currency, customer_count, &buyers, others))
    }
}
