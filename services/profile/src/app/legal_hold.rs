//! Keeping customers from being erased.

use dossier_db::Once;
use dossier_kernel::{Ctx, CustomerId, Result};

use super::Profile;
use super::attached::confirm_speaker;
use crate::domain::LegalHold;
use crate::error::Error;
use crate::store;
use crate::store::legal_hold::Model;

impl Profile {
    /// FAILED_PRECONDITION once the customer is being erased.
    pub async fn set_legal_hold(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        reason: String,
        once: Option<Once>,
    ) -> Result<LegalHold> {
        let (now, creator) = (self.0.clock.now(), ctx.principal.to_string());
        let tenant = ctx.tenant.clone();
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let named = customer;
                let customer = store::customer::speaker(tx.conn(), &tenant, named).await?;
                // Also of a customer who waits to be erased, whom nobody else sees.
                let rows = store::customer::lock(tx.conn(), &tenant, &[customer]).await?;
                if rows.is_empty() {
                    return Err(Error::NoCustomer(customer).into());
                }
                confirm_speaker(tx, &tenant, named, customer).await?;
                let listed = store::erasure_subject::lock(tx, &tenant, customer).await?;
                if listed.is_some_and(|one| one.erasure_id.is_some()) {
                    return Err(Error::BeingErased(customer).into());
                }
                let held = |customer| {
                    let (reason, creator) = (reason.clone(), creator.clone());
                    let hold = LegalHold {
                        customer,
                        reason,
                        create_time: now,
                        creator,
                    };
                    Model::of(&tenant, &hold)
                };
                // Those who were merged into it are kept as well.
                for one in store::customer::with_parts(tx.conn(), &tenant, customer).await? {
                    store::legal_hold::save(tx, &tenant, held(one)).await?;
                }
                tx.touch(customer.to_name(), ["legal_hold"]);
                Ok(held(customer))
            })
        });
        Ok(work.await?.value.into_hold())
    }

    pub async fn get_legal_hold(&self, ctx: &Ctx, customer: CustomerId) -> Result<LegalHold> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let customer = store::customer::speaker(&reader, &ctx.tenant, customer).await?;
        let row = store::legal_hold::find(&reader, &ctx.tenant, customer).await?;
        Ok(row.ok_or(Error::NotHeld(customer))?.into_hold())
    }

    pub async fn release_legal_hold(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        once: Option<Once>,
    ) -> Result<LegalHold> {
        let tenant = ctx.tenant.clone();
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let customer = store::customer::speaker(tx.conn(), &tenant, customer).await?;
                let row = store::legal_hold::find(tx.conn(), &tenant, customer).await?;
                let row = row.ok_or(Error::NotHeld(customer))?;
                for one in store::customer::with_parts(tx.conn(), &tenant, customer).await? {
                    store::legal_hold::delete(tx, &tenant, one).await?;
                }
                tx.touch(customer.to_name(), ["legal_hold"]);
                Ok(row)
            })
        });
        Ok(work.await?.value.into_hold())
    }
}
