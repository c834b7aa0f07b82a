//! What a customer did.

use dossier_db::speaker;
use dossier_kernel::{Ctx, CustomerId, Result};

use super::Interactions;
use crate::domain::{Summary, Window};
use crate::store;

impl Interactions {
    /// A customer of whom nothing is recorded did nothing: all figures are zero.
    pub async fn get_activity_summary(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        window_days: i32,
    ) -> Result<Summary> {
        let window = Window::last_days(window_days, self.now())?;
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let customers = speaker::together(reader, &ctx.tenant, customer).await?;
        let buckets = store::summary(reader, &ctx.tenant, &customers, window).await?;
        Ok(Summary::of(buckets))
    }
}
