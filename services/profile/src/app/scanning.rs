//! Looking for customers that are in the files twice: durable, by one process at a time, and gone on
//! with by the next one where the last one ended.
//!
//! Customers are read from one instant, opened and laid out in memory, and compared on threads of their
//! own; what is found is written step by step, and with each step how far it is.

use std::time::Duration;

use dossier_access::Sight;
use dossier_kernel::{Ctx, CustomerId, Error as Failure, Result, TenantId};
use dossier_linkage::Record;
use futures::StreamExt;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Profile;
use crate::domain::comparison::{self, Alike, Step};
use crate::domain::duplicate::{self, FAILURES_MAX};
use crate::domain::{CustomerType, erasure};
use crate::store;
use crate::store::duplicate_scan::{Lease, Model, Progress, Report};

/// Scans that are looked at to find one that no other process takes.
const DUE_MAX: u64 = 10;
/// How often a process says that it goes on, and looks whether the scan was cancelled.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// Customers that are read and opened at once.
const PAGE: u64 = 500;
/// Pairs of one transaction.
const PAIRS_MAX: usize = 500;
/// Pairs that are forgotten in one transaction.
const FORGOTTEN_MAX: u64 = 1_000;

/// What is compared is DIRECT at most.
const COMPARED: Sight = Sight {
    direct: true,
    sensitive: false,
};

/// Where comparing begins.
struct Begin {
    kind: CustomerType,
    /// Those up to this one have been compared.
    after: Option<CustomerId>,
    /// Customers of the types before.
    before: u64,
}

impl Profile {
    /// Runs the scans that are due, of all tenants, one after the other; says how many it took. One
    /// that fails is tried again later and stops no other.
    pub async fn scan_duplicates(&self) -> Result<u64> {
        let mut taken = 0;
        while !self.stop().is_cancelled() {
            let Some((lease, scan)) = self.take_scan().await? else {
                break;
            };
            self.run_scan(&lease, &scan).await?;
            taken += 1;
        }
        Ok(taken)
    }

    async fn take_scan(&self) -> Result<Option<(Lease, Model)>> {
        let all = self.0.db.reader_of(&TenantId::all());
        let now = self.0.clock.now();
        for scan in store::duplicate_scan::due(&all, now, DUE_MAX).await? {
            let lease = Lease {
                tenant: scan.tenant()?,
                scan: scan.id,
                id: Uuid::new_v4(),
            };
            let (taking, seen) = (lease.clone(), scan.clone());
            let ctx = Ctx::service("profile", lease.tenant.clone());
            let work = self.0.db.write(&ctx, move |tx| {
                Box::pin(async move { store::duplicate_scan::take(tx, &taking, &seen, now).await })
            });
            if work.await?.value {
                return Ok(Some((lease, scan)));
            }
        }
        Ok(None)
    }

    async fn run_scan(&self, lease: &Lease, scan: &Model) -> Result<()> {
        if scan.failures() >= FAILURES_MAX {
            let why = format!("Processes ended while they ran it, {FAILURES_MAX} times.");
            self.report(lease, Report::Failed(why)).await?;
            return Ok(());
        }
        let done = tokio::select! {
            done = self.compare_customers(lease, scan) => done,
            lost = self.keep(lease) => lost,
            () = self.stop().cancelled() => {
                let from = self.0.clock.now();
                let failure_count = scan.failures();
                self.report(lease, Report::Released { from, failure_count }).await?;
                return Ok(());
            }
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.put_scan_off(lease, &error).await,
        }
    }

    /// Says that this process goes on, until the scan is not its own any more.
    async fn keep(&self, lease: &Lease) -> Result<()> {
        loop {
            tokio::time::sleep(ALIVE_EVERY).await;
            if !self.report(lease, Report::Alive).await? {
                return Ok(());
            }
        }
    }

