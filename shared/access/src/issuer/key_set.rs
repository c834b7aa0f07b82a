//! The public keys of one issuer as they are now.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dossier_kernel::{Error, Reason, Result};
use jsonwebtoken::DecodingKey;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::source::Source;
use super::{Issuer, IssuerAlgorithm, document};

/// Read again by age in the background, and at once for a key that is not known, but never twice at
/// once and never more often than the source's pause: a flood of made-up key names costs an issuer
/// one question in half a minute. While the source fails, the keys that were good stay.
pub struct KeySet {
    issuer: String,
    algorithm: IssuerAlgorithm,
    source: Source,
    keys: RwLock<HashMap<String, DecodingKey>>,
    document: RwLock<Vec<u8>>,
    /// Goes up whenever a key may have been taken away: what was verified before is not believed.
    generation: AtomicU64,
    begun: Instant,
    /// Milliseconds after `begun` at which the keys are too old.
    due_ms: AtomicU64,
    last_attempt: Mutex<Option<Instant>>,
}

impl KeySet {
    pub async fn open(settings: &Issuer) -> Result<Self> {
        let set = Self {
            issuer: settings.issuer.clone(),
            algorithm: settings.algorithm,
            source: Source::of(settings)?,
            keys: RwLock::default(),
            document: RwLock::default(),
            generation: AtomicU64::new(0),
            begun: Instant::now(),
            due_ms: AtomicU64::new(0),
            last_attempt: Mutex::new(None),
        };
        if let Err(words) = set.load().await {
            if set.source.is_file() {
                let message = format!("The key set {} cannot be used: {words}.", settings.jwks);
                return Err(Error::new(Reason::FailedPrecondition, message));
            }
            tracing::warn!(issuer = %set.issuer, %words, "no keys of an issuer yet");
        }
        *set.last_attempt.lock().await = Some(Instant::now());
        Ok(set)
    }

    pub fn key(&self, kid: &str) -> Option<DecodingKey> {
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(kid)
            .cloned()
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Reads old keys again, in the background: the caller goes on with those there are.
    pub fn refresh_when_old(self: &Arc<Self>) {
        let elapsed = self.elapsed_ms();
        let due = self.due_ms.load(Ordering::Relaxed);
        // Whoever moves the date is the one who reads.
        let next = elapsed.saturating_add(millis(self.source.pause()));
        if elapsed >= due
            && self
                .due_ms
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            let set = Arc::clone(self);
            tokio::spawn(async move { set.attempt().await });
        }
    }

    /// Reads the keys again unless that was done or tried just now. Callers that come meanwhile wait
    /// for the one attempt, which goes on without those who leave: whoever asked with an invented
    /// name and hung up would else keep everybody from new keys for the length of the pause.
    pub async fn refresh(self: &Arc<Self>) {
        let set = Arc::clone(self);
        // Where it panicked the keys of before stay.
        let _ = tokio::spawn(async move { set.attempt().await }).await;
    }

    async fn attempt(&self) {
        let mut last = self.last_attempt.lock().await;
        if last.is_some_and(|at| at.elapsed() < self.source.pause()) {
            return;
        }
        *last = Some(Instant::now());
        if let Err(words) = self.load().await {
            tracing::warn!(
                issuer = %self.issuer, %words,
                "the keys of an issuer cannot be read again; those of before stay"
            );
        }
    }

    async fn load(&self) -> Result<(), String> {
        let found = self.source.load().await?;
        self.due_ms.store(
            self.elapsed_ms()
                .saturating_add(millis(self.source.age_max())),
            Ordering::Relaxed,
        );
        if *self.document.read().unwrap_or_else(PoisonError::into_inner) == found {
            return Ok(());
        }
        let keys = document::keys(&found, self.algorithm)?;
        let count = keys.len();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        *self
            .document
            .write()
            .unwrap_or_else(PoisonError::into_inner) = found;
        self.generation.fetch_add(1, Ordering::Release);
        tracing::info!(issuer = %self.issuer, keys = count, "the keys of an issuer were read");
        Ok(())
    }

    fn elapsed_ms(&self) -> u64 {
        millis(self.begun.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
