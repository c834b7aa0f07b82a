//! The key that makes tokens: for people by command, for services among themselves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dossier_kernel::{Clock, Error, Principal, Reason, Result, Role, TenantId};
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use zeroize::Zeroizing;

use crate::claims::{WireClaims, WirePrincipal, kind_word};
use crate::{AUDIENCE, ISSUER, PublicKey};

const WHAT: &str = "signing key";

/// What a new token grants.
#[derive(Clone, Debug)]
pub struct Grant {
    pub tenant: TenantId,
    pub principal: Principal,
    pub roles: Vec<Role>,
    pub teams: Vec<String>,
    /// Whether the principal showed a second factor to whoever asks for the token.
    pub multi_factor: bool,
    /// For whom a service asks; nobody else may ask for another.
    pub on_behalf_of: Option<Principal>,
    /// At least one second.
    pub ttl: Duration,
}

impl Grant {
    /// For somebody without teams, a second factor, or anybody behind.
    pub fn new(tenant: TenantId, principal: Principal, roles: Vec<Role>, ttl: Duration) -> Self {
        Self {
            tenant,
            principal,
            roles,
            teams: Vec::new(),
            multi_factor: false,
            on_behalf_of: None,
            ttl,
        }
    }
}

/// An Ed25519 key. In its file: the 32 bytes of the seed in base64, mode 0600. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    encoding: EncodingKey,
    header: Header,
    public: PublicKey,
    clock: Clock,
}

impl SigningKey {
    /// [`Reason::NotFound`] when there is no file, [`Reason::FailedPrecondition`] when it holds
    /// something else.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_text(&dossier_keyfile::read(path, WHAT)?)
    }

    /// Makes a key and its file; [`Reason::AlreadyExists`] when there is one.
    pub fn generate(path: &Path) -> Result<Self> {
        let text = random_text()?;
        dossier_keyfile::create(path, WHAT, &text)?;
        Self::from_text(&text)
    }

    /// The embedded default: made on the first start, the same from then on.
    pub fn load_or_generate(path: &Path) -> Result<Self> {
        Self::from_text(&dossier_keyfile::read_or_create(path, WHAT, random_text)?)
    }

    /// A key that lives as long as the process, for tests.
    pub fn ephemeral() -> Result<Self> {
        Self::from_text(&random_text()?)
    }

    pub fn from_seed(seed: &[u8; 32]) -> Result<Self> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let der = key.to_pkcs8_der().map_err(Error::internal)?;
        let public = PublicKey::from_bytes(key.verifying_key().to_bytes())?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(public.kid().to_owned());
        Ok(Self(Arc::new(Inner {
            encoding: EncodingKey::from_ed_der(der.as_bytes()),
            header,
            public,
            clock: Clock::system(),
        })))
    }

    /// The same key, dating its tokens by another clock.
    #[must_use]
    pub fn with_clock(&self, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            encoding: self.0.encoding.clone(),
            header: self.0.header.clone(),
            public: self.0.public.clone(),
            clock,
        }))
    }

    pub fn public_key(&self) -> PublicKey {
        self.0.public.clone()
    }

    /// A token that is valid from now for `grant.ttl`. [`Reason::InvalidArgument`] when no verifier
    /// would accept it: an empty subject, too many teams, the service role for a person, all tenants
    /// or somebody behind for anybody else than a service, an end after the year 9999.
    pub fn mint(&self, grant: Grant) -> Result<String> {
        let Grant {
            tenant,
            principal,
            roles,
            teams,
            multi_factor,
            on_behalf_of,
            ttl,
        } = grant;
        let (now, _) = self.0.clock.now().to_secs_nanos();
        let ttl_secs = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let wire = WireClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: principal.id,
            exp: now.saturating_add(ttl_secs),
            nbf: None,
            iat: Some(now),
            tenant: tenant.as_str().to_owned(),
            kind: kind_word(principal.kind).to_owned(),
            roles: roles.iter().map(|role| role.as_str().to_owned()).collect(),
            teams,
            amr: multi_factor.then(|| "mfa".to_owned()).into_iter().collect(),
            on_behalf_of: on_behalf_of.as_ref().map(WirePrincipal::of),
        };
        if ttl_secs == 0 || crate::Claims::from_wire(&wire).is_none() {
            return Err(Error::new(
                Reason::InvalidArgument,
                "A token needs a subject and at most 100 teams without spaces, at least one second \
                 to live and an end before the year 10000, and the role service, all tenants and \
                 somebody behind only for services.",
            ));
        }
        jsonwebtoken::encode(&self.0.header, &wire, &self.0.encoding).map_err(Error::internal)
    }

    fn from_text(text: &str) -> Result<Self> {
        let seed = Zeroizing::new(STANDARD.decode(text).unwrap_or_default());
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| {
            Error::new(
                Reason::FailedPrecondition,
                "The signing key file must hold 32 bytes in base64.",
            )
        })?;
        Self::from_seed(seed)
    }
}

fn random_text() -> Result<Zeroizing<String>> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(Zeroizing::new(STANDARD.encode(seed.as_slice())))
}
