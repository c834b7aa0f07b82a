//! Putting a process together, and taking it apart.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dossier_access::{Access, Rules, SigningKey};
use dossier_audit::Audit;
use dossier_cache::Cache;
use dossier_db::Db;
use dossier_kernel::{Clock, Error, Reason, Result, Role, TenantId};
use dossier_rpc::{Channel, Drain, Edge, Local, Part, Server, ServingStatus, TokenSource};
use dossier_vault::Vault;
use dossier_vault::rotation::Rotator;
use futures::future::{join_all, try_join_all};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, Admin};
use crate::config::{Config, SERVICES, production};
use crate::ground::{self, Ground};
use crate::jobs::Jobs;
use crate::journal::Journal;
use crate::key_service::{self, Keyring};
use crate::keys::Keys;
use crate::lock::Lock;
use crate::recipe::{Deps, Erasing, Job, Recipe};
use crate::subject::Subjects;
use crate::ways::Ways;
use crate::{access_service, api_keys, audit_service, compaction, subject_service, tls};

/// How long jobs may take to return after the streams they follow have ended.
const JOBS_BOUND: Duration = Duration::from_secs(2);
/// How long databases may take to finish what waits and close.
const CLOSE_BOUND: Duration = Duration::from_secs(2);

/// A set of services that serves. Dropping it stops nothing: say [`Running::stop`].
pub struct Running {
    addr: SocketAddr,
    admin_addr: Option<SocketAddr>,
    local: Local,
    signing: Arc<SigningKey>,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
    admin: Option<JoinHandle<()>>,
    jobs: Jobs,
    audits: Vec<Audit>,
    databases: Vec<Db>,
    locks: Vec<Lock>,
}

/// Starts those of `recipes` that the configuration asks for; returns when they answer.
/// INVALID_ARGUMENT with all reasons at once when it is meant for production and not fit for it;
/// FAILED_PRECONDITION when another process has the data directory, the address is taken, a
/// database lacks migrations or the root key is not the one its data was made with.
pub async fn start(config: Config, recipes: Vec<Recipe>) -> Result<Running> {
    // Whoever was first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    production::check(&config)?;
    let recipes = select(&config, recipes)?;
    prepare(&config.data_dir, config.is_embedded())?;
    let locks = lock(&config, &recipes)?;
    let keys = Keys::load(&config)?;
    let listener = bind(config.listen).await?;
    let admin_listener = match config.admin_listen {
        Some(addr) => Some(bind(addr).await?),
        None => None,
    };
    let cache = match &config.redis_url {
        Some(url) => Cache::redis(url).await?,
        None => Cache::memory(config.cache_bytes_max),
    };
    let open = |recipe: &Recipe| Ground::open(&config, *recipe, &keys);
    let grounds = try_join_all(recipes.iter().map(open)).await?;
    let databases: Vec<Db> = grounds.iter().map(|ground| ground.db.clone()).collect();
    let audits: Vec<Audit> = grounds.iter().map(|ground| ground.audit.clone()).collect();

    let local = Local::new();
    let ways = Ways {
        config: &config,
        recipes: &recipes,
        local: &local,
        signing: &keys.signing,
        tls: tls::asking(&config)?,
    };
    let edge = edge(&config, &recipes, &keys, &ways).await?;
    let mut parts = vec![
        Part {
            services: &[key_service::NAME],
            routes: key_service::routes(Keyring(keyring(&grounds))),
        },
        Part {
            services: &[access_service::NAME],
            routes: access_service::routes(edge.access.clone()),
        },
        Part {
            services: &[audit_service::NAME],
            routes: audit_service::routes(&grounds),
        },
    ];
    let mut jobs = vec![rotation(&grounds, &edge.stop)];
    let mut subjects = Vec::new();
    let erasing = Erasing {
        journal: Journal::at(config.erasure_journal_path()),
        settle: Duration::from_secs(config.erasure_settle_secs),
    };
    for ground in grounds {
        let Ground {
            recipe,
            db,
            feed,
            vault,
            audit,
        } = ground;
        if let (Some(name), Some(keep)) = (recipe.compaction, config.feed_retention()) {
            let (clock, stop) = (edge.clock.clone(), edge.stop.clone());
            jobs.push(compaction::job(name, feed.clone(), clock, keep, stop));
        }
        let deps = Deps {
            db,
            feed,
            vault,
            cache: cache.clone(),
            clock: edge.clock.clone(),
            access: edge.access.clone(),
            audit,
            peers: ways.of(recipe.name)?,
            erasing: erasing.clone(),
            stop: edge.stop.clone(),
        };
        let service = (recipe.build)(deps.clone()).await?;
        parts.push(Part {
            services: recipe.grpc_services,
            routes: service.routes,
        });
        jobs.extend(service.jobs);
        subjects.extend(service.participant.map(|participant| Subjects {
            service: recipe.name,
            db: deps.db,
            vault: deps.vault,
            held: recipe.held,
            participant,
        }));
    }
    parts.push(Part {
        services: &[subject_service::NAME],
        routes: subject_service::routes(subjects)?,
    });
    let stop = edge.stop.clone();
    let serving_tls = edge.tls.clone();
    let server = Server::new(edge, parts).map_err(Error::internal)?;
    local.bind(server.service());
    let health = server.health();

    let addr = address(&listener)?;
    let admin_addr = admin_listener.as_ref().map(address).transpose()?;
    let shutdown = CancellationToken::new();
    let jobs = Jobs::start(jobs, &stop);
    audits.iter().for_each(Audit::start);
    let admin = admin_listener.map(|listener| {
        let open = !config.admin_listen.is_some_and(|at| at.ip().is_loopback());
        let tls = serving_tls.filter(|_| open);
        let services = recipes.iter().map(|recipe| recipe.name).collect();
        let admin = Admin {
            health: health.clone(),
            services,
            jobs: Box::new(jobs.health()),
            databases: databases.clone(),
            audits: audits.clone(),
        };
        tokio::spawn(admin::serve(admin, listener, tls, stop))
    });
    let drain = Drain {
        bound: Duration::from_secs(config.drain_secs_max),
        ..Drain::default()
    };
    let served = tokio::spawn(server.serve(listener, shutdown.clone(), drain));
    health.set_all(ServingStatus::Serving);
    let signing = keys.signing;
    Ok(Running {
        addr,
        admin_addr,
        local,
        signing,
        shutdown,
        served,
        admin,
        jobs,
        audits,
        databases,
        locks,
    })
}

