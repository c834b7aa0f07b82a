//! From an API key to whom it speaks for, with few questions to the service that keeps them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dossier_kernel::{Error, Reason, Result, Timestamp};
use futures::future::BoxFuture;
use moka::future::Cache;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::KeyText;
use crate::Claims;

/// Asks whoever keeps the keys, by id and by the SHA-256 of the secret.
/// [`Reason::NotFound`] is the answer no; every other error means that nobody knows.
pub type Resolve = Arc<dyn Fn(Uuid, [u8; 32]) -> BoxFuture<'static, Result<Claims>> + Send + Sync>;

/// How long an answer holds, yes or no: what a revoked key can still do.
const HELD: Duration = Duration::from_secs(30);
const HELD_MAX: u64 = 20_000;

/// Keys that may be asked for at once, and how many noes more a second. Whoever tries keys that do
/// not exist must not keep the service busy for everybody else.
const REFUSALS_MAX: f64 = 100.0;
const REFUSALS_PER_SECOND: f64 = 20.0;

/// Whom API keys speak for. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct ApiKeys(Arc<Inner>);

struct Inner {
    resolve: Resolve,
    /// By SHA-256 of the whole text, so that no key stays in memory; `None` is a no.
    held: Cache<[u8; 32], Option<Arc<Claims>>>,
    budget: Mutex<(f64, Instant)>,
}

impl ApiKeys {
    pub fn new(resolve: Resolve) -> Self {
        Self(Arc::new(Inner {
            resolve,
            held: Cache::builder()
                .max_capacity(HELD_MAX)
                .time_to_live(HELD)
                .build(),
            budget: Mutex::new((REFUSALS_MAX, Instant::now())),
        }))
    }

    /// Whom the key speaks for. [`Reason::Unauthenticated`] in one and the same way for keys that
    /// are bent, unknown, wrong, expired or revoked; [`Reason::Unavailable`] when nobody can say;
    /// [`Reason::ResourceExhausted`] when too many keys that are none were tried.
    pub async fn admit(&self, text: &str, now: Timestamp) -> Result<Claims> {
        let key = KeyText::parse(text).ok_or_else(refused)?;
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let found = match self.0.held.get(&digest).await {
            Some(found) => found,
            // One question for all that ask at the same time.
            None => self
                .0
                .held
                .try_get_with(digest, self.ask(&key))
                .await
                .map_err(|error| unknown(&error))?,
        };
        match found {
            Some(claims) if claims.expiry > now => Ok(claims.as_ref().clone()),
            _ => Err(refused()),
        }
    }

    /// Paid for before it is asked, and given back unless the answer is no: what is asked for at the
    /// same time counts, and so does a question whose asker hangs up.
    async fn ask(&self, key: &KeyText) -> Result<Option<Arc<Claims>>> {
        if !self.pay() {
            return Err(Error::new(
                Reason::ResourceExhausted,
                "Too many API keys that do not exist were tried; try again in a second.",
            )
            .retry_after(Duration::from_secs(1)));
        }
        match (self.0.resolve)(key.id, key.secret_hash()).await {
            Ok(claims) => {
                self.give_back();
                Ok(Some(Arc::new(claims)))
            }
            Err(error) if error.reason() == Reason::NotFound => Ok(None),
            Err(error) => {
                self.give_back();
                Err(error)
            }
        }
    }

    fn pay(&self) -> bool {
        self.budget(|left| {
            let paid = *left >= 1.0;
            *left -= f64::from(u8::from(paid));
            paid
        })
    }

    fn give_back(&self) {
        self.budget(|left| *left = (*left + 1.0).min(REFUSALS_MAX));
    }

    /// Changes what is left after it grew with time.
    fn budget<T>(&self, change: impl FnOnce(&mut f64) -> T) -> T {
        let mut budget = self.0.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = *budget;
        let grown = left + at.elapsed().as_secs_f64() * REFUSALS_PER_SECOND;
        *budget = (grown.min(REFUSALS_MAX), Instant::now());
        change(&mut budget.0)
    }
}