    async fn put_scan_off(&self, lease: &Lease, error: &Failure) -> Result<()> {
        let tenant = &lease.tenant;
        let reader = self.0.db.reader_of(tenant);
        let row = store::duplicate_scan::find(&reader, tenant, lease.scan).await?;
        let failure_count = row.map_or(0, |row| row.failure_count).saturating_add(1);
        let pause = erasure::pause(failure_count);
        tracing::warn!(scan = %lease.scan, %error, retry_in = ?pause, "a scan for duplicates failed");
        let report = match failure_count >= FAILURES_MAX {
            true => Report::Failed(format!(
                "It failed {failure_count} times, at last so: {}",
                error.message()
            )),
            false => Report::Released {
                from: self.0.clock.now().plus(pause),
                failure_count,
            },
        };
        self.report(lease, report).await?;
        Ok(())
    }

    /// Ends early, without a word, where the scan is not this process's any more.
    async fn compare_customers(&self, lease: &Lease, scan: &Model) -> Result<()> {
        let tenant = &lease.tenant;
        let reader = self.0.db.reader_of(tenant);
        let mut counts = Vec::new();
        for kind in CustomerType::ALL {
            let count = store::customer::count_live(&reader, tenant, kind).await?;
            counts.push((kind, count));
        }
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let begun = match duplicate::too_many(total) {
            Some(why) => Report::Failed(why),
            None => Report::Total(counted(total)),
        };
        let is_over = matches!(begun, Report::Failed(_));
        if !self.report(lease, begun).await? || is_over {
            return Ok(());
        }
        let from = scan.progress()?;
        let mut before = 0;
        for (kind, count) in counts {
            if from.is_some_and(|from| from.kind as u8 > kind as u8) {
                before += count;
                continue;
            }
            let after = match from {
                Some(from) if from.kind == kind => from.after,
                Some(_) | None => {
                    let done_count = counted(before);
                    let begun = Report::Type { kind, done_count };
                    if !self.report(lease, begun).await? {
                        return Ok(());
                    }
                    None
                }
            };
            let begin = Begin {
                kind,
                after,
                before,
            };
            match self.compare_type(lease, scan.score_min, begin).await? {
                Some(compared) => before += compared,
                None => return Ok(()),
            }
        }
        self.finish(lease, counted(before)).await
    }

    /// Compares the customers of one type; says how many they are, or nothing where the scan is not
    /// this process's any more.
    async fn compare_type(
        &self,
        lease: &Lease,
        score_min: i32,
        begin: Begin,
    ) -> Result<Option<u64>> {
        let Begin {
            kind,
            after,
            before,
        } = begin;
        let schema = comparison::schema(kind).map_err(Failure::internal)?;
        let records = self.records_of(&lease.tenant, kind).await?;
        let count = records.len() as u64;
        // One step is written while the next one is made.
        let (steps, mut made) = mpsc::channel(1);
        let comparing = tokio::task::spawn_blocking(move || {
            let take = |step: Step| steps.blocking_send(step).is_ok();
            let threads = rayon::ThreadPoolBuilder::new()
                .num_threads(threads())
                .build();
            let threads = threads.map_err(Failure::internal)?;
            let compared =
                threads.install(|| comparison::compare(&schema, records, score_min, after, take));
            compared.map_err(Failure::internal)
        });
        while let Some(step) = made.recv().await {
            if !self.save_step(lease, kind, before, step).await? {
                return Ok(None);
            }
        }
        comparing.await.map_err(Failure::internal)??;
        Ok(Some(count))
    }

    /// All live customers of a type as they are at one instant.
    async fn records_of(&self, tenant: &TenantId, kind: CustomerType) -> Result<Vec<Record>> {
        let (profile, of) = (self.clone(), tenant.clone());
        let stop = self.stop().clone();
        let mut pages = self.0.db.snapshot(tenant, stop, move |tx, pages| {
            Box::pin(async move {
                let mut after = Uuid::nil();
                loop {
                    let rows = store::customer::live_after(tx, &of, kind, after, PAGE).await?;
                    let Some(last) = rows.last() else {
                        return Ok(());
                    };
                    after = last.id;
                    let rows = rows.into_iter().map(|row| (row, COMPARED)).collect();
                    let seen = profile.open_in(tx, &of, rows).await?;
                    let records = seen.iter().map(|seen| comparison::record(&seen.customer));
                    pages.give(records.collect::<Vec<_>>()).await?;
                }
            })
        });
        let mut records = Vec::new();
        while let Some(page) = pages.next().await {
            records.append(&mut page?);
        }
        Ok(records)
    }

