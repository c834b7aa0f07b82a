//! What follows when time passes: windows close behind purchases.

use std::collections::BTreeSet;

use dossier_kernel::{Ctx, CustomerId, Result, TenantId};

use super::App;
use super::judge::Judge;
use crate::domain::Cause;
use crate::store::{across, customers, schemes};

/// Customers judged in one transaction at most.
const CUSTOMERS_MAX: u64 = 500;

impl App {
    /// Judges every customer that is due, in all tenants; says how many there were.
    pub async fn sweep(&self) -> Result<u64> {
        let mut swept = 0;
        loop {
            let now = self.0.clock.now();
            let due =
                across::due(&self.0.db.reader_of(&TenantId::all()), now, CUSTOMERS_MAX).await?;
            let count: usize = due.values().map(BTreeSet::len).sum();
            if count == 0 || across::is_rereading(&self.0.db.reader_of(&TenantId::all())).await? {
                return Ok(swept);
            }
            swept += count as u64;
            for (tenant, ids) in due {
                self.judge_again(tenant, ids).await?;
            }
        }
    }

    async fn judge_again(&self, tenant: TenantId, ids: BTreeSet<CustomerId>) -> Result<()> {
        let app = self.clone();
        let ctx = Ctx::service("segmentation.sweep", tenant.clone());
        self.0
            .db
            .write(&ctx, move |tx| {
                Box::pin(async move {
                    let scheme = schemes::share(tx, &tenant).await?;
                    let mut known = customers::lock(tx, &tenant, &ids).await?;
                    let rules = app.0.rules.of_tenant(tx.conn(), &tenant).await?;
                    let judge = Judge {
                        tx,
                        tenant: &tenant,
                        rules: &rules,
                        currency: scheme.currency(),
                        cause: Cause::Time,
                        at: app.0.clock.now(),
                    };
                    for (id, due) in judge.judge(&known).await? {
                        if let Some(known) = known.get_mut(&id) {
                            known.due = due;
                        }
                    }
                    customers::save(tx, &tenant, known.iter().map(|(id, known)| (*id, known))).await
                })
            })
            .await?;
        Ok(())
    }
}
