//! What follows when customers are erased.

use std::collections::BTreeSet;

use dossier_db::Tx;
use dossier_kernel::{CustomerId, Result, TenantId};

use super::App;
use crate::domain::{Cause, Standing, Way};
use crate::store::{MembershipEvent, customers, memberships, schemes};

impl App {
    /// Tells followers who left what, and remembers that these customers are gone: whatever the
    /// feeds still tell of them is not kept. Their rows are deleted by the caller.
    pub async fn erase_subjects(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<()> {
        schemes::share(tx, tenant).await?;
        let ids: BTreeSet<CustomerId> = ids.iter().copied().collect();
        let mut known = customers::lock_or_create(tx, tenant, &ids).await?;
        let rules = self.0.rules.of_tenant(tx.conn(), tenant).await?;
        let stored = memberships::of_customers(tx.conn(), tenant, &ids).await?;
        let time = self.0.clock.now();
        for (customer, segments) in stored {
            for segment in segments.into_keys() {
                let rule = rules.iter().find(|live| live.segment == segment);
                let event = MembershipEvent {
                    segment,
                    customer,
                    way: Way::Exit,
                    cause: Cause::Erasure,
                    time,
                    rule_revision: rule.map_or(0, |live| live.rule_revision),
                };
                tx.stage(event.into_change(tenant)?);
            }
        }
        for known in known.values_mut() {
            if known.standing != Standing::Purged {
                known.standing = Standing::Erased;
            }
            (known.profile, known.due) = (None, None);
        }
        customers::save(tx, tenant, known.iter().map(|(id, known)| (*id, known))).await
    }
}
