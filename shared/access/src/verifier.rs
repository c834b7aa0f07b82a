//! From a token to who it speaks for, or to a refusal that says nothing about why.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dossier_kernel::{Error, Reason, Result, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::claims::{WireClaims, WireHeader};
use crate::{AUDIENCE, Claims, ISSUER, PublicKey};

/// Longer tokens are refused unread.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Verified tokens kept; about 300 bytes each.
const REMEMBERED_MAX: u64 = 20_000;

/// Which tokens a server believes.
#[derive(Clone, Debug)]
pub struct VerifierOptions {
    /// One key, or during a rotation the old and the new one.
    pub keys: Vec<PublicKey>,
    pub issuer: String,
    pub audience: String,
    /// How far another machine's clock may run ahead of ours: forgives `nbf` and `iat`, never `exp`.
    pub leeway: Duration,
}

impl VerifierOptions {
    /// What believes the tokens of the suite's own signing keys.
    pub fn local(keys: Vec<PublicKey>) -> Self {
        Self {
            keys,
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            leeway: Duration::from_secs(30),
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
    /// By SHA-256 of the whole token, so that no token stays in memory.
    remembered: Cache<[u8; 32], Remembered>,
}

#[derive(Clone)]
struct Remembered {
    claims: Arc<Claims>,
    not_before: Timestamp,
}

impl Verifier {
    pub fn new(options: VerifierOptions) -> Self {
        let VerifierOptions {
            keys,
            issuer,
            audience,
            leeway,
        } = options;
        let keys = keys
            .into_iter()
            .map(|key| {
                let decoding = DecodingKey::from_ed_der(key.as_bytes());
                (key.kid().to_owned(), decoding)
            })
            .collect();
        // The library checks the signature; claims and times are checked here, against the clock
        // that the caller names.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        Self(Arc::new(Inner {
            keys,
            issuer,
            audience,
            leeway,
            validation,
            remembered: Cache::new(REMEMBERED_MAX),
        }))
    }

    /// Who the token speaks for. [`Reason::Unauthenticated`] otherwise, with the same words for
    /// every forgery; an expired token is told so, because its holder can cure that.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused());
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let found = match self.0.remembered.get(&digest) {
            Some(found) => found,
            None => {
                let found = self.read(token).ok_or_else(refused)?;
                if found.claims.expiry > now {
                    self.0.remembered.insert(digest, found.clone());
                }
                found
            }
        };
        if now >= found.claims.expiry {
            self.0.remembered.invalidate(&digest);
            return Err(Error::new(
                Reason::Unauthenticated,
                "The token has expired; ask for a new one.",
            ));
        }
        if now.plus(self.0.leeway) < found.not_before {
            return Err(refused());
        }
        Ok(found.claims.as_ref().clone())
    }

    fn read(&self, token: &str) -> Option<Remembered> {
        let (header, _) = token.split_once('.')?;
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let WireHeader { alg, typ, kid } = serde_json::from_slice(&header).ok()?;
        if alg != "EdDSA" || typ != "at+jwt" {
            return None;
        }
        let key = self.0.keys.get(&kid)?;
        let wire = jsonwebtoken::decode::<WireClaims>(token, key, &self.0.validation)
            .ok()?
            .claims;
        if wire.iss != self.0.issuer || wire.aud != self.0.audience {
            return None;
        }
        let in_range = |secs: i64| Timestamp::from_secs_nanos(secs, 0);
        in_range(wire.exp)?;
        let not_before = in_range(wire.nbf.unwrap_or(0))?.max(in_range(wire.iat.unwrap_or(0))?);
        Some(Remembered {
            not_before,
            claims: Arc::new(Claims::from_wire(&wire)?),
        })
    }
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
