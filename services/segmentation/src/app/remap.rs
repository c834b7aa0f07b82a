//! What follows when customers become one, or several again.

use std::collections::BTreeSet;

use dossier_db::Tx;
use dossier_db::speaker::{self, Remapped};
use dossier_kernel::{Ctx, CustomerId, Result, TenantId};

use super::App;
use super::judge::Judge;
use crate::domain::{Cause, Standing};
use crate::store::{across, customers, feedback, purchases, schemes};

impl App {
    /// What was told of customers counts for who speaks for them, who is judged by all of it; those who
    /// are spoken for count nowhere. Facts say whose they were, so that they find back.
    pub async fn remap_subjects(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        remapped: &[Remapped],
    ) -> Result<()> {
        if remapped.is_empty() {
            return Ok(());
        }
        // Nobody learns of anything meanwhile that would be kept for another than it is now.
        let scheme = schemes::lock(tx, tenant).await?;
        let ids = remapped.iter();
        let ids = ids.flat_map(|one| [one.customer, one.from, one.to]);
        let ids: BTreeSet<CustomerId> = ids.collect();
        let mut known = customers::lock_or_create(tx, tenant, &ids).await?;
        let before = known.clone();
        purchases::remap(tx, tenant, remapped).await?;
        feedback::remap(tx, tenant, remapped).await?;
        for one in remapped.iter().filter(|one| one.to != one.customer) {
            // Profile tells of it too, sooner or later.
            if let Some(part) = known.get_mut(&one.customer)
                && part.standing == Standing::Live
            {
                part.standing = Standing::Deleted;
            }
        }
        if !across::is_rereading(tx.conn()).await? {
            let judge = Judge {
                tx,
                tenant,
                rules: &self.0.rules.of_tenant(tx.conn(), tenant).await?,
                currency: scheme.currency(),
                cause: Cause::Merge,
                at: self.0.clock.now(),
            };
            for (id, due) in judge.judge(&known).await? {
                if let Some(known) = known.get_mut(&id) {
                    known.due = due;
                }
            }
        }
        let changed = known
            .iter()
            .filter(|(id, known)| before.get(*id) != Some(*known));
        customers::save(tx, tenant, changed.map(|(id, known)| (*id, known))).await
    }

    /// Who speaks for a customer: itself, where it was not merged into another.
    pub(super) async fn speaker(&self, ctx: &Ctx, customer: CustomerId) -> Result<CustomerId> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let ids = BTreeSet::from([customer]);
        let speakers = speaker::speakers_of(&reader, &ctx.tenant, &ids).await?;
        Ok(speakers.get(&customer).copied().unwrap_or(customer))
    }
}
