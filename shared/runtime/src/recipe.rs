//! How a service is made: what its crate gives, and what it is given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dossier_access::Access;
use dossier_audit::Audit;
use dossier_cache::Cache;
use dossier_db::Db;
use dossier_feed::Feed;
use dossier_kernel::{Clock, Result};
use dossier_rpc::Channel;
use dossier_vault::{Registry, Vault};
use futures::FutureExt;
use futures::future::BoxFuture;
use sea_orm_migration::MigrationTrait;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::journal::{Journal, JournalEntry};
use crate::subject::{Held, Participant};

/// Everything a process needs to know to run a service. A service's crate exports one.
#[derive(Clone, Copy)]
pub struct Recipe {
    /// `profile`; names the database, the telemetry and the peer.
    pub name: &'static str,
    /// Full names of its gRPC services, such as `dossier.profile.v1.CustomerService`.
    pub grpc_services: &'static [&'static str],
    /// Its own migrations, in order. Those of feed, vault, audit and idempotency come from the runtime.
    pub migrations: fn() -> Vec<Box<dyn MigrationTrait>>,
    /// What its tables hold sealed: key rotation goes through it.
    pub sealed: Registry,
    /// What its tables hold of customers: erasure goes through it.
    pub held: Held,
    /// What follows when an older copy of its database was put back, of those erased since: `None` where
    /// another service sees to it.
    pub replay: Option<Replay>,
    /// The name of the job that drops old events of its feed, such as `profile.compact-feed`; `None`
    /// where followers begin with the feed itself, so that it is kept whole.
    pub compaction: Option<&'static str>,
    pub build: fn(Deps) -> BoxFuture<'static, Result<Service>>,
}

/// Has everybody erased again who is in the journal; says how many customers that are.
pub type Replay = fn(Db, Vec<JournalEntry>) -> BoxFuture<'static, Result<u64>>;

/// How customers are erased.
#[derive(Clone)]
pub struct Erasing {
    pub journal: Journal,
    /// How long after a customer was hidden other services may still write of it.
    pub settle: Duration,
}

/// What a service stands on. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    /// The service's own database, opened and migrated.
    pub db: Db,
    pub feed: Feed,
    pub vault: Vault,
    pub cache: Cache,
    pub clock: Clock,
    /// Who may see and change which rows, and what of them.
    pub access: Access,
    /// Is told before personal data in the clear leaves the service.
    pub audit: Audit,
    pub peers: Peers,
    pub erasing: Erasing,
    /// Cancelled when the process begins to stop: streams end with a cursor, jobs return.
    pub stop: CancellationToken,
}

/// Ways to the four services; lazy, so that no start waits for another.
#[derive(Clone)]
pub struct Peers {
    pub profile: Channel,
    pub interaction: Channel,
    pub segmentation: Channel,
    pub feedback: Channel,
}

/// A service that was built and waits to be served.
pub struct Service {
    pub routes: Routes,
    pub jobs: Vec<Job>,
    /// Its part in the rights of its customers; `None` where it asks the others.
    pub participant: Option<Arc<dyn Participant>>,
}

/// Work in the background. It returns when [`Deps::stop`] is cancelled; when it fails, it is begun
/// again after a pause that grows, so what it does must be idempotent.
#[derive(Clone)]
pub struct Job {
    /// `segmentation.follow-profile`; named in logs and readiness.
    pub name: &'static str,
    pub run: Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>,
}

impl Job {
    pub fn new<W, F>(name: &'static str, work: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self {
            name,
            run: Arc::new(move || work().boxed()),
        }
    }
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipe")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
