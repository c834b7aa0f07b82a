//! Deleted customers go for good when their retention ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use dossier_db::Change;
use dossier_kernel::{AuditLevel, Call, Ctx, CustomerId, Result, TenantId};

use super::{Profile, cache_key};
use crate::store::{self, ChangeBody, ChangeKind};

/// Customers of one transaction.
const BATCH: u64 = 500;

impl Profile {
    /// Purges everything that is due, of all tenants; says how many customers that were. Rows,
    /// identifiers and keys go in one transaction.
    pub async fn purge_customers(&self) -> Result<u64> {
        let mut purged = 0;
        while !self.stop().is_cancelled() {
            let now = self.0.clock.now();
            let due = store::purge::due(&self.0.db.reader_of(&TenantId::all()), now, BATCH).await?;
            if due.is_empty() {
                break;
            }
            let mut tenants: BTreeMap<TenantId, Vec<CustomerId>> = BTreeMap::new();
            for (tenant, id) in due {
                tenants.entry(tenant).or_default().push(id);
            }
            for (tenant, ids) in tenants {
                purged += self.purge_of(tenant, ids).await?;
            }
        }
        Ok(purged)
    }

    async fn purge_of(&self, tenant: TenantId, ids: Vec<CustomerId>) -> Result<u64> {
        let mut ctx = Ctx::service("profile", tenant.clone());
        // Nobody calls it, but like a call that changes something it leaves its event.
        ctx.call = Some(Arc::new(Call {
            method: "profile.purge".into(),
            permission: "profile.customers.delete".into(),
            audit: AuditLevel::Write,
        }));
        let (profile, within) = (self.clone(), tenant.clone());
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let now = profile.0.clock.now();
                let rows = store::purge::delete(tx, &within, &ids, now).await?;
                let mut gone = Vec::with_capacity(rows.len());
                for row in rows {
                    let id = CustomerId(row.id);
                    profile.0.vault.destroy(tx, &within, id).await?;
                    let (kind, changed) = (ChangeKind::Purged, Vec::new());
                    let body = ChangeBody {
                        kind,
                        customer: row.outline()?,
                        changed,
                    };
                    let (tenant, subject) = (within.clone(), id.uuid());
                    tx.stage(Change {
                        tenant,
                        subject,
                        time: now,
                        body: body.to_bytes()?,
                    });
                    tx.touch(id.to_name(), ["purge_time"]);
                    gone.push(id);
                }
                Ok(gone)
            })
        });
        let gone = work.await?.value;
        gone.iter().for_each(|id| self.0.vault.forget(&tenant, *id));
        let keys: Vec<_> = gone.iter().map(|id| cache_key(&tenant, *id)).collect();
        self.0.cache.remove(&keys).await;
        Ok(gone.len() as u64)
    }
}
