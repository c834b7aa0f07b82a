//! Who asks, for which tenant, why and until when: the first argument of everything below `api`.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Call, Error, Reason, RequestId, TenantId};

/// The context of one request. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// From the token, never from the request.
    pub tenant: TenantId,
    pub principal: Principal,
    pub roles: Vec<Role>,
    /// The teams the principal belongs to, as its token says.
    pub teams: Vec<String>,
    /// How the caller proved who it is.
    pub strength: Strength,
    /// For whom a service asks; its own rights decide, the audit log names both.
    pub on_behalf_of: Option<Principal>,
    /// The RPC that is being answered; `None` for work nobody asked for.
    pub call: Option<Arc<Call>>,
    /// Why the data is used (`x-dossier-purpose`), where the caller says so.
    pub purpose: Option<String>,
    /// Names this attempt in logs and errors (`x-request-id`); not the idempotency key.
    pub request_id: RequestId,
    /// Past this instant nobody waits for the answer and nothing may be committed.
    pub deadline: Option<Instant>,
    /// W3C `traceparent` of the caller, handed on to peers.
    pub trace: Option<String>,
}

impl Ctx {
    /// A service's own context for work nobody asked for: jobs, consumers, start-up.
    pub fn service(name: &str, tenant: TenantId) -> Self {
        let principal = Principal {
            kind: PrincipalKind::Service,
            id: name.to_owned(),
        };
        Self::new(tenant, principal, vec![Role::Service])
    }

    /// Somebody with nothing but a tenant and roles: no deadline, no purpose, no call.
    pub fn new(tenant: TenantId, principal: Principal, roles: Vec<Role>) -> Self {
        Self {
            tenant,
            principal,
            roles,
            teams: Vec::new(),
            strength: Strength::Token,
            on_behalf_of: None,
            call: None,
            purpose: None,
            request_id: RequestId::random(),
            deadline: None,
            trace: None,
        }
    }

    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        let ours = Instant::now() + timeout;
        self.deadline = Some(self.deadline.map_or(ours, |theirs| theirs.min(ours)));
        self
    }

    /// `None` when there is no deadline; zero when it has passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Fails with [`Reason::DeadlineExceeded`] once nobody waits any more.
    pub fn check_deadline(&self) -> Result<(), Error> {
        match self.remaining() {
            Some(left) if left.is_zero() => Err(Error::new(
                Reason::DeadlineExceeded,
                "The deadline passed before the work was done; nothing was changed.",
            )),
            _ => Ok(()),
        }
    }

    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Who a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    pub kind: PrincipalKind,
    /// The token's subject.
    pub id: String,
}

impl Principal {
    /// Reads what `Display` writes: `person:amy`. An id has 1 to 256 visible characters.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        let kind = match kind {
            "person" => PrincipalKind::Person,
            "apikey" => PrincipalKind::ApiKey,
            "service" => PrincipalKind::Service,
            _ => return None,
        };
        let visible = !id.chars().any(|c| c.is_whitespace() || c.is_control());
        let id = id.to_owned();
        (visible && (1..=256).contains(&id.len())).then_some(Self { kind, id })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            PrincipalKind::Person => "person",
            PrincipalKind::ApiKey => "apikey",
            PrincipalKind::Service => "service",
        };
        write!(f, "{kind}:{}", self.id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    Person,
    ApiKey,
    Service,
}

/// How a caller proved who it is, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// Not at all: this machine, where the embedded default allows it.
    Anonymous,
    /// A secret that lives for long.
    ApiKey,
    /// A signed token.
    Token,
    /// A signed token of a person who showed a second factor (`amr` or `acr` of the token).
    MultiFactor,
    /// A signed token on a connection with a certificate of the same identity.
    Mutual,
}

impl Strength {
    pub const ALL: [Self; 5] = [
        Self::Anonymous,
        Self::ApiKey,
        Self::Token,
        Self::MultiFactor,
        Self::Mutual,
    ];

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|strength| strength.as_str() == word)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::ApiKey => "api_key",
            Self::Token => "token",
            Self::MultiFactor => "multi_factor",
            Self::Mutual => "mutual",
        }
    }
}

/// What a principal may do, by the kind of work it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads everything that is not sensitive.
    Viewer,
    /// Talks to customers: writes customers, interactions, answers and cases.
    Agent,
    /// An agent who also designs segments and surveys.
    Manager,
    /// Reads and designs segments; changes no customer.
    Analyst,
    /// Keeps the files clean: imports, merges, definitions.
    Steward,
    /// Handles consent and the rights of the people in the files.
    PrivacyOfficer,
    /// Everything inside one tenant.
    Admin,
    /// Another service of the suite.
    Service,
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Viewer,
        Self::Agent,
        Self::Manager,
        Self::Analyst,
        Self::Steward,
        Self::PrivacyOfficer,
        Self::Admin,
        Self::Service,
    ];

    /// The word used in tokens and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::Manager => "manager",
            Self::Analyst => "analyst",
            Self::Steward => "steward",
            Self::PrivacyOfficer => "privacy_officer",
            Self::Admin => "admin",
            Self::Service => "service",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}