/// Brings the databases of the services that the configuration asks for to the current schema;
/// says how many migrations each lacked. Safe to run at the same time by several processes.
pub async fn migrate(config: &Config, recipes: Vec<Recipe>) -> Result<Vec<(&'static str, u32)>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let recipes = select(config, recipes)?;
    let mut done = Vec::new();
    if config.is_embedded() {
        prepare(&config.data_dir, true)?;
    }
    let _locks = lock(config, &recipes)?;
    for recipe in recipes {
        done.push((recipe.name, ground::migrate(config, recipe).await?));
    }
    Ok(done)
}

/// Begins another history of the feeds of the services that the configuration asks for: their data
/// is a restored copy, and whoever followed what came after the copy must notice. Whoever was erased
/// since is erased again. FAILED_PRECONDITION where the journal of these is not there, unless
/// `without_journal` says that nobody was erased.
pub async fn restored(
    config: &Config,
    recipes: Vec<Recipe>,
    without_journal: bool,
) -> Result<Vec<Restored>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let recipes = select(config, recipes)?;
    let _locks = lock(config, &recipes)?;
    let mut done = Vec::new();
    for recipe in recipes {
        done.push(Restored {
            service: recipe.name,
            erased_count: ground::restored(config, recipe, without_journal).await?,
        });
    }
    Ok(done)
}

/// A service whose data is a restored copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub service: &'static str,
    /// Customers that are erased again once it serves.
    pub erased_count: u64,
}

impl Running {
    /// Where gRPC is served; the port that was found when the configuration asked for any.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }

    /// To the services of this process without a socket, as a service of the suite.
    pub fn channel(&self) -> Channel {
        let tokens = TokenSource::service(Arc::clone(&self.signing), "runtime", Clock::system());
        Channel::in_process(&self.local, tokens)
    }

    /// Makes tokens that this process accepts.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// Returns when the server has ended without being asked to.
    pub async fn wait(&mut self) -> Error {
        let cause = match (&mut self.served).await {
            Ok(Ok(())) => "the server ended".into(),
            Ok(Err(error)) => Box::<dyn std::error::Error + Send + Sync>::from(error),
            Err(error) => error.into(),
        };
        Error::internal(cause)
    }

