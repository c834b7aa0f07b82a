//! Other issuers whose tokens are believed: who they are, by which keys, and how their words for
//! tenants, roles and teams are read.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what an operator says about an issuer |
//! | `key_set` | its public keys: kept, refreshed, never fetched twice at once |
//! | `document` | a JSON Web Key Set (RFC 7517) to keys |
//! | `source` | the file or URL the document comes from |
//! | `unique` | JSON in which no name repeats |
//! | `claims` | its claims to ours |

mod claims;
mod document;
mod key_set;
mod settings;
mod source;
mod unique;

use std::sync::Arc;

use dossier_kernel::Result;
use jsonwebtoken::{DecodingKey, Validation};

use crate::Claims;
use crate::verifier::signature_only;
pub(crate) use key_set::KeySet;
pub use settings::{Issuer, IssuerAlgorithm, TokenType};
pub(crate) use unique::Unique;

/// An issuer with the keys it has now.
pub struct Foreign {
    pub(crate) settings: Issuer,
    pub(crate) keys: Arc<KeySet>,
    validation: Validation,
}

/// A foreign token whose signature holds.
pub(crate) struct Believed {
    pub claims: Claims,
    /// Seconds since 1970: not valid before, issued at.
    pub nbf: i64,
    pub iat: i64,
}

impl Foreign {
    /// Reads the keys of an issuer. A file must be there and hold keys; a URL that does not answer
    /// yet is tried again when a token asks for it.
    pub async fn open(settings: Issuer) -> Result<Self> {
        let keys = KeySet::open(&settings).await?;
        let validation = signature_only(settings.algorithm.of_library());
        Ok(Self {
            settings,
            keys: Arc::new(keys),
            validation,
        })
    }

    /// `None` for whatever is not exactly as the settings say. The header was read by the caller.
    pub(crate) fn read(&self, token: &str, key: &DecodingKey) -> Option<Believed> {
        let data = jsonwebtoken::decode::<Unique>(token, key, &self.validation).ok()?;
        claims::read(&self.settings, &data.claims.0)
    }
}
