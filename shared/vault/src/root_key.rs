//! The key that lives apart from the data.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dossier_kernel::{Error, Reason, Result};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cell::{Cipher, KEY_BYTES, as_key, random_key};

const WHAT: &str = "root key";

/// 32 bytes; in a file as base64. Without it nothing that was sealed can be read: back it up apart
/// from the data.
#[derive(Clone)]
pub struct RootKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    /// 16 hexadecimal digits that are derived from the key and say nothing about it.
    id: String,
}

impl RootKey {
    /// Reads the file an operator put there.
    pub fn load(path: &Path) -> Result<Self> {
        Self::decode(&dossier_keyfile::read(path, WHAT)?)
    }

    /// Makes a key and its file with mode 0600; [`Reason::AlreadyExists`] when there is one.
    pub fn generate(path: &Path) -> Result<Self> {
        let text = random_text()?;
        dossier_keyfile::create(path, WHAT, &text)?;
        Self::decode(&text)
    }

    /// Reads the file; where there is none, makes one with mode 0600.
    pub fn load_or_generate(path: &Path) -> Result<Self> {
        Self::decode(&dossier_keyfile::read_or_create(path, WHAT, random_text)?)
    }

    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self::of(Zeroizing::new(bytes))
    }

    fn of(key: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let digest = Sha256::new_with_prefix(b"dossier root key id")
            .chain_update(key.as_slice())
            .finalize();
        let id = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
        Self {
            id: id.collect(),
            key,
        }
    }

    fn decode(text: &str) -> Result<Self> {
        let refuse = || {
            Error::new(
                Reason::FailedPrecondition,
                "The root key file must hold 32 bytes in base64; restore it from its backup.",
            )
        };
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| refuse())?);
        as_key(&bytes).map(Self::of).map_err(|_| refuse())
    }

    pub(crate) fn cipher(&self) -> Cipher {
        Cipher::new(&self.key)
    }

    pub(crate) fn id_text(&self) -> &str {
        &self.id
    }
}

fn random_text() -> Result<Zeroizing<String>> {
    Ok(Zeroizing::new(STANDARD.encode(random_key()?.as_slice())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_the_same_when_read_again_and_bad_files_are_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("root.key");
        let made = RootKey::load_or_generate(&path).expect("makes");
        assert_eq!(RootKey::load(&path).expect("reads").key, made.key);
        let bad = dir.path().join("bad.key");
        std::fs::write(&bad, "c2hvcnQ=").expect("writes");
        assert!(RootKey::load_or_generate(&bad).is_err());
        let again = RootKey::generate(&path).err().expect("refused");
        assert_eq!(again.reason(), Reason::AlreadyExists);
    }
}
