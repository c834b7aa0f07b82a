//! Where the tenant cuts.

use dossier_db::Once;
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Ctx, Result};

use super::App;
use super::segment::etag;
use crate::domain::{Scheme, SchemePatch};
use crate::error::Error;
use crate::store::{schemes, segments};

impl App {
    pub async fn get_value_scheme(&self, ctx: &Ctx) -> Result<Scheme> {
        schemes::get(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant).await
    }

    /// A new currency changes what rules mean that use the tenant's: their segments are evaluated
    /// again.
    pub async fn update_value_scheme(
        &self,
        ctx: &Ctx,
        expected: String,
        patch: SchemePatch,
        once: Option<Once>,
    ) -> Result<Scheme> {
        let (app, tenant) = (self.clone(), ctx.tenant.clone());
        let done = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let before = schemes::lock(tx, &tenant).await?;
                let current = etag(before.revision);
                if !expected.is_empty() && expected != current {
                    return Err(Error::Stale {
                        what: "value scheme",
                        etag: current,
                    }
                    .into());
                }
                tx.touch(Scheme::NAME, patch.fields());
                let after = before.patched(patch, app.0.clock.now())?;
                let row = schemes::save(tx, &tenant, &after).await?;
                if after.currency() != before.currency() {
                    let rules = app.0.rules.of_tenant(tx.conn(), &tenant).await?;
                    let changed = rules.iter().filter(|live| live.rule.uses_tenant_currency());
                    let ids: Vec<SegmentId> = changed.map(|live| live.segment).collect();
                    segments::restart_backfill(tx, &tenant, &ids).await?;
                }
                Ok(row)
            })
        });
        let row = done.await?.value;
        self.0.unsettled.notify_one();
        schemes::from_row(&row)
    }
}
