//! Telling the other services which customers are one: durable, resumed after a crash, tried again
//! while one of them is away.

use dossier_kernel::{Ctx, CustomerId, Error as Failure, Result, TenantId};
use futures::future::try_join_all;

use super::Profile;
use crate::domain::erasure::pause;
use crate::peers::Speaker;
use crate::store;
use crate::store::merge::Model;
use crate::store::merge_part;

/// Merges that are taken up at once.
const DUE_MAX: u64 = 100;

impl Profile {
    /// Tells of every merge and unmerge that they do not all know; says of how many they do since. One
    /// that cannot be told is told later and stops no other.
    pub async fn tell_merges(&self) -> Result<u64> {
        let mut told = 0;
        let all = self.0.db.reader_of(&TenantId::all());
        for merge in store::merge::due(&all, self.0.clock.now(), DUE_MAX).await? {
            if self.stop().is_cancelled() {
                break;
            }
            match self.tell_merge(&merge).await {
                Ok(()) => told += 1,
                Err(error) => self.put_off_merge(&merge, &error).await?,
            }
        }
        Ok(told)
    }

    /// Tells of the customers as they are now: nobody changes that before all have been told.
    async fn tell_merge(&self, merge: &Model) -> Result<()> {
        let tenant = merge.tenant()?;
        let ctx = Ctx::service("profile", tenant.clone());
        let reader = self.0.db.reader_of(&tenant);
        let ids = std::iter::once(merge.merge_id);
        let parts = merge_part::of_merges(&reader, &tenant, ids).await?;
        let parts = parts.into_values().flatten();
        let parts: Vec<CustomerId> = parts.map(|part| CustomerId(part.customer_id)).collect();
        let lives = store::customer::lives(&reader, &tenant, &parts).await?;
        let speakers = lives.into_iter().map(|(customer, life)| Speaker {
            customer,
            speaker: life.speaker,
        });
        let speakers: Vec<Speaker> = speakers.collect();
        let time = merge.change_time();
        if !speakers.is_empty() {
            let tell = self.0.neighbours.iter();
            try_join_all(tell.map(|neighbour| neighbour.remap(&ctx, &speakers, time))).await?;
        }
        let row = merge.clone();
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move { store::merge::told(tx, &tenant, &row).await })
        });
        work.await?;
        Ok(())
    }

    async fn put_off_merge(&self, merge: &Model, error: &Failure) -> Result<()> {
        let pause = pause(merge.failure_count);
        tracing::warn!(merge = %merge.merge_id, %error, retry_in = ?pause, "a merge waits");
        let (tenant, row) = (merge.tenant()?, merge.clone());
        let step_time = self.0.clock.now().plus(pause);
        let ctx = Ctx::service("profile", tenant.clone());
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move { store::merge::put_off(tx, &tenant, &row, step_time).await })
        });
        work.await?;
        Ok(())
    }
}
