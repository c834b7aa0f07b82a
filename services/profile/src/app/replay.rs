//! After an older backup was put back: everybody who was erased since is erased again.

use std::collections::BTreeMap;

use dossier_db::Db;
use dossier_kernel::{Clock, Ctx, CustomerId, Result, TenantId, Timestamp};
use dossier_runtime::JournalEntry;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::domain::erasure::BATCH_MAX;
use crate::store;
use crate::store::erasure_subject::{self, Enlisted};

/// Hides everybody in the journal and has them erased once the suite serves: in all services, whichever
/// of them were put back. Says how many customers that are. Who came later under the same id stays.
pub fn replay(db: Db, journal: Vec<JournalEntry>) -> BoxFuture<'static, Result<u64>> {
    async move {
        let mut tenants: BTreeMap<TenantId, BTreeMap<CustomerId, Timestamp>> = BTreeMap::new();
        for JournalEntry {
            tenant,
            customer,
            time,
        } in journal
        {
            let times = tenants.entry(tenant).or_default();
            let last = times.entry(customer).or_insert(time);
            *last = time.max(*last);
        }
        let mut enlisted = 0;
        for (tenant, times) in tenants {
            let times: Vec<(CustomerId, Timestamp)> = times.into_iter().collect();
            for times in times.chunks(usize::try_from(BATCH_MAX).unwrap_or(usize::MAX)) {
                enlisted += enlist(&db, &tenant, times.to_vec()).await?;
            }
        }
        Ok(enlisted)
    }
    .boxed()
}

async fn enlist(
    db: &Db,
    tenant: &TenantId,
    mut erased: Vec<(CustomerId, Timestamp)>,
) -> Result<u64> {
    let now = Clock::system().now();
    let ctx = Ctx::service("profile", tenant.clone());
    let of = tenant.clone();
    let work = db.write(&ctx, move |tx| {
        Box::pin(async move {
            let ids: Vec<CustomerId> = erased.iter().map(|(id, _)| *id).collect();
            let rows = store::customer::lock(tx.conn(), &of, &ids).await?;
            let made: BTreeMap<CustomerId, i64> =
                rows.iter().map(|row| (row.id(), row.create_time)).collect();
            erased.retain(|(id, time)| made.get(id).is_none_or(|made| *made <= time.micros()));
            let enlisted: Vec<Enlisted> = erased
                .iter()
                .map(|(customer, _)| Enlisted {
                    customer: *customer,
                    request: None,
                    hide_time: now,
                })
                .collect();
            let added = erasure_subject::enlist(tx, &of, &enlisted, now).await?;
            erasure_subject::delete_softly(tx, &of, &enlisted, now).await?;
            // None was there any more when they were erased.
            for (id, _) in &erased {
                store::legal_hold::delete(tx, &of, *id).await?;
            }
            Ok(added)
        })
    });
    Ok(work.await?.value)
}
