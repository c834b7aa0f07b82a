//! Erasing customers everywhere, whoever asked for it: durable, resumed after a crash, tried again
//! while a neighbour is away.
//!
//! Each step may be done again: neighbours erase by an operation's id, and what is gone is gone. Of
//! several replicas one at a time takes a step, under a lease on the erasure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dossier_db::Lease;
use dossier_kernel::{
    AuditLevel, Call, Ctx, CustomerId, Error as Failure, Result, TenantId, Timestamp,
};
use dossier_runtime::JournalEntry;
use futures::future::try_join_all;
use uuid::Uuid;

use super::ending::Ending;
use super::{Profile, cache_key};
use crate::domain::erasure::{self, BATCH_MAX};
use crate::domain::{Counts, ErasureState};
use crate::peers::Neighbour;
use crate::store;
use crate::store::erasure::Model;
use crate::store::erasure_subject::Model as Subject;

/// Erasures that are taken up at once.
const DUE_MAX: u64 = 100;
/// How long a replica that died in the middle of a step holds the others up.
const LEASE: Duration = Duration::from_secs(15);

impl Profile {
    /// Gathers those who wait, and takes every erasure that can go on a step further; says how many
    /// customers are gone since. One that cannot go on is tried again later and stops no other.
    pub async fn erase_customers(&self) -> Result<u64> {
        self.gather().await?;
        let mut gone = 0;
        let all = self.0.db.reader_of(&TenantId::all());
        for erasure in store::erasure::due(&all, self.0.clock.now(), DUE_MAX).await? {
            if self.stop().is_cancelled() {
                break;
            }
            match self.step(&erasure).await {
                Ok(customers) => gone += customers,
                Err(error) => self.put_off(&erasure, &error).await?,
            }
        }
        Ok(gone)
    }

