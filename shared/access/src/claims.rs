//! What a token says, on the wire and once it is believed.

use dossier_kernel::{Principal, PrincipalKind, Role, Strength, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// Teams of one principal; more are not believed.
pub const TEAMS_MAX: usize = 100;

/// Who a verified token or API key speaks for, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// [`TenantId::all`] only for services that follow the feeds of all tenants.
    pub tenant: TenantId,
    pub principal: Principal,
    /// Without repetition, in the order of [`Role::ALL`].
    pub roles: Vec<Role>,
    pub teams: Vec<String>,
    /// What the token itself proves; a connection may prove more.
    pub strength: Strength,
    /// For whom a service asks.
    pub on_behalf_of: Option<Principal>,
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
    /// The thumbprint of a certificate (RFC 7515, section 4.1.7), which some issuers add to every
    /// token; never looked at, and never in one of the suite's own.
    pub x5t: Option<String>,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// RFC 8176; `mfa` is what counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<WirePrincipal>,
}

/// For whom a service asks. Not `act` of RFC 8693: there the subject's rights decide, here those of
/// the service that asks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WirePrincipal {
    pub kind: String,
    pub sub: String,
}

impl WirePrincipal {
    pub fn of(principal: &Principal) -> Self {
        Self {
            kind: kind_word(principal.kind).to_owned(),
            sub: principal.id.clone(),
        }
    }

    fn read(&self) -> Option<Principal> {
        let kind = kind_from_word(&self.kind)?;
        is_subject(&self.sub).then(|| Principal {
            kind,
            id: self.sub.clone(),
        })
    }
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

/// What can be printed in a log or an audit event and mean one thing.
pub(crate) fn is_subject(text: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    (1..=256).contains(&text.len()) && text.chars().all(plain)
}

/// A team has a name of 1 to 64 printable characters without spaces.
pub fn is_team(text: &str) -> bool {
    text.len() <= 64 && is_subject(text)
}

impl Claims {
    /// `None` where the parts contradict each other: a subject that cannot be printed, the service
    /// role without a service, all tenants or somebody behind for anybody else than a service; and
    /// for an expiry beyond what a calendar has.
    pub(crate) fn from_wire(wire: &WireClaims) -> Option<Self> {
        let kind = kind_from_word(&wire.kind)?;
        let is_service = kind == PrincipalKind::Service;
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
        let on_behalf_of = match &wire.on_behalf_of {
            Some(behind) if is_service => Some(behind.read()?),
            Some(_) => return None,
            None => None,
        };
        let second_factor = wire.amr.iter().any(|method| method == "mfa");
        let expiry = Timestamp::from_secs_nanos(wire.exp, 0)?;
        let consistent = is_subject(&wire.sub)
            && wire.teams.len() <= TEAMS_MAX
            && wire.teams.iter().all(|team| is_team(team))
            && roles.contains(&Role::Service) == is_service;
        consistent.then(|| Self {
            tenant,
            principal: Principal {
                kind,
                id: wire.sub.clone(),
            },
            roles,
            teams: wire.teams.clone(),
            strength: match kind {
                PrincipalKind::Person if second_factor => Strength::MultiFactor,
                _ => Strength::Token,
            },
            on_behalf_of,
            expiry,
        })
    }
}
