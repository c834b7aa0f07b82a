//! Moves rotations on.

use std::time::{Duration, Instant};

use dossier_db::Tx;
use dossier_kernel::{Clock, Ctx, Result, TenantId};
use tokio_util::sync::CancellationToken;

use super::row::{self, Position, Rotation};
use super::{Kind, Phase, START, convert, introduce, retire};
use crate::{Registry, Vault};

/// How often rotations that another process has begun are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often a waiting rotation looks whether its wait is over.
const WAIT_EVERY: Duration = Duration::from_millis(250);

/// The longest that others are let in after a batch.
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Moves the rotations of one service's database on, those of all tenants. A job of every process
/// of the service.
#[derive(Clone)]
pub struct Rotator {
    vault: Vault,
    registry: Registry,
}

/// What one batch did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Batch {
    /// Where the next one goes on; `None` at the end.
    pub next: Option<Position>,
    pub converted: u64,
    pub unreadable: u64,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Worked,
    Waits,
    Ended,
    /// It stays where it was, to be gone on with.
    Failed,
}

impl Rotator {
    pub fn new(vault: Vault, registry: Registry) -> Self {
        Self { vault, registry }
    }

    /// Works until `stop` is cancelled. A rotation that fails is tried again; the others' go on.
    pub async fn run(&self, stop: &CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let pause = match self.step_all().await? {
                // As long as the batch took: others get at least half of the writer.
                Some(Step::Worked) => begun.elapsed().min(PAUSE_MAX),
                Some(Step::Waits) => WAIT_EVERY,
                Some(Step::Ended | Step::Failed) | None => LOOK_EVERY,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.vault.rotation_begun() => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    /// One step of every rotation that is under way; the busiest of what became of them.
    async fn step_all(&self) -> Result<Option<Step>> {
        let mut busiest = None;
        for rotation in row::active(&self.vault.db().reader_of(&TenantId::all())).await? {
            // What is wrong with one tenant's keys is nothing to the others.
            let step = self.step(&rotation).await.unwrap_or_else(|error| {
                let (tenant, kind) = (rotation.tenant.as_str(), rotation.kind.as_str());
                tracing::warn!(tenant, kind, %error, "keys are not rotated; tried again");
                Step::Failed
            });
            busiest = match (busiest, step) {
                (Some(Step::Worked), _) | (_, Step::Worked) => Some(Step::Worked),
                (Some(Step::Waits), _) | (_, Step::Waits) => Some(Step::Waits),
                (_, rests) => Some(rests),
            };
        }
        Ok(busiest)
    }

    async fn step(&self, seen: &Rotation) -> Result<Step> {
        if !self.is_due(seen).await? {
            return Ok(Step::Waits);
        }
        let ctx = Ctx::service("vault", seen.tenant.clone());
        let (rotator, seen) = (self.clone(), seen.clone());
        let (tenant, phase) = (seen.tenant.clone(), seen.phase);
        let work = self.vault.db().write(&ctx, move |tx| {
            Box::pin(async move {
                let found = row::lock(tx, &seen.tenant, seen.kind).await?;
                // Another replica may have been here.
                match found {
                    Some(rotation) if rotation == seen => rotator.advance(tx, rotation).await,
                    Some(rotation) => Ok(rotation),
                    None => Ok(seen),
                }
            })
        });
        let rotation = work.await?.value;
        if rotation.phase != phase {
            // What this process remembers may no longer be all there is.
            self.vault.refresh_tenant(&tenant).await?;
        }
        if rotation.phase != Phase::Done {
            return Ok(Step::Worked);
        }
        tracing::info!(
            tenant = tenant.as_str(),
            kind = rotation.kind.as_str(),
            converted = rotation.done_count,
            unreadable = rotation.unreadable_count,
            "keys rotated"
        );
        Ok(Step::Ended)
    }

    /// Whether the phase has waited long enough.
    async fn is_due(&self, rotation: &Rotation) -> Result<bool> {
        let settled = rotation.phase_time.plus(2 * self.vault.key_life());
        match rotation.phase {
            Phase::Settle | Phase::Join | Phase::Leave => Ok(Clock::system().now() >= settled),
            // Rows under an old version were made before the conversion ended.
            Phase::Outlive if self.registry.outcomes => {
                let (tenant, end) = (&rotation.tenant, rotation.phase_time);
                let reader = self.vault.db().reader_of(tenant);
                let kept = dossier_db::has_outcome_before(&reader, tenant, end, START);
                Ok(!kept.await?)
            }
            Phase::Introduce | Phase::Convert | Phase::Outlive | Phase::Retire | Phase::Done => {
                Ok(true)
            }
        }
    }

    /// One batch, and the note of it in the same transaction.
    async fn advance(&self, tx: &Tx, mut rotation: Rotation) -> Result<Rotation> {
        let (tenant, at) = (rotation.tenant.clone(), rotation.position);
        let vault = &self.vault;
        let batch = match (rotation.phase, rotation.kind) {
            (Phase::Introduce, Kind::Customers) => {
                introduce::customers(tx, vault, &tenant, at).await?
            }
            (Phase::Introduce, _) => introduce::tenant(tx, vault, &tenant, rotation.kind).await?,
            (Phase::Convert, Kind::Root) => convert::root(tx, vault).await?,
            (Phase::Convert, Kind::Tenant) => convert::tenant(tx, vault, &tenant, at).await?,
            (Phase::Convert, Kind::Customers) => {
                convert::customers(tx, vault, &self.registry, &tenant, at).await?
            }
            (Phase::Convert, Kind::Index) => {
                convert::index(tx, vault, &self.registry, &tenant, at).await?
            }
            (Phase::Retire, Kind::Customers) => retire::customers(tx, &tenant, at).await?,
            (Phase::Retire, Kind::Tenant) => retire::tenant(tx, &tenant).await?,
            (Phase::Retire, Kind::Index) => retire::index(tx, &self.registry, &tenant, at).await?,
            (Phase::Settle | Phase::Join | Phase::Outlive | Phase::Leave | Phase::Done, _)
            | (Phase::Retire, Kind::Root) => Batch::default(),
        };
        rotation.unreadable_count += batch.unreadable;
        if rotation.phase == Phase::Convert {
            rotation.done_count += batch.converted;
            rotation.pass_count += batch.converted;
        }
        match batch.next {
            Some(next) => rotation.position = next,
            None => {
                rotation.position = Position::default();
                let clean = rotation.pass_count == 0;
                rotation.pass_count = 0;
                // A pass that found something is followed by another: somebody may have been at
                // work behind it.
                if clean {
                    self.enter_next(tx, &mut rotation).await?;
                } else {
                    rotation.unreadable_count = 0;
                }
            }
        }
        row::save(tx, &rotation).await?;
        Ok(rotation)
    }

    async fn enter_next(&self, tx: &Tx, rotation: &mut Rotation) -> Result<()> {
        rotation.phase = rotation.phase.next(rotation.kind);
        rotation.phase_time = Clock::system().now();
        match rotation.phase {
            Phase::Join => introduce::join(tx, &rotation.tenant).await,
            Phase::Leave => retire::leave(tx, &rotation.tenant).await,
            _ => Ok(()),
        }
    }
}
