//! What a token says, on the wire and once it is believed.

use dossier_kernel::{Principal, PrincipalKind, Role, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Who a verified token speaks for, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// [`TenantId::all`] only for services that follow the feeds of all tenants.
    pub tenant: TenantId,
    pub principal: Principal,
    /// Without repetition, in the order of [`Role::ALL`].
    pub roles: Vec<Role>,
    /// From this instant on the token is refused.
    pub expiry: Timestamp,
}

/// The JOSE header, exactly. A header that names another key, a certificate or an extension is not
/// one of ours, whatever it names.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireHeader {
    pub alg: String,
    pub typ: String,
    pub kid: String,
}

/// The payload (RFC 7519 section 4.1, times in whole seconds). Repeated names and times that are no
/// integers do not deserialise; names we do not know are left alone.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireClaims {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    pub tenant: String,
    pub kind: String,
    pub roles: Vec<String>,
}

pub(crate) const fn kind_word(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::Person => "person",
        PrincipalKind::ApiKey => "apikey",
        PrincipalKind::Service => "service",
    }
}

pub(crate) fn kind_from_word(word: &str) -> Option<PrincipalKind> {
    [
        PrincipalKind::Person,
        PrincipalKind::ApiKey,
        PrincipalKind::Service,
    ]
    .into_iter()
    .find(|kind| kind_word(*kind) == word)
}

impl Claims {
    /// `None` where the parts contradict each other: a subject that cannot be printed, the service
    /// role without a service, or all tenants for anybody else than a service.
    pub(crate) fn from_wire(wire: &WireClaims) -> Option<Self> {
        let kind = kind_from_word(&wire.kind)?;
        let is_service = kind == PrincipalKind::Service;
        let subject_fits = (1..=256).contains(&wire.sub.len())
            && !wire
                .sub
                .chars()
                .any(|c| c.is_control() || c.is_whitespace());
        // Words we do not know grant nothing: a newer issuer may name a role that is not ours yet.
        let roles: Vec<Role> = Role::ALL
            .into_iter()
            .filter(|role| wire.roles.iter().any(|word| word == role.as_str()))
            .collect();
        let tenant = if wire.tenant == TenantId::all().as_str() {
            is_service.then(TenantId::all)?
        } else {
            TenantId::parse(&wire.tenant).ok()?
        };
        let consistent = subject_fits && roles.contains(&Role::Service) == is_service;
        consistent.then(|| Self {
            tenant,
            principal: Principal {
                kind,
                id: wire.sub.clone(),
            },
            roles,
            expiry: Timestamp::from_secs(wire.exp),
        })
    }
}
