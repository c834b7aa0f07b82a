//! After an older backup was put back: everybody who was erased since is erased again.

use std::collections::BTreeMap;

use dossier_db::Db;
use dossier_kernel::{Clock, Ctx, CustomerId, Result, TenantId};
use dossier_runtime::JournalEntry;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::domain::erasure::BATCH_MAX;
use crate::store::erasure_subject::{self, Enlisted};

/// Hides everybody in the journal and has them erased once the suite serves: in all services, whichever
/// of them were put back. Says how many customers that are.
pub fn replay(db: Db, journal: Vec<JournalEntry>) -> BoxFuture<'static, Result<u64>> {
    async move {
        let mut tenants: BTreeMap<TenantId, Vec<CustomerId>> = BTreeMap::new();
        for JournalEntry {
            tenant,
            customer,
            time: _,
        } in journal
        {
            tenants.entry(tenant).or_default().push(customer);
        }
        let mut enlisted = 0;
        for (tenant, mut ids) in tenants {
            ids.sort_unstable();
            ids.dedup();
            for ids in ids.chunks(usize::try_from(BATCH_MAX).unwrap_or(usize::MAX)) {
                enlisted += enlist(&db, &tenant, ids).await?;
            }
        }
        Ok(enlisted)
    }
    .boxed()
}

async fn enlist(db: &Db, tenant: &TenantId, ids: &[CustomerId]) -> Result<u64> {
    let now = Clock::system().now();
    let enlisted: Vec<Enlisted> = ids
        .iter()
        .map(|customer| Enlisted {
            customer: *customer,
            request: None,
            hide_time: now,
        })
        .collect();
    let ctx = Ctx::service("profile", tenant.clone());
    let of = tenant.clone();
    let work = db.write(&ctx, move |tx| {
        Box::pin(async move {
            let added = erasure_subject::enlist(tx, &of, &enlisted, now).await?;
            erasure_subject::delete_softly(tx, &of, &enlisted, now).await?;
            Ok(added)
        })
    });
    Ok(work.await?.value)
}
