//! The half of a signing key that verifies, and the name it goes by.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dossier_kernel::{Error, Reason, Result};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};

/// An Ed25519 public key. Its `kid` is the first half of the SHA-256 of its bytes, so that a name
/// cannot point at another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
    kid: String,
}

impl PublicKey {
    /// Refuses bytes that are no point of the curve, or one of the few weak ones under which
    /// signatures can be made up.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self> {
        let usable = VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak());
        if !usable {
            return Err(Error::new(
                Reason::FailedPrecondition,
                "A public key must be 32 bytes of a strong Ed25519 key.",
            ));
        }
        let kid = URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..16]);
        Ok(Self { bytes, kid })
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }
}
