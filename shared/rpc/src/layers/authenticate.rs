//! Who asks. The tenant comes from here and from nowhere else.

use std::time::Instant;

use dossier_access::Claims;
use dossier_kernel::{
    Ctx, Error, Principal, PrincipalKind, Reason, RequestId, Role, Strength, TenantId, Violation,
};
use http::Request;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, ORIGIN};

use super::watch::Watch;
use super::web::Origins;
use crate::edge::Edge;
use crate::request::{Inside, PeerAddress, PeerService};
use crate::tls::Tls;

pub const PURPOSE: HeaderName = HeaderName::from_static("x-dossier-purpose");
const PURPOSE_BYTES_MAX: usize = 64;

/// Whom the token, or the socket, speaks for.
pub struct Caller {
    tenant: TenantId,
    principal: Principal,
    roles: Vec<Role>,
    teams: Vec<String>,
    strength: Strength,
    on_behalf_of: Option<Principal>,
}

/// Reads and verifies the token, and takes it out of the request: nothing behind the layers needs
/// it, and what is not there cannot be logged.
pub async fn caller<B>(
    edge: &Edge,
    origins: &Origins,
    request: &mut Request<B>,
) -> Result<Caller, Error> {
    if let Some(origin) = request.headers().get(ORIGIN)
        && !origins.allow(origin)
    {
        // Also without a token: a page of any site can reach a server on its reader's machine.
        return Err(Error::new(
            Reason::PermissionDenied,
            "Pages of this web origin may not call; add it to the configured origins.",
        ));
    }
    if let Some(header) = request.headers_mut().remove(AUTHORIZATION) {
        let token = header.to_str().ok().and_then(bearer).ok_or_else(|| {
            unauthenticated("The authorization header must read `Bearer <token>`.")
        })?;
        let claims = edge.verifier.admit(token, edge.clock.now()).await?;
        let strength = proven(edge, request, &claims)?;
        let Claims {
            tenant,
            principal,
            roles,
            teams,
            strength: _,
            on_behalf_of,
            expiry: _,
        } = claims;
        return Ok(Caller {
            tenant,
            principal,
            roles,
            teams,
            strength,
            on_behalf_of,
        });
    }
    match &edge.anonymous {
        Some((tenant, role)) if is_local(request) => Ok(Caller {
            tenant: tenant.clone(),
            principal: Principal {
                kind: PrincipalKind::Person,
                id: "local".to_owned(),
            },
            roles: vec![*role],
            teams: Vec::new(),
            strength: Strength::Anonymous,
            on_behalf_of: None,
        }),
        _ => Err(unauthenticated(
            "The call carries no token; send the metadata `authorization: Bearer <token>`.",
        )),
    }
}

/// How much token and connection prove together. Where certificates are asked for, a service's token
/// counts only on a connection with the certificate of that very service: a stolen one is worth
/// nothing. Calls inside the process have no connection to steal from.
fn proven<B>(edge: &Edge, request: &Request<B>, claims: &Claims) -> Result<Strength, Error> {
    let asks = edge.tls.as_ref().is_some_and(Tls::verifies_clients);
    let inside = request.extensions().get::<Inside>().is_some();
    if claims.principal.kind != PrincipalKind::Service || !asks || inside {
        return Ok(claims.strength);
    }
    match request.extensions().get::<PeerService>() {
        Some(PeerService(shown)) if **shown == *claims.principal.id => Ok(Strength::Mutual),
        _ => Err(unauthenticated(
            "A service's token is valid only on a connection with the certificate of that service.",
        )),
    }
}

/// Whether the call comes from this machine and from nowhere else by way of it.
fn is_local<B>(request: &Request<B>) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip"];
    let proxied = forwarded
        .iter()
        .any(|name| request.headers().contains_key(*name));
    let peer = request.extensions().get::<PeerAddress>();
    !proxied && peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback())
}

impl Caller {
    /// Everything below the handler knows about the call. INVALID_ARGUMENT for a purpose that cannot
    /// be kept: nobody should believe that it was written down.
    pub fn ctx(
        self,
        id: &RequestId,
        deadline: Option<Instant>,
        watch: &Watch,
        headers: &HeaderMap,
    ) -> Result<Ctx, Error> {
        let mut ctx = Ctx::new(self.tenant, self.principal, self.roles);
        ctx.teams = self.teams;
        ctx.strength = self.strength;
        ctx.on_behalf_of = self.on_behalf_of;
        ctx.purpose = purpose(headers)?;
        ctx.request_id = id.clone();
        ctx.deadline = deadline;
        ctx.trace = watch.trace().map(str::to_owned);
        Ok(ctx)
    }
}

fn purpose(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(sent) = headers.get(PURPOSE).filter(|sent| !sent.is_empty()) else {
        return Ok(None);
    };
    match sent.to_str() {
        Ok(purpose) if purpose.len() <= PURPOSE_BYTES_MAX => Ok(Some(purpose.to_owned())),
        _ => Err(Error::invalid(vec![Violation::new(
            PURPOSE.as_str(),
            "must have at most 64 characters of ASCII",
        )])),
    }
}

/// The scheme's name is written in any case (RFC 9110, section 11.1).
pub(super) fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn unauthenticated(message: &str) -> Error {
    Error::new(Reason::Unauthenticated, message)
}
