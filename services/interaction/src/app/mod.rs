//! What can be done with interactions. One file per noun; the verbs are those of the RPCs.

mod batch;
mod customers;
pub mod ids;
mod ingest;
mod interaction;
mod recent;
mod subject;
mod summary;
mod timeline;
mod watch;

use std::sync::Arc;

use dossier_access::Access;
use dossier_audit::Audit;
use dossier_db::Db;
use dossier_feed::Feed;
use dossier_kernel::{Clock, Timestamp};
use dossier_vault::Vault;

use crate::peers::Profile;
use batch::Batch;
use customers::Customers;
use ids::Ids;
use recent::Recent;

pub use batch::Record;
pub use ingest::Gather;
pub use interaction::Answer;
pub use timeline::{ListQuery, Listed};
pub use watch::{Change, Start};

/// Everything interaction can do. Cheap to clone.
#[derive(Clone)]
pub struct Interactions(Arc<Inner>);

struct Inner {
    db: Db,
    feed: Feed,
    vault: Vault,
    clock: Clock,
    access: Access,
    audit: Audit,
    customers: Customers,
    ids: Ids,
    recent: Recent,
}

/// What the use cases stand on.
pub struct Parts {
    pub db: Db,
    pub feed: Feed,
    pub vault: Vault,
    pub clock: Clock,
    pub access: Access,
    pub audit: Audit,
    pub profile: Profile,
}

impl Interactions {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            db,
            feed,
            vault,
            clock,
            access,
            audit,
            profile,
        } = parts;
        let customers = Customers::new(profile);
        Self(Arc::new(Inner {
            db,
            feed,
            vault,
            clock,
            access,
            audit,
            customers,
            ids: Ids::default(),
            recent: Recent::default(),
        }))
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}
