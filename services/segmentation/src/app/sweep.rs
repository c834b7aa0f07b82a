//! What follows when time passes: windows close behind purchases.

use std::collections::{BTreeMap, BTreeSet};

use dossier_kernel::{Ctx, CustomerId, Result, TenantId};

use super::App;
use super::judge::Judge;
use crate::domain::Cause;
use crate::store::{across, customers, schemes};

/// Customers judged in one transaction at most.
const CUSTOMERS_MAX: u64 = 500;

impl App {
    /// Judges every customer that is due, in all tenants, unless facts are missing; says how many
    /// there were. A tenant whose customers cannot be judged keeps no other from it; why they
    /// cannot is said at the end.
    pub async fn sweep(&self) -> Result<u64> {
        let everybody = self.0.db.reader_of(&TenantId::all());
        let mut swept = 0;
        let mut failed = BTreeMap::new();
        loop {
            let now = self.0.clock.now();
            let due = across::due(&everybody, now, failed.keys(), CUSTOMERS_MAX).await?;
            if due.is_empty() {
                return failed.into_values().next().map_or(Ok(swept), Err);
            }
            for (tenant, ids) in due {
                let count = ids.len() as u64;
                match self.judge_again(tenant.clone(), ids).await {
                    Ok(true) => swept += count,
                    Ok(false) => return Ok(swept),
                    Err(error) => drop(failed.insert(tenant, error)),
                }
            }
        }
    }

    /// False where a feed is being read anew: nobody is judged by half of the facts.
    async fn judge_again(&self, tenant: TenantId, ids: BTreeSet<CustomerId>) -> Result<bool> {
        let app = self.clone();
        let ctx = Ctx::service("segmentation.sweep", tenant.clone());
        let done = self
            .0
            .db
            .write(&ctx, move |tx| {
                Box::pin(async move {
                    let scheme = schemes::share(tx, &tenant).await?;
                    if across::is_rereading(tx.conn()).await? {
                        return Ok(false);
                    }
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
                    customers::save(tx, &tenant, known.iter().map(|(id, known)| (*id, known)))
                        .await?;
                    Ok(true)
                })
            })
            .await?;
        Ok(done.value)
    }
}
