//! Deleted customers go for good when their retention ends.

use std::collections::BTreeMap;

use dossier_kernel::{Ctx, CustomerId, Result, TenantId, Timestamp};

use super::{Profile, cache_key};
use crate::domain::erasure::BATCH_MAX;
use crate::store::erasure_subject::Enlisted;
use crate::store::{self, SealedCustomer};

const ENLISTED_AT_ONCE: usize = 500;

impl Profile {
    /// Has everybody erased who is due and not held, of all tenants; says how many customers that
    /// are. They are gone when [`Profile::erase_customers`] has done its work.
    pub async fn purge_customers(&self) -> Result<u64> {
        let mut enlisted = 0;
        while !self.stop().is_cancelled() {
            let now = self.0.clock.now();
            let all = self.0.db.reader_of(&TenantId::all());
            let due = store::purge::due(&all, now, BATCH_MAX).await?;
            if due.is_empty() {
                break;
            }
            let mut tenants: BTreeMap<TenantId, Vec<CustomerId>> = BTreeMap::new();
            for (tenant, id) in due {
                tenants.entry(tenant).or_default().push(id);
            }
            for (tenant, ids) in tenants {
                enlisted += self.enlist_due(tenant, ids).await?;
            }
        }
        Ok(enlisted)
    }

    async fn enlist_due(&self, tenant: TenantId, ids: Vec<CustomerId>) -> Result<u64> {
        let ctx = Ctx::service("profile", tenant.clone());
        let now = self.0.clock.now();
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let rows = store::purge::lock(tx, &tenant, &ids, now).await?;
                let ids: Vec<CustomerId> = rows.iter().map(SealedCustomer::id).collect();
                // Those who were merged into one go with it.
                let parts = store::customer::parts(tx.conn(), &tenant, &ids).await?;
                let enlisted = rows.iter().flat_map(|row| {
                    let parts = parts.get(&row.id()).into_iter().flatten().copied();
                    let all = std::iter::once(row.id()).chain(parts);
                    all.map(|customer| Enlisted {
                        customer,
                        request: None,
                        // Nobody has found a deleted customer since.
                        hide_time: row.delete_time.map_or(now, Timestamp),
                    })
                });
                let enlisted: Vec<Enlisted> = enlisted.collect();
                for some in enlisted.chunks(ENLISTED_AT_ONCE) {
                    store::erasure_subject::enlist(tx, &tenant, some, now).await?;
                }
                Ok(ids)
            })
        });
        let hidden: Vec<CustomerId> = work.await?.value;
        let keys: Vec<_> = hidden
            .iter()
            .map(|id| cache_key(&ctx.tenant, *id))
            .collect();
        self.0.cache.remove(&keys).await;
        Ok(hidden.len() as u64)
    }
}
