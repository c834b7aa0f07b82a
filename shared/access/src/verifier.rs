//! From a token to who it speaks for, or to a refusal that says nothing about why.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dossier_kernel::{Error, Reason, Result, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use crate::api_key::{ApiKeys, PREFIX};
use crate::claims::{WireClaims, WireHeader};
use crate::issuer::{Believed, Foreign, TokenType, Unique};
use crate::{AUDIENCE, Claims, ISSUER, PublicKey};

/// Longer tokens are refused unread.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Verified tokens kept; about 300 bytes each.
const REMEMBERED_MAX: usize = 20_000;

/// Which tokens a server believes.
pub struct VerifierOptions {
    /// Of the suite itself: one key, or during a rotation the old and the new one.
    pub keys: Vec<PublicKey>,
    pub issuer: String,
    pub audience: String,
    /// How far another machine's clock may run ahead of ours: forgives `nbf` and `iat`, never `exp`.
    pub leeway: Duration,
    /// Others whose tokens are believed.
    pub issuers: Vec<Foreign>,
    /// Without them every API key is refused.
    pub api_keys: Option<ApiKeys>,
}

impl VerifierOptions {
    /// What believes the tokens of the suite's own signing keys.
    pub fn local(keys: Vec<PublicKey>) -> Self {
        Self {
            keys,
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            leeway: Duration::from_secs(30),
            issuers: Vec::new(),
            api_keys: None,
        }
    }
}

/// Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    keys: HashMap<String, DecodingKey>,
    issuer: String,
    audience: String,
    leeway: Duration,
    validation: Validation,
    issuers: Vec<Foreign>,
    api_keys: Option<ApiKeys>,
    /// By SHA-256 of the whole token, so that no token stays in memory.
    remembered: Cache<[u8; 32], Remembered>,
}

#[derive(Clone)]
struct Remembered {
    claims: Arc<Claims>,
    not_before: Timestamp,
    /// Which of the issuers, and its keys of when; `None` is the suite itself.
    issuer: Option<(usize, u64)>,
}

/// What reading a token comes to.
enum Read {
    Believed(Remembered),
    Refused,
    /// Of one of the issuers, by a key it did not have when last asked.
    UnknownKey(usize),
}

impl Verifier {
    pub fn new(options: VerifierOptions) -> Self {
        let VerifierOptions {
            keys,
            issuer,
            audience,
            leeway,
            issuers,
            api_keys,
        } = options;
        let keys = keys
            .into_iter()
            .map(|key| {
                let decoding = DecodingKey::from_ed_der(key.as_bytes());
                (key.kid().to_owned(), decoding)
            })
            .collect();
        Self(Arc::new(Inner {
            keys,
            issuer,
            audience,
            leeway,
            validation: signature_only(Algorithm::EdDSA),
            issuers,
            api_keys,
            remembered: Cache::new(REMEMBERED_MAX),
        }))
    }

    /// Who a token or API key speaks for. [`Reason::Unauthenticated`] otherwise, with the same words
    /// for every forgery; an expired token is told so, because its holder can cure that. A token
    /// by a key that its issuer did not have yet waits until the issuer was asked again.
    pub async fn admit(&self, token: &str, now: Timestamp) -> Result<Claims> {
        if token.starts_with(PREFIX) {
            return match &self.0.api_keys {
                Some(keys) => keys.admit(token, now).await,
                None => Err(refused()),
            };
        }
        for issuer in &self.0.issuers {
            issuer.keys.refresh_when_old();
        }
        match self.look(token, now) {
            Look::Done(outcome) => outcome,
            Look::UnknownKey(issuer) => {
                if let Some(issuer) = self.0.issuers.get(issuer) {
                    issuer.keys.refresh().await;
                }
                self.verify(token, now)
            }
        }
    }

