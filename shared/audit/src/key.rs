//! The key that signs checkpoints, and the public half that verifies them: signed notes of C2SP
//! (<https://c2sp.org/signed-note>) with Ed25519.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dossier_kernel::{Error, Reason, Result};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const WHAT: &str = "audit key";
/// Ed25519, in the registry of signed notes.
const ALGORITHM: u8 = 1;

/// An Ed25519 key. In its file: the 32 bytes of the seed in base64, mode 0600. Cheap to clone.
#[derive(Clone)]
pub struct AuditKey(Arc<SigningKey>);

/// Whose signature a checkpoint must carry. Reads and shows itself in the form of signed notes:
/// `<name>+<key hash in hex>+<algorithm and public key in base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl AuditKey {
    /// [`Reason::NotFound`] when there is no file, [`Reason::FailedPrecondition`] when it holds
    /// something else.
    pub fn load(path: &Path) -> Result<Self> {
        Self::from_text(&dossier_keyfile::read(path, WHAT)?)
    }

    /// The embedded default: made on the first start, the same from then on.
    pub fn load_or_generate(path: &Path) -> Result<Self> {
        Self::from_text(&dossier_keyfile::read_or_create(path, WHAT, random_text)?)
    }

    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Arc::new(SigningKey::from_bytes(seed)))
    }

    /// The public half, as the signer of the log `name`.
    pub fn verifier(&self, name: &str) -> VerifierKey {
        VerifierKey {
            name: name.to_owned(),
            key: self.0.verifying_key(),
        }
    }

    pub(crate) fn sign(&self, text: &str) -> [u8; 64] {
        self.0.sign(text.as_bytes()).to_bytes()
    }

    fn from_text(text: &str) -> Result<Self> {
        let seed = Zeroizing::new(STANDARD.decode(text).unwrap_or_default());
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| {
            Error::new(
                Reason::FailedPrecondition,
                "The audit key file must hold 32 bytes in base64.",
            )
        })?;
        Ok(Self::from_seed(seed))
    }
}

impl VerifierKey {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `None` where the text is no such key or its parts disagree.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = STANDARD.decode(key).ok()?;
        let (algorithm, key) = key.split_first()?;
        if *algorithm != ALGORITHM {
            return None;
        }
        let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
        let name = name.to_owned();
        let known = Self { name, key };
        (hex(&known.id()) == id).then_some(known)
    }

    /// Which key of a name: the first four bytes of a hash over both.
    pub(crate) fn id(&self) -> [u8; 4] {
        let hash: [u8; 32] = Sha256::new_with_prefix(self.name.as_bytes())
            .chain_update([b'\n', ALGORITHM])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    pub(crate) fn verifies(&self, text: &str, signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.key.verify_strict(text.as_bytes(), &signature).is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut key = vec![ALGORITHM];
        key.extend_from_slice(self.key.as_bytes());
        let (name, id) = (&self.name, hex(&self.id()));
        write!(f, "{name}+{id}+{}", STANDARD.encode(key))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random_text() -> Result<Zeroizing<String>> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|cause| Error::internal(cause.to_string()))?;
    Ok(Zeroizing::new(STANDARD.encode(seed.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_itself_as_the_note_format_has_it() {
        // The key of the example in the Go package golang.org/x/mod/sumdb/note.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = VerifierKey::parse(text).expect("a key");
        assert_eq!(key.name(), "PeterNeumann");
        assert_eq!(key.to_string(), text);
        let signed = "If you think cryptography is the answer to your problem,\n\
                      then you don't know what your problem is.\n";
        let signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let bytes = STANDARD.decode(signature).expect("base64");
        assert_eq!(bytes[..4], key.id());
        let signature = bytes[4..].try_into().expect("64 bytes");
        assert!(key.verifies(signed, &signature));
        assert!(!key.verifies("something else\n", &signature));
        assert_eq!(
            VerifierKey::parse(&text.replace("c74f20a3", "c74f20a4")),
            None
        );
    }

    #[test]
    fn a_file_keeps_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.key");
        let made = AuditKey::load_or_generate(&path).expect("makes");
        let again = AuditKey::load(&path).expect("reads");
        assert_eq!(made.verifier("x"), again.verifier("x"));
    }
}
