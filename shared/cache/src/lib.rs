#![doc = include_str!("../README.md")]

mod breaker;
mod entry;
mod flight;
mod key;
mod memory;
mod missed;
mod remote;
mod value;

use std::sync::Arc;
use std::time::Duration;

use dossier_kernel::{Error, Result};

pub use entry::MAX_TTL;
pub use key::Key;
pub use value::Cached;

use entry::{Entry, REMOVED};
use flight::{Flights, Seat};
use memory::Memory;
use remote::{ANSWER_TIMEOUT, Remote, Run};
use value::Value;

/// The cache of a service. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    backend: Backend,
    flights: Flights,
}

enum Backend {
    Memory(Memory),
    Redis(Remote),
}

/// What a reader saw instead of a value: without it nothing can be put.
#[derive(Clone, Debug)]
pub struct Miss(Saw);

#[derive(Clone, Debug)]
enum Saw {
    /// How many marks this process had forgotten.
    Memory(u64),
    /// The run; `None` where Redis was away.
    Redis(Option<Run>),
}

/// What was loaded to answer a miss, to be kept and given out.
#[derive(Clone, Debug)]
pub struct Loaded<V> {
    /// The revision of the row the value was made from.
    pub version: i64,
    pub value: V,
}

impl Cache {
    /// For a process that is alone. Evicts what is used least when `capacity_bytes` is reached.
    pub fn memory(capacity_bytes: u64) -> Self {
        Self::of(Backend::Memory(Memory::new(capacity_bytes)))
    }

    /// For processes that share. Fails with INVALID_ARGUMENT only when `url` is not the address of
    /// a Redis (`redis://`, `rediss://`); one that is away is used once it answers.
    pub async fn redis(url: &str) -> Result<Self> {
        Ok(Self::of(Backend::Redis(
            Remote::connect(url, ANSWER_TIMEOUT).await?,
        )))
    }

    fn of(backend: Backend) -> Self {
        Self(Arc::new(Inner {
            backend,
            flights: Flights::default(),
        }))
    }

    /// The value, where there is one that is not known to be stale.
    pub async fn get<V: Cached>(&self, key: &Key) -> Result<Arc<V>, Miss> {
        match &self.0.backend {
            Backend::Memory(memory) => match memory.get(key) {
                Ok(value) => value.downcast().map_err(|_| Miss(Saw::Memory(u64::MAX))),
                Err(lost) => Err(Miss(Saw::Memory(lost))),
            },
            // Boxed, as all that a hit in memory does without: the future of every call holds room for
            // whatever it may wait for.
            Backend::Redis(remote) => match Box::pin(remote.get(key)).await {
                Ok(bytes) => match V::from_bytes(bytes) {
                    Ok(value) => Ok(Arc::new(value)),
                    Err(_) => Err(Miss(Saw::Redis(None))),
                },
                Err(run) => Err(Miss(Saw::Redis(run))),
            },
        }
    }

    /// Keeps what was read at revision `version`, after the `miss`, for about `ttl` (at most
    /// [`MAX_TTL`]), unless something newer is known or what was known is lost. For readers; a
    /// writer says [`Cache::supersede`].
    pub async fn put<V: Cached>(
        &self,
        key: &Key,
        miss: Miss,
        version: i64,
        value: Arc<V>,
        ttl: Duration,
    ) {
        match (&self.0.backend, miss.0) {
            (Backend::Memory(memory), Saw::Memory(lost)) => {
                let size = value.size();
                memory.put(key, Entry::value(version, value, ttl), size, lost);
            }
            (Backend::Redis(remote), Saw::Redis(Some(run))) => match value.to_bytes() {
                Ok(bytes) => {
                    let entry = Entry::value(version, bytes, ttl);
                    remote.put(key, entry, run).await;
                }
                Err(error) => tracing::warn!(%key, %error, "a value cannot be cached"),
            },
            // Redis was away when the reader looked, or it looked elsewhere.
            (_, Saw::Memory(_) | Saw::Redis(_)) => {}
        }
    }

    /// Announces, after the commit, that the row now has revision `version`: older values are
    /// forgotten, and readers that are late with one cannot put it.
    pub async fn supersede(&self, key: &Key, version: i64) {
        self.0.flights.close_boarding(key);
        match &self.0.backend {
            Backend::Memory(memory) => memory.mark(key, version),
            Backend::Redis(remote) => remote.announce(key, version).await,
        }
    }

    /// Announces, after the commit, that whatever is kept is stale. The keys stay empty for half a
    /// minute, so that no late reader brings an old value back.
    pub async fn remove(&self, keys: &[Key]) {
        futures::future::join_all(keys.iter().map(|key| self.supersede(key, REMOVED))).await;
    }

    /// The value, or what `load` finds, kept for the next one. When many miss the same key at once
    /// one of them loads for all. `load` says `None` for what does not exist, which is not kept. An
    /// error is the caller's own and nobody else's: the others load for themselves.
    pub async fn get_or_load<V, F, L>(
        &self,
        key: &Key,
        ttl: Duration,
        load: F,
    ) -> Result<Option<Arc<V>>>
    where
        V: Cached,
        F: FnOnce() -> L,
        L: Future<Output = Result<Option<Loaded<V>>>>,
    {
        let miss = match self.get(key).await {
            Ok(value) => return Ok(Some(value)),
            Err(miss) => miss,
        };
        Box::pin(self.load_together(key, miss, ttl, load)).await
    }

    /// A function of its own: as a block in [`Self::get_or_load`] it made reads a twentieth slower.
    async fn load_together<V, F, L>(
        &self,
        key: &Key,
        miss: Miss,
        ttl: Duration,
        load: F,
    ) -> Result<Option<Arc<V>>>
    where
        V: Cached,
        F: FnOnce() -> L,
        L: Future<Output = Result<Option<Loaded<V>>>>,
    {
        match self.0.flights.board(key) {
            Seat::Lead(lead) => {
                let value = self.load(key, miss, ttl, load).await?;
                lead.land(value.clone().map(|value| value as Value));
                Ok(value)
            }
            Seat::Follow(mut outcome) => {
                if let Ok(value) = outcome.wait_for(Option::is_some).await {
                    let value = value.clone().flatten().map(Arc::downcast).transpose();
                    return value.map_err(|_| Error::internal("keys of one kind, values of two"));
                }
                self.load(key, miss, ttl, load).await
            }
        }
    }

    async fn load<V, F, L>(
        &self,
        key: &Key,
        miss: Miss,
        ttl: Duration,
        load: F,
    ) -> Result<Option<Arc<V>>>
    where
        V: Cached,
        F: FnOnce() -> L,
        L: Future<Output = Result<Option<Loaded<V>>>>,
    {
        let Some(Loaded { version, value }) = load().await? else {
            return Ok(None);
        };
        let value = Arc::new(value);
        self.put(key, miss, version, value.clone(), ttl).await;
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests;
