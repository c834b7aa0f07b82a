//! The tokens that calls to peers carry.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dossier_access::{Grant, SigningKey};
use dossier_kernel::{Clock, Ctx, Error, Principal, PrincipalKind, Role, TenantId, Timestamp};
use http::HeaderValue;

/// How long a minted token lives, and how long before its end the next one is minted: clocks of
/// two machines differ, and a token must outlive the call it goes with.
const LIFE: Duration = Duration::from_secs(10 * 60);
const RENEWED_BEFORE: Duration = Duration::from_secs(2 * 60);
/// Tokens that are kept, about 700 bytes each; beyond that all are minted anew.
const KEPT_MAX: usize = 10_000;

/// Where the `authorization` of outgoing calls comes from. Cheap to clone.
#[derive(Clone)]
pub struct TokenSource(Arc<Source>);

enum Source {
    /// Nothing is sent.
    None,
    /// The same token always.
    Fixed(HeaderValue),
    /// Short-lived tokens of a service, one per tenant and principal it acts for.
    Minted {
        key: Arc<SigningKey>,
        principal: Principal,
        clock: Clock,
        kept: RwLock<HashMap<Errand, Kept>>,
    },
}

/// In which tenant and for whom.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Errand {
    tenant: TenantId,
    on_behalf_of: Option<Principal>,
}

impl Errand {
    /// The first who asked stays behind the call, however many services it passes. Work of a
    /// service's own has nobody behind it.
    fn of(ctx: &Ctx) -> Self {
        let asker = match ctx.principal.kind {
            PrincipalKind::Service => ctx.on_behalf_of.clone(),
            PrincipalKind::Person | PrincipalKind::ApiKey => Some(ctx.principal.clone()),
        };
        Self {
            tenant: ctx.tenant.clone(),
            on_behalf_of: asker,
        }
    }
}

struct Kept {
    header: HeaderValue,
    renew: Timestamp,
}

impl TokenSource {
    /// For a server that lets this machine in without a token.
    pub fn none() -> Self {
        Self(Arc::new(Source::None))
    }

    /// For a caller who was given a token.
    pub fn fixed(token: &str) -> Result<Self, Error> {
        Ok(Self(Arc::new(Source::Fixed(bearer(token)?))))
    }

    /// For a service of the suite: tokens of kind and role service for the tenant of each call that
    /// also name who asked for it, kept until shortly before they expire. The rights are those of
    /// the service.
    pub fn service(key: Arc<SigningKey>, name: &str, clock: Clock) -> Self {
        let principal = Principal {
            kind: PrincipalKind::Service,
            id: name.to_owned(),
        };
        Self(Arc::new(Source::Minted {
            key,
            principal,
            clock,
            kept: RwLock::default(),
        }))
    }

    pub(super) fn token(&self, ctx: &Ctx) -> Result<Option<HeaderValue>, Error> {
        match self.0.as_ref() {
            Source::None => Ok(None),
            Source::Fixed(header) => Ok(Some(header.clone())),
            Source::Minted {
                key,
                principal,
                clock,
                kept,
            } => {
                let now = clock.now();
                let errand = Errand::of(ctx);
                let fresh = |kept: &Kept| (now < kept.renew).then(|| kept.header.clone());
                let held = kept.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(header) = held.get(&errand).and_then(fresh) {
                    return Ok(Some(header));
                }
                drop(held);
                let header = bearer(&key.mint(Grant {
                    on_behalf_of: errand.on_behalf_of.clone(),
                    ..Grant::new(
                        errand.tenant.clone(),
                        principal.clone(),
                        vec![Role::Service],
                        LIFE,
                    )
                })?)?;
                let renew = now.plus(LIFE - RENEWED_BEFORE);
                let mut kept = kept.write().unwrap_or_else(PoisonError::into_inner);
                if kept.len() >= KEPT_MAX {
                    kept.clear();
                }
                kept.insert(
                    errand,
                    Kept {
                        header: header.clone(),
                        renew,
                    },
                );
                Ok(Some(header))
            }
        }
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Error> {
    let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Error::internal("the token holds characters that no header can carry"))?;
    header.set_sensitive(true);
    Ok(header)
}
