//! The use cases: load, decide (domain), save and stage the change, in one transaction.

mod api_key;
mod attached;
mod attribute_definition;
mod consent;
mod consent_check;
mod consent_notice;
mod customer;
mod duplicate_pair;
mod duplicate_scan;
mod ending;
mod erasure;
mod export;
mod import;
mod import_undo;
mod legal_hold;
mod list;
mod lookup;
mod merge;
mod merge_telling;
mod organization_tree;
mod parting;
mod privacy_export;
mod privacy_request;
mod purge;
mod reindex;
mod relationship;
mod replay;
mod revision;
mod scanning;
mod search;
mod seen;
mod tag;
mod unit;
mod unmerge;
mod upsert;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use dossier_access::Access;
use dossier_audit::Audit;
use dossier_cache::{Cache, Key};
use dossier_db::{Committed, Db};
use dossier_feed::{Cursor, Feed};
use dossier_kernel::{Clock, Ctx, CustomerId, Result, TenantId};
use dossier_runtime::Journal;
use dossier_vault::Vault;
use tokio_util::sync::CancellationToken;

use crate::domain::Definitions;
use crate::error::Error;
use crate::peers::Neighbour;
use crate::store;

pub use crate::store::duplicate_pair::Which as WhichPairs;
pub use api_key::Made;
pub use consent::Recorded;
pub use consent_check::ConsentQuestion;
pub use customer::{BATCH_MAX, Update};
pub use export::Export;
pub use import::{Batch, BatchReport, ImportRow, RowError};
pub use list::List;
pub use lookup::{Lookup, Question};
pub use merge::{MergeDone, Plan};
pub use organization_tree::{Extent, Household, Tree};
pub use privacy_export::Line;
pub use privacy_request::Shown;
pub use reindex::reindex;
pub use relationship::Related;
pub use replay::replay;
pub use revision::{Deed, Origins, Revised, Rollback};
pub use search::{Hit, Search, Searched};
pub use seen::Seen;
pub use tag::Retagged;
pub use unit::{Done, Effect};
pub use upsert::Upsert;
pub use watch::Watched;

/// Everything profile can do. Cheap to clone.
#[derive(Clone)]
pub struct Profile(Arc<Inner>);

struct Inner {
    db: Db,
    feed: Feed,
    vault: Vault,
    cache: Cache,
    clock: Clock,
    access: Access,
    audit: Audit,
    neighbours: Vec<Neighbour>,
    journal: Journal,
    settle: Duration,
    stop: CancellationToken,
}

/// What the use cases stand on.
pub struct Parts {
    pub db: Db,
    pub feed: Feed,
    pub vault: Vault,
    pub cache: Cache,
    pub clock: Clock,
    pub access: Access,
    pub audit: Audit,
    /// The services that hold something of customers.
    pub neighbours: Vec<Neighbour>,
    /// Who was erased, for whoever puts an older backup back.
    pub journal: Journal,
    /// How long after a customer was hidden neighbours may still write of it.
    pub settle: Duration,
    pub stop: CancellationToken,
}

/// How a mutation is to be run.
#[derive(Clone, Default)]
pub struct Mutation {
    /// With it, the same request has one effect and one answer.
    pub once: Option<dossier_db::Once>,
    /// Everything as ever, and nothing kept.
    pub validate_only: bool,
}

impl Profile {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            db,
            feed,
            vault,
            cache,
            clock,
            access,
            audit,
            neighbours,
            journal,
            settle,
            stop,
        } = parts;
        Self(Arc::new(Inner {
            db,
            feed,
            vault,
            cache,
            clock,
            access,
            audit,
            neighbours,
            journal,
            settle,
            stop,
        }))
    }

    /// Cancelled when the process begins to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// The tenant's own fields, all of them.
    pub async fn attribute_definitions(&self, ctx: &Ctx) -> Result<Definitions> {
        self.definitions(&ctx.tenant, true).await
    }

    /// The tenant's own fields, where a draft needs them.
    async fn definitions(&self, tenant: &TenantId, needed: bool) -> Result<Definitions> {
        if !needed {
            return Ok(Definitions::new());
        }
        store::attribute_definition::all(&self.0.db.reader_of(tenant), tenant).await
    }

    /// The cursor that covers a mutation; `None` where nothing was published.
    async fn cursor_of<T>(&self, done: &Committed<T>) -> Result<Option<String>> {
        if done.replayed {
            return Ok(Some(self.0.feed.head().await?.to_string()));
        }
        Ok(Cursor::of(&done.positions).map(|cursor| cursor.to_string()))
    }

    /// After the commit: what is cached of the customer is stale.
    async fn tell_cache(&self, ctx: &Ctx, id: CustomerId, revision: i64) {
        self.0
            .cache
            .supersede(&cache_key(&ctx.tenant, id), revision)
            .await;
    }
}

fn cache_key(tenant: &TenantId, id: CustomerId) -> Key {
    Key::new(tenant, "profile.customer", id)
}

/// A row whose key is gone is what an erasure leaves in an old backup.
fn keyless(id: CustomerId) -> dossier_kernel::Error {
    Error::unreadable("customer", format!("no key for {}", id.to_name())).into()
}
