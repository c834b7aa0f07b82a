//! Rotation: new keys for old, while everything goes on.
//!
//! A rotation is a row of `vault_rotation` that says how far it is. [`Rotator`] moves it on in small
//! transactions, each of which does a batch and notes how far it came, so that a process that is
//! killed goes on where it was and several replicas share the work.
//!
//! Nothing waits for a rotation. What makes that right: a new version is *introduced* and used by
//! whoever sees it; after twice the life of remembered keys everybody does (*settle*), and only then
//! is the old one *converted*, pass after pass until a whole pass finds nothing; only then is it
//! *retired*.

mod convert;
mod introduce;
mod phase;
mod retire;
mod rotator;
mod row;

pub use phase::{Kind, Phase};
pub use rotator::Rotator;
pub use row::Rotation;

use dossier_db::{Once, Tx};
use dossier_kernel::{Ctx, Result, TenantId};

use crate::table::Purpose;
use crate::{KeyVersion, Vault, table};

/// Which versions of a tenant's keys there are in one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyVersions {
    /// Ids of the root keys that wrap them.
    pub root_ids: Vec<String>,
    pub wrapping: Vec<KeyVersion>,
    pub index: Vec<KeyVersion>,
}

/// The method that starts rotations. Its outcomes hold nothing sealed, so that a rotation need not
/// wait for the end of its own.
pub const START: &str = "dossier.vault.v1.KeyService/StartKeyRotation";

impl Vault {
    /// Begins a rotation of the keys of the context's tenant, or of all that the root key wraps.
    /// Where one of the kind is under way already, nothing happens.
    pub async fn start_rotation(&self, ctx: &Ctx, once: Option<Once>, kind: Kind) -> Result<()> {
        let tenant = ctx.tenant.clone();
        let work = self.db().write_once(ctx, once, move |tx| {
            Box::pin(async move {
                tx.touch(format!("keyRotations/{}", kind.as_str()), ["phase"]);
                match kind {
                    // The caller's tenant keeps the record; the row is nobody's in particular.
                    Kind::Root => Ok(()),
                    Kind::Tenant | Kind::Customers | Kind::Index => begin(tx, &tenant, kind).await,
                }
            })
        });
        work.await?;
        if kind == Kind::Root {
            let ours = Ctx::service("vault", TenantId::all());
            let work = self.db().write(&ours, move |tx| {
                Box::pin(async move { begin(tx, &TenantId::all(), kind).await })
            });
            work.await?;
        }
        self.tell_rotator();
        Ok(())
    }

    /// The last rotation of each kind that concerns the tenant.
    pub async fn rotations(&self, tenant: &TenantId) -> Result<Vec<Rotation>> {
        let mut rotations = row::of(&self.db().reader_of(tenant), tenant).await?;
        if !tenant.is_all() {
            rotations
                .extend(row::of(&self.db().reader_of(&TenantId::all()), &TenantId::all()).await?);
        }
        Ok(rotations)
    }

    /// What there is of the tenant's keys; nothing where the tenant has none.
    pub async fn key_versions(&self, tenant: &TenantId) -> Result<KeyVersions> {
        let mut versions = KeyVersions::default();
        for key in table::tenant_keys(&self.db().reader_of(tenant), tenant).await? {
            versions.root_ids.push(key.root_id);
            match key.purpose {
                Purpose::Wrap => versions.wrapping.push(key.version),
                Purpose::Index => versions.index.push(key.version),
            }
        }
        versions.root_ids.sort_unstable();
        versions.root_ids.dedup();
        versions.wrapping.sort_unstable();
        versions.index.sort_unstable();
        Ok(versions)
    }
}

async fn begin(tx: &Tx, tenant: &TenantId, kind: Kind) -> Result<()> {
    match row::lock(tx, tenant, kind).await? {
        Some(known) if known.phase != Phase::Done => Ok(()),
        _ => row::begin(tx, tenant, kind).await,
    }
}
