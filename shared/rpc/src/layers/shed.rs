//! Refuses at once what could only be served too late, and takes the excess from whoever makes it.
//!
//! | call | is let in while |
//! |---|---|
//! | health, reflection, methods we do not have | always; it needs no place |
//! | of a service of the suite | fewer than [`Limits::calls_max`] of theirs are worked on |
//! | of a tenant within its share | fewer than the [`limit`] and its reserve of a quarter are worked on |
//! | of a tenant beyond its share | fewer than the limit are worked on |
//! | a stream, or a wait (`Await…`) | the tenant has fewer than [`Limits::tenant_streams_max`], and all fewer than [`Limits::streams_max`] |
//!
//! A share is the limit divided by the tenants that have calls in progress. A tenant alone gets
//! everything; when a second one comes it finds the reserve, and because its calls count, the first
//! is held to what remains. Nobody waits in a queue: a queue in front of a busy server only adds
//! latency to calls that are then served too late.
//!
//! Calls of services come last to be refused. They belong to work that was let in where it entered
//! the suite; refusing its parts throws away what was already done (Beyer et al., Site Reliability
//! Engineering, 2016, chapter 21). Their number is bounded by what they belong to.

mod arrival;
mod limit;
mod pace;
mod tenants;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dossier_kernel::{Ctx, Error, PrincipalKind, Reason, TenantId};

use crate::edge::Limits;
use crate::method::{Method, Methods};

pub use arrival::Arrival;
use limit::Limit;
pub use pace::Pace;
use tenants::Tenants;

/// When those who are refused may come again: between this and twice as much, so that they do not
/// come together.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// The places of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shed(Arc<Places>);

#[derive(Debug)]
struct Places {
    limit: Limit,
    calls: Tenants,
    /// Calls of services of the suite.
    own: AtomicUsize,
    own_max: usize,
    streams: Tenants,
    streams_max: usize,
    tenant_streams_max: usize,
}

/// The place of one call; free again when dropped.
#[derive(Debug)]
pub struct Permit {
    places: Arc<Places>,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// With the method, until the call was timed.
    Call(TenantId, Arrival, Option<Arc<Method>>),
    Own,
    Stream(TenantId),
}

impl Shed {
    pub fn new(limits: &Limits, methods: &Methods) -> Self {
        let paced = methods.all().filter(|method| !method.is_long());
        Self(Arc::new(Places {
            limit: Limit::new(limits.calls_min, limits.calls_max, paced),
            calls: Tenants::default(),
            own: AtomicUsize::new(0),
            own_max: limits.calls_max,
            streams: Tenants::default(),
            streams_max: limits.streams_max,
            tenant_streams_max: limits.tenant_streams_max,
        }))
    }

    /// A place for a call of `ctx`.
    pub fn admit(
        &self,
        method: &Arc<Method>,
        ctx: &Ctx,
        arrival: &Arrival,
    ) -> Result<Permit, Error> {
        let service = ctx.principal.kind == PrincipalKind::Service;
        let held = if method.is_long() {
            self.stream(&ctx.tenant, service)?
        } else if service {
            self.own()?
        } else {
            self.call(&ctx.tenant, method, arrival)?
        };
        let places = Arc::clone(&self.0);
        Ok(Permit { places, held })
    }

    fn call(
        &self,
        tenant: &TenantId,
        method: &Arc<Method>,
        arrival: &Arrival,
    ) -> Result<Held, Error> {
        let limit = self.0.limit.now();
        let entered = self.0.calls.enter(tenant, |crowd| {
            let within_share = crowd.own * crowd.tenants < limit;
            crowd.all < limit || (within_share && crowd.all < limit + limit / 4)
        });
        match entered {
            Ok(all) => {
                self.0.limit.used(all);
                let method = Some(Arc::clone(method));
                Ok(Held::Call(tenant.clone(), arrival.clone(), method))
            }
            Err(crowd) => {
                self.0.limit.refused();
                Err(refusal(if crowd.own * crowd.tenants < limit {
                    "The server is working on as many calls as it can; try again shortly."
                } else {
                    "The server is busy and the tenant has more than its share of calls in \
                     progress; try again shortly."
                }))
            }
        }
    }

    fn own(&self) -> Result<Held, Error> {
        let place = |count: usize| (count < self.0.own_max).then_some(count + 1);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        match self.0.own.fetch_update(set, get, place) {
            Ok(_) => Ok(Held::Own),
            Err(_) => Err(refusal(
                "The server is working on as many calls of services as it takes; try again shortly.",
            )),
        }
    }

    fn stream(&self, tenant: &TenantId, service: bool) -> Result<Held, Error> {
        let entered = self.0.streams.enter(tenant, |crowd| {
            let own_room = service || crowd.own < self.0.tenant_streams_max;
            own_room && crowd.all < self.0.streams_max
        });
        match entered {
            Ok(_) => Ok(Held::Stream(tenant.clone())),
            Err(crowd) if crowd.all < self.0.streams_max => Err(refusal(
                "The tenant has as many streams open as it may; end some and try again.",
            )),
            Err(_) => Err(refusal(
                "The server has as many streams open as it takes; try again shortly.",
            )),
        }
    }
}

impl Permit {
    /// Says that the handler has answered; what calls take is what the limit follows.
    pub fn answered(&mut self, well: bool) {
        if let Held::Call(_, arrival, method) = &mut self.held
            && let Some(method) = method.take()
            && let Some(took) = arrival.age()
        {
            self.places.limit.served(&method.pace, took, well);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // A call that was given up took at least this long, which says something, too.
        self.answered(false);
        match &self.held {
            Held::Call(tenant, ..) => self.places.calls.leave(tenant),
            Held::Own => {
                self.places.own.fetch_sub(1, Ordering::Relaxed);
            }
            Held::Stream(tenant) => self.places.streams.leave(tenant),
        }
    }
}

fn refusal(message: &str) -> Error {
    // The low bits of a version 7 UUID are random.
    let spread = RETRY_AFTER * u32::from(uuid::Uuid::now_v7().as_bytes()[15]) / 255;
    Error::new(Reason::ResourceExhausted, message).retry_after(RETRY_AFTER + spread)
}

#[cfg(test)]
mod tests;