    /// Drains and stops: streams end with a cursor, calls in flight finish within the bound of the
    /// configuration, then jobs, databases and locks go.
    pub async fn stop(self) {
        let Self {
            local,
            shutdown,
            served,
            admin,
            jobs,
            audits,
            databases,
            locks,
            ..
        } = self;
        shutdown.cancel();
        match served.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the server ended badly"),
            Err(error) => tracing::warn!(%error, "the server ended badly"),
        }
        jobs.finish(JOBS_BOUND).await;
        if let Some(admin) = admin {
            admin.abort();
        }
        local.unbind();
        let close = async {
            // Nobody reads any more: what was read last is written down.
            join_all(audits.iter().map(Audit::close)).await;
            join_all(databases.iter().map(Db::close)).await;
        };
        if tokio::time::timeout(CLOSE_BOUND, close).await.is_err() {
            // Nothing is lost: what was acknowledged is on disk, the next start reads the log.
            tracing::warn!("databases did not close in time");
        }
        drop(locks);
    }
}

pub(crate) fn select(config: &Config, recipes: Vec<Recipe>) -> Result<Vec<Recipe>> {
    if config.only.is_empty() {
        return Ok(recipes);
    }
    let wanted = |recipe: &Recipe| config.only.iter().any(|name| name == recipe.name);
    let selected: Vec<_> = recipes.into_iter().filter(wanted).collect();
    if selected.is_empty() {
        let message = format!("This binary serves none of: {}.", config.only.join(", "));
        return Err(Error::new(Reason::InvalidArgument, message));
    }
    Ok(selected)
}

/// The data directory, readable by nobody else where it is made here.
fn prepare(data_dir: &Path, embedded: bool) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if data_dir.is_dir() {
        return Ok(());
    }
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir);
    match made {
        Ok(()) => Ok(()),
        // Only keys would live there, and they may be elsewhere.
        Err(_) if !embedded => Ok(()),
        Err(error) => {
            let message = format!("The data directory {} cannot be made.", data_dir.display());
            Err(Error::new(Reason::FailedPrecondition, message).caused_by(error))
        }
    }
}

fn lock(config: &Config, recipes: &[Recipe]) -> Result<Vec<Lock>> {
    if !config.is_embedded() {
        return Ok(Vec::new());
    }
    recipes
        .iter()
        .map(|recipe| Lock::take(&config.data_dir, recipe.name))
        .collect()
}

async fn bind(addr: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(addr).await.map_err(|error| {
        let message = format!("{addr} cannot be listened on; give another address with --listen.");
        Error::new(Reason::FailedPrecondition, message).caused_by(error)
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(Error::internal)
}

fn keyring(grounds: &[Ground]) -> Vec<(&'static str, Vault)> {
    grounds
        .iter()
        .map(|ground| (ground.recipe.name, ground.vault.clone()))
        .collect()
}

/// Moves the key rotations of all services on.
fn rotation(grounds: &[Ground], stop: &CancellationToken) -> Job {
    let rotators: Vec<Rotator> = grounds
        .iter()
        .map(|ground| Rotator::new(ground.vault.clone(), ground.recipe.sealed))
        .collect();
    let stop = stop.clone();
    Job::new("vault.rotate-keys", move || {
        let (rotators, stop) = (rotators.clone(), stop.clone());
        async move {
            try_join_all(rotators.iter().map(|rotator| rotator.run(&stop))).await?;
            Ok(())
        }
    })
}

async fn edge(config: &Config, recipes: &[Recipe], keys: &Keys, ways: &Ways<'_>) -> Result<Edge> {
    let services: Vec<_> = recipes
        .iter()
        .flat_map(|recipe| recipe.grpc_services)
        .copied()
        .chain([
            key_service::NAME,
            access_service::NAME,
            audit_service::NAME,
            subject_service::NAME,
        ])
        .collect();
    let rules = Rules::from_descriptors(dossier_proto::DESCRIPTORS, &services)?;
    let access = match &config.policies_file {
        Some(file) => Access::load(dossier_proto::DESCRIPTORS, file)?,
        None => Access::shipped(dossier_proto::DESCRIPTORS)?,
    };
    let [profile, ..] = SERVICES;
    let asker = recipes.first().map_or(profile, |recipe| recipe.name);
    let api_keys = api_keys::register(ways.to(profile, asker)?, asker);
    let verifier = keys.verifier(config, api_keys).await?;
    let mut edge = Edge::new(Arc::new(verifier), Arc::new(rules), access);
    edge.tls = tls::serving(config)?;
    edge.reflection = config.reflection;
    edge.origins.clone_from(&config.web_origins);
    edge.limits.calls_max = config.calls_max;
    edge.limits.connections_max = config.connections_max;
    edge.limits.peer_connections_max = config.peer_connections_max;
    if config.admits_anonymous() {
        edge.anonymous = Some((TenantId::embedded_default(), Role::Admin));
    }
    Ok(edge)
}

#[cfg(test)]
mod tests;
