//! What follows when a segment is made, changed or deleted: existing customers are judged by it, or
//! let out of it, a transaction at a time. A restart goes on where it stopped.

use std::collections::{BTreeMap, BTreeSet};

use dossier_db::Tx;
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Ctx, CustomerId, Result, TenantId};

use super::App;
use super::judge::Judge;
use crate::domain::{Cause, Scheme, Way};
use crate::store::{
    MembershipEvent, SegmentRow, State, across, customers, memberships, schemes, segments,
};

/// Customers judged in one transaction at most.
const CUSTOMERS_MAX: u64 = 500;

/// What became of one transaction's worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    More,
    Done,
    /// A feed is being read anew: nobody is judged by half of the facts.
    Waits,
}

impl App {
    /// Backfills and empties segments of all tenants until none is left or facts are missing. One
    /// that cannot be settled keeps no other from it; why it cannot is said at the end.
    pub async fn settle(&self) -> Result<()> {
        loop {
            let everybody = self.0.db.reader_of(&TenantId::all());
            let unfinished = across::unfinished_segments(&everybody).await?;
            if unfinished.is_empty() {
                return Ok(());
            }
            let mut failed = Ok(());
            for (tenant, segment) in unfinished {
                match self.settle_one(&tenant, segment).await {
                    Ok(Step::Waits) => return Ok(()),
                    Ok(Step::More | Step::Done) => {}
                    Err(error) => failed = Err(error),
                }
            }
            failed?;
        }
    }

    async fn settle_one(&self, tenant: &TenantId, segment: SegmentId) -> Result<Step> {
        loop {
            let step = self.settle_some(tenant, segment).await?;
            if step != Step::More {
                return Ok(step);
            }
        }
    }

    async fn settle_some(&self, tenant: &TenantId, segment: SegmentId) -> Result<Step> {
        let app = self.clone();
        let ctx = Ctx::service("segmentation.settle", tenant.clone());
        let tenant = tenant.clone();
        let done = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let scheme = schemes::share(tx, &tenant).await?;
                if across::is_rereading(tx.conn()).await? {
                    return Ok(Step::Waits);
                }
                let Some(row) = segments::lock(tx, &tenant, segment).await? else {
                    return Ok(Step::Done);
                };
                match State::parse(&row.state)? {
                    State::Active => Ok(Step::Done),
                    State::Backfilling => app.backfill_some(tx, &tenant, &scheme, &row).await,
                    State::Deleting => app.empty_some(tx, &tenant, &row).await,
                }
            })
        });
        Ok(done.await?.value)
    }

    async fn backfill_some(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        scheme: &Scheme,
        row: &SegmentRow,
    ) -> Result<Step> {
        let segment = SegmentId(row.segment_id);
        let after = row.backfill_after.map(CustomerId);
        let page = customers::page(tx.conn(), tenant, after, CUSTOMERS_MAX).await?;
        let Some(last) = page.keys().next_back().copied() else {
            segments::backfilled(tx, tenant, segment, None).await?;
            return Ok(Step::Done);
        };
        let ids = page.into_keys().collect();
        let mut known = customers::lock(tx, tenant, &ids).await?;
        let judge = Judge {
            tx,
            tenant,
            rules: &[self.0.rules.read(row)?],
            currency: scheme.currency(),
            cause: Cause::Definition,
            at: self.0.clock.now(),
        };
        // Only this segment was looked at: what was due for others still is.
        let mut earlier = BTreeMap::new();
        for (id, due) in judge.judge(&known).await? {
            if let (Some(known), Some(due)) = (known.remove(&id), due)
                && known.due.is_none_or(|before| due < before)
            {
                earlier.insert(
                    id,
                    customers::Known {
                        due: Some(due),
                        ..known
                    },
                );
            }
        }
        customers::save(tx, tenant, earlier.iter().map(|(id, known)| (*id, known))).await?;
        segments::backfilled(tx, tenant, segment, Some(last)).await?;
        Ok(Step::More)
    }

    async fn empty_some(&self, tx: &Tx, tenant: &TenantId, row: &SegmentRow) -> Result<Step> {
        let segment = SegmentId(row.segment_id);
        let page = memberships::page(tx.conn(), tenant, segment, None, CUSTOMERS_MAX).await?;
        if page.0.is_empty() {
            segments::delete(tx, tenant, segment).await?;
            return Ok(Step::Done);
        }
        let ids: BTreeSet<CustomerId> = page.0.iter().map(|member| member.customer).collect();
        customers::lock(tx, tenant, &ids).await?;
        // Nobody else lets members of a segment that is being deleted out.
        for customer in &ids {
            let event = MembershipEvent {
                segment,
                customer: *customer,
                way: Way::Exit,
                cause: Cause::Definition,
                time: self.0.clock.now(),
                rule_revision: row.rule_revision,
            };
            tx.stage(event.into_change(tenant)?);
        }
        let leaving = BTreeMap::from([(segment, ids.into_iter().collect())]);
        memberships::exit(tx, tenant, &leaving).await?;
        Ok(Step::More)
    }
}