    /// Makes erasures of those who wait and are not held.
    async fn gather(&self) -> Result<()> {
        let all = self.0.db.reader_of(&TenantId::all());
        for tenant in store::erasure_subject::waiting_tenants(&all).await? {
            while self.gather_some(&tenant).await? == BATCH_MAX {
                if self.stop().is_cancelled() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Says of how many it was the turn, those among them who are held since.
    async fn gather_some(&self, tenant: &TenantId) -> Result<u64> {
        let now = self.0.clock.now();
        let (ctx, of) = (Ctx::service("profile", tenant.clone()), tenant.clone());
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let mut waiting = store::erasure_subject::waiting(tx, &of, BATCH_MAX).await?;
                let locked = waiting.len() as u64;
                if locked == BATCH_MAX {
                    leave_rest(&mut waiting);
                }
                // A hold that was set while this waited for the row is seen only now.
                let ids: Vec<Uuid> = waiting.iter().map(|one| one.customer_id).collect();
                let held = store::legal_hold::held(tx.conn(), &of, &ids).await?;
                waiting.retain(|one| !held.contains(&one.customer_id));
                if waiting.is_empty() {
                    return Ok(locked);
                }
                let id = Uuid::now_v7();
                store::erasure::insert(tx, &of, id, now).await?;
                let ids: Vec<Uuid> = waiting.iter().map(|one| one.customer_id).collect();
                store::erasure_subject::take(tx, &of, &ids, id).await?;
                let requests: Vec<Uuid> = waiting.iter().filter_map(|one| one.request_id).collect();
                store::privacy_request::run(tx, &of, &requests).await?;
                Ok(locked)
            })
        });
        Ok(work.await?.value)
    }

    /// One step, unless another replica is at it; says how many customers are gone with it.
    async fn step(&self, erasure: &Model) -> Result<u64> {
        let (tenant, clock) = (erasure.tenant()?, &self.0.clock);
        let name = format!("erasure/{}", erasure.id);
        let lease = Lease::take(&self.0.db, clock, &tenant, name, LEASE).await?;
        let Some(lease) = lease else {
            return Ok(0);
        };
        let gone = lease.keep(self.advance(&lease, &tenant, erasure.id)).await;
        lease.give_up().await?;
        gone
    }

    /// What was due may be further by now, by whoever had the lease before.
    async fn advance(&self, lease: &Lease, tenant: &TenantId, id: Uuid) -> Result<u64> {
        let reader = self.0.db.reader_of(tenant);
        let now = self.0.clock.now().micros();
        let erasure = store::erasure::find(&reader, tenant, id).await?;
        let Some(erasure) = erasure.filter(|erasure| erasure.step_time <= now) else {
            return Ok(0);
        };
        let subjects = store::erasure_subject::of_erasure(&reader, tenant, id).await?;
        let ctx = Ctx::service("profile", tenant.clone());
        match erasure.state()? {
            ErasureState::Beginning => {
                self.begin(&ctx, id, &subjects).await?;
                self.ask(&ctx, lease, &erasure, &subjects).await?;
                Ok(0)
            }
            ErasureState::Erasing => {
                self.ask(&ctx, lease, &erasure, &subjects).await?;
                Ok(0)
            }
            ErasureState::Settling => self.complete(&ctx, lease, erasure, subjects).await,
        }
    }

    /// From here on nothing stops it: whoever puts an older backup back must know.
    async fn begin(&self, ctx: &Ctx, id: Uuid, subjects: &[Subject]) -> Result<()> {
        let now = self.0.clock.now();
        let entries = subjects.iter().map(|subject| JournalEntry {
            tenant: ctx.tenant.clone(),
            customer: CustomerId(subject.customer_id),
            time: now,
        });
        self.0.journal.append(entries.collect()).await?;
        let tenant = ctx.tenant.clone();
        let work = self.0.db.write(ctx, move |tx| {
            Box::pin(async move { store::erasure::begin(tx, &tenant, id).await })
        });
        work.await.map(|done| done.value)
    }

    /// The neighbours erase, and what is on its way to them gets the time to arrive.
    async fn ask(
        &self,
        ctx: &Ctx,
        lease: &Lease,
        erasure: &Model,
        subjects: &[Subject],
    ) -> Result<()> {
        let now = self.0.clock.now();
        let counts = self.ask_to_erase(ctx, erasure.id, &ids(subjects)).await?;
        let hidden = subjects.iter().map(|subject| subject.hide_time).max();
        let step_time = hidden.map_or(now, Timestamp).plus(self.0.settle);
        let (tenant, id, lease) = (ctx.tenant.clone(), erasure.id, lease.clone());
        let work = self.0.db.write(ctx, move |tx| {
            Box::pin(async move {
                lease.confirm(tx).await?;
                store::erasure::settle(tx, &tenant, id, step_time, &counts).await
            })
        });
        work.await?;
        Ok(())
    }

    /// All neighbours at the same time.
    async fn ask_to_erase(&self, ctx: &Ctx, operation: Uuid, ids: &[CustomerId]) -> Result<Counts> {
        let ask = |neighbour: &Neighbour| {
            let neighbour = neighbour.clone();
            async move {
                let rows = neighbour.erase(ctx, operation, ids).await?;
                Ok::<_, Failure>((neighbour.service.to_owned(), rows))
            }
        };
        let rows = try_join_all(self.0.neighbours.iter().map(ask)).await?;
        Ok(rows.into_iter().collect())
    }

    /// Fails where a neighbour still holds something.
    async fn ask_to_attest(&self, ctx: &Ctx, ids: &[CustomerId]) -> Result<Counts> {
        let ask = |neighbour: &Neighbour| {
            let neighbour = neighbour.clone();
            async move {
                let rows = neighbour.attest(ctx, ids).await?;
                Ok::<_, Failure>((neighbour.service.to_owned(), rows))
            }
        };
        let held = try_join_all(self.0.neighbours.iter().map(ask)).await?;
        let held: Counts = held.into_iter().collect();
        match erasure::left(&held).as_slice() {
            [] => Ok(held),
            tables => {
                let words = format!("Something is left in {}.", tables.join(", "));
                Err(Failure::unavailable(words))
            }
        }
    }

    /// Nothing is on its way to the neighbours any more: they erase what arrived since and attest
    /// that nothing is left, and profile forgets who these customers were.
    async fn complete(
        &self,
        ctx: &Ctx,
        lease: &Lease,
        erasure: Model,
        subjects: Vec<Subject>,
    ) -> Result<u64> {
        let customers = ids(&subjects);
        let mut erased = erasure.counts()?;
        let again = self.ask_to_erase(ctx, Uuid::now_v7(), &customers).await?;
        erasure::add(&mut erased, &again);
        let held = self.ask_to_attest(ctx, &customers).await?;
        let tenant = &ctx.tenant;
        // Long histories first, some rows at a time: the last transaction makes nobody wait. Where it
        // then fails, the next one counts what is left.
        let parted = self.part(ctx, &customers).await?;
        let mut thinned = store::HELD.thin(&self.0.db, ctx, &customers).await?;
        thinned.push(("relationship", parted));
        erasure::add(&mut erased, &of_service("profile", thinned));
        let ending = Ending {
            profile: self.clone(),
            lease: lease.clone(),
            tenant: tenant.clone(),
            erasure,
            subjects,
            erased,
            held,
        };
        let mut told = ctx.clone();
        // Nobody calls it, but like a call that changes something it leaves its event.
        told.call = Some(Arc::new(Call {
            method: "profile.erase".into(),
            permission: "profile.customers.delete".into(),
            audit: AuditLevel::Write,
        }));
        let work = self.0.db.write(&told, move |tx| Box::pin(ending.write(tx)));
        let gone = work.await?.value;
        for id in &customers {
            self.0.vault.forget(tenant, *id);
        }
        let keys: Vec<_> = customers.iter().map(|id| cache_key(tenant, *id)).collect();
        self.0.cache.remove(&keys).await;
        Ok(gone)
    }

    async fn put_off(&self, erasure: &Model, error: &Failure) -> Result<()> {
        let pause = erasure::pause(erasure.failure_count);
        tracing::warn!(erasure = %erasure.id, %error, retry_in = ?pause, "an erasure waits");
        let (tenant, failed) = (erasure.tenant()?, erasure.clone());
        let step_time = self.0.clock.now().plus(pause);
        let ctx = Ctx::service("profile", tenant.clone());
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move { store::erasure::put_off(tx, &tenant, &failed, step_time).await })
        });
        work.await?;
        Ok(())
    }
}

/// All whom one request is about are erased together, or its certificate would come before the last of
/// them: there are fewer than a batch.
fn leave_rest(waiting: &mut Vec<Subject>) {
    let request = |one: Option<&Subject>| one.and_then(|one| one.request_id);
    let last = request(waiting.last());
    if last.is_some() && last != request(waiting.first()) {
        waiting.retain(|one| one.request_id != last);
    }
}

fn ids(subjects: &[Subject]) -> Vec<CustomerId> {
    let ids = subjects.iter().map(|subject| subject.customer_id);
    ids.map(CustomerId).collect()
}

/// A service's counts as a certificate has them.
pub(super) fn of_service(service: &str, counts: Vec<(&'static str, u64)>) -> Counts {
    let mut tables: BTreeMap<String, u64> = BTreeMap::new();
    // A table may hold somebody in two ways.
    for (table, rows) in counts {
        *tables.entry(table.to_owned()).or_default() += rows;
    }
    BTreeMap::from([(service.to_owned(), tables)])
}