fn refused() -> Error {
    Error::new(
        Reason::Unauthenticated,
        "The API key is not valid here; it may be mistyped, expired or revoked.",
    )
}

/// The answers of one question are shared, and an error is not: its facts are.
fn unknown(error: &Error) -> Error {
    if error.reason() == Reason::ResourceExhausted {
        return Error::new(error.reason(), error.message()).retry_after(Duration::from_secs(1));
    }
    Error::unavailable("API keys cannot be checked right now; try again.")
        .caused_by(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use dossier_kernel::{Principal, PrincipalKind, Role, Strength, TenantId};
    use futures::FutureExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn register(answer: fn(Uuid) -> Result<Claims>) -> (ApiKeys, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let keys = ApiKeys::new(Arc::new(move |id, _| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready(answer(id)).boxed()
        }));
        (keys, asked)
    }

    fn known(id: Uuid) -> Result<Claims> {
        Ok(Claims {
            tenant: TenantId::embedded_default(),
            principal: Principal {
                kind: PrincipalKind::ApiKey,
                id: id.to_string(),
            },
            roles: vec![Role::Viewer],
            teams: Vec::new(),
            strength: Strength::ApiKey,
            on_behalf_of: None,
            expiry: NOW.plus(Duration::from_secs(1)),
        })
    }

    fn text() -> String {
        KeyText::generate(Uuid::now_v7())
            .expect("random bits")
            .text()
            .to_string()
    }

    #[tokio::test]
    async fn a_key_is_asked_for_once_and_still_expires_in_time() {
        let (keys, asked) = register(known);
        let text = text();
        for _ in 0..100 {
            let claims = keys.admit(&text, NOW).await.expect("believed");
            assert_eq!(claims.strength, Strength::ApiKey);
        }
        let late = keys.admit(&text, NOW.plus(Duration::from_secs(1))).await;
        assert_eq!(late.expect_err("late").reason(), Reason::Unauthenticated);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn keys_that_are_none_are_asked_for_within_a_budget() {
        let (keys, asked) = register(|_| Err(Error::new(Reason::NotFound, "no")));
        let one = text();
        for _ in 0..100 {
            let no = keys.admit(&one, NOW).await.expect_err("refused");
            assert_eq!(no.reason(), Reason::Unauthenticated);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1, "a no is remembered");
        let mut exhausted = false;
        for _ in 0..400 {
            let no = keys.admit(&text(), NOW).await.expect_err("refused");
            exhausted |= no.reason() == Reason::ResourceExhausted;
        }
        assert!(exhausted && asked.load(Ordering::Relaxed) < 300);
        let bent = keys.admit("dsk_12_34", NOW).await.expect_err("bent");
        assert_eq!(bent.reason(), Reason::Unauthenticated, "nobody is asked");
    }

    #[tokio::test]
    async fn keys_asked_for_at_once_are_bounded_too() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let keys = ApiKeys::new(Arc::new(move |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<Claims>>().boxed()
        }));
        let crowd: Vec<_> = (0..300)
            .map(|_| {
                let (keys, text) = (keys.clone(), text());
                tokio::spawn(async move { keys.admit(&text, NOW).await })
            })
            .collect();
        let refused = || crowd.iter().filter(|one| one.is_finished()).count();
        let bounded = async {
            while refused() + (asked.load(Ordering::Relaxed) as usize) < 300 {
                tokio::task::yield_now().await;
            }
        };
        let bounded = tokio::time::timeout(Duration::from_secs(30), bounded).await;
        bounded.expect("asked or refused");
        let asked = asked.load(Ordering::Relaxed);
        assert!((100..200).contains(&asked), "{asked} of 300");
        crowd.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn nobody_to_ask_is_no_refusal_and_is_not_remembered() {
        let (keys, asked) = register(|_| Err(Error::unavailable("away")));
        let text = text();
        for n in 1..=3 {
            let away = keys.admit(&text, NOW).await.expect_err("unknown");
            assert_eq!(away.reason(), Reason::Unavailable);
            assert_eq!(asked.load(Ordering::Relaxed), n);
        }
    }
}