    /// False where the scan is not this process's any more.
    async fn save_step(
        &self,
        lease: &Lease,
        kind: CustomerType,
        before: u64,
        step: Step,
    ) -> Result<bool> {
        let Step {
            last,
            done,
            mut found,
        } = step;
        while found.len() > PAIRS_MAX {
            let rest = found.split_off(PAIRS_MAX);
            if !self.save_found(lease, found, Report::Alive).await? {
                return Ok(false);
            }
            found = rest;
        }
        let progress = Progress {
            kind,
            after: Some(last),
            done_count: counted(before + done as u64),
        };
        self.save_found(lease, found, Report::Progress(progress))
            .await
    }

    async fn save_found(&self, lease: &Lease, found: Vec<Alike>, report: Report) -> Result<bool> {
        let (now, lease) = (self.0.clock.now(), lease.clone());
        let ctx = Ctx::service("profile", lease.tenant.clone());
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move {
                if !store::duplicate_scan::report(tx, &lease, report, now).await? {
                    return Ok(false);
                }
                // Who was erased since the customers were read must not come back.
                let tenant = &lease.tenant;
                let ids = found.iter().flat_map(|pair| [pair.low, pair.high]);
                let ids: Vec<_> = ids.collect();
                let live = store::customer::hold_live(tx, tenant, &ids).await?;
                let is_live = |pair: &Alike| {
                    live.contains(&pair.low.uuid()) && live.contains(&pair.high.uuid())
                };
                let found = found.into_iter().filter(is_live).collect();
                store::duplicate_pair::save(tx, tenant, found, lease.scan, now).await?;
                Ok(true)
            })
        });
        Ok(work.await?.value)
    }

    /// What nobody decided about and this scan did not find again goes.
    async fn finish(&self, lease: &Lease, customers: i64) -> Result<()> {
        loop {
            let (now, of) = (self.0.clock.now(), lease.clone());
            let ctx = Ctx::service("profile", lease.tenant.clone());
            let work = self.0.db.write(&ctx, move |tx| {
                Box::pin(async move {
                    if !store::duplicate_scan::report(tx, &of, Report::Alive, now).await? {
                        return Ok(true);
                    }
                    let (tenant, scan) = (&of.tenant, of.scan);
                    let forgotten =
                        store::duplicate_pair::forget(tx, tenant, scan, FORGOTTEN_MAX).await?;
                    if forgotten == FORGOTTEN_MAX {
                        return Ok(false);
                    }
                    let pairs = store::duplicate_pair::count_found(tx, tenant, scan).await?;
                    let pairs = counted(pairs);
                    let done = Report::Succeeded { customers, pairs };
                    store::duplicate_scan::report(tx, &of, done, now).await
                })
            });
            if work.await?.value {
                return Ok(());
            }
        }
    }

    async fn report(&self, lease: &Lease, report: Report) -> Result<bool> {
        let (now, lease) = (self.0.clock.now(), lease.clone());
        let ctx = Ctx::service("profile", lease.tenant.clone());
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move { store::duplicate_scan::report(tx, &lease, report, now).await })
        });
        Ok(work.await?.value)
    }
}

/// Half of the processors: calls are answered meanwhile.
fn threads() -> usize {
    let all = std::thread::available_parallelism();
    all.map_or(1, |all| (all.get() / 2).max(1))
}

fn counted(customers: u64) -> i64 {
    i64::try_from(customers).unwrap_or(i64::MAX)
}