    /// As [`Self::admit`], of tokens only and with the keys that are known now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims> {
        match self.look(token, now) {
            Look::Done(outcome) => outcome,
            Look::UnknownKey(_) => Err(refused()),
        }
    }

    fn look(&self, token: &str, now: Timestamp) -> Look {
        if token.len() > TOKEN_BYTES_MAX {
            return Look::Done(Err(refused()));
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let remembered = self.0.remembered.get(&digest);
        let found = match remembered.filter(|found| self.is_current(found)) {
            Some(found) => found,
            None => {
                let found = match self.read(token) {
                    Read::Believed(found) => found,
                    Read::Refused => return Look::Done(Err(refused())),
                    Read::UnknownKey(issuer) => return Look::UnknownKey(issuer),
                };
                if found.claims.expiry > now {
                    self.0.remembered.insert(digest, found.clone());
                }
                found
            }
        };
        if now >= found.claims.expiry {
            self.0.remembered.remove(&digest);
            return Look::Done(Err(Error::new(
                Reason::Unauthenticated,
                "The token has expired; ask for a new one.",
            )));
        }
        if now.plus(self.0.leeway) < found.not_before {
            return Look::Done(Err(refused()));
        }
        Look::Done(Ok(found.claims.as_ref().clone()))
    }

    /// False once the issuer's keys have changed: the one that was used may be gone.
    fn is_current(&self, found: &Remembered) -> bool {
        found.issuer.is_none_or(|(issuer, generation)| {
            let issuer = self.0.issuers.get(issuer);
            issuer.is_some_and(|issuer| issuer.keys.generation() == generation)
        })
    }

    fn read(&self, token: &str) -> Read {
        let Some(header) = header(token) else {
            return Read::Refused;
        };
        if let Some(key) = self.0.keys.get(&header.kid) {
            return match self.read_own(token, &header, key) {
                Some(found) => Read::Believed(found),
                None => Read::Refused,
            };
        }
        self.read_foreign(token, &header).unwrap_or(Read::Refused)
    }

    fn read_own(&self, token: &str, header: &WireHeader, key: &DecodingKey) -> Option<Remembered> {
        let typ = TokenType::AccessToken.as_str();
        if header.alg != "EdDSA" || header.typ != typ || header.x5t.is_some() {
            return None;
        }
        let wire = jsonwebtoken::decode::<WireClaims>(token, key, &self.0.validation)
            .ok()?
            .claims;
        if wire.iss != self.0.issuer || wire.aud != self.0.audience {
            return None;
        }
        Some(Remembered {
            not_before: not_before(wire.nbf.unwrap_or(0), wire.iat.unwrap_or(0))?,
            claims: Arc::new(Claims::from_wire(&wire)?),
            issuer: None,
        })
    }

    fn read_foreign(&self, token: &str, header: &WireHeader) -> Option<Read> {
        if self.0.issuers.is_empty() {
            return None;
        }
        // Says only whose keys to try: those keys must then have signed the same words.
        let (_, rest) = token.split_once('.')?;
        let (payload, _) = rest.split_once('.')?;
        let Unique(claims) = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let named = claims.get("iss")?.as_str()?;
        let mut issuers = self.0.issuers.iter().enumerate();
        let (index, issuer) = issuers.find(|(_, issuer)| issuer.settings.issuer == named)?;
        let settings = &issuer.settings;
        if header.alg != settings.algorithm.as_str() || header.typ != settings.typ.as_str() {
            return None;
        }
        // Before the key: if the keys change in between, what is remembered is looked at again.
        let generation = issuer.keys.generation();
        let Some(key) = issuer.keys.key(&header.kid) else {
            return Some(Read::UnknownKey(index));
        };
        let Believed { claims, nbf, iat } = issuer.read(token, &key)?;
        Some(Read::Believed(Remembered {
            not_before: not_before(nbf, iat)?,
            claims: Arc::new(claims),
            issuer: Some((index, generation)),
        }))
    }
}

enum Look {
    Done(Result<Claims>),
    UnknownKey(usize),
}

fn header(token: &str) -> Option<WireHeader> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}

/// `None` for times beyond what a calendar has.
fn not_before(nbf: i64, iat: i64) -> Option<Timestamp> {
    let in_range = |secs: i64| Timestamp::from_secs_nanos(secs, 0);
    Some(in_range(nbf)?.max(in_range(iat)?))
}

/// The library checks the signature; claims and times are checked here, against the clock that the
/// caller names.
pub(crate) fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn refused() -> Error {
    Error::new(
        Reason::Unauthenticated,
        "The token is not valid here; send `authorization: Bearer <token>` with one of this suite.",
    )
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
