//! The two keys that do not live in the database.

use std::sync::Arc;

use dossier_access::{SigningKey, Verifier, VerifierOptions};
use dossier_kernel::Result;
use dossier_vault::RootKey;

use crate::config::Config;

pub(crate) struct Keys {
    pub root: RootKey,
    pub signing: Arc<SigningKey>,
}

impl Keys {
    /// Reads the key files. Those that the configuration does not name are made on first start;
    /// those it names must be there, because a process that made its own would understand nobody.
    pub fn load(config: &Config) -> Result<Self> {
        let root_path = config.root_key_path();
        let root = match &config.root_key_file {
            Some(_) => RootKey::load(&root_path)?,
            None => RootKey::load_or_generate(&root_path)?,
        };
        let signing_path = config.signing_key_path();
        let signing = match &config.signing_key_file {
            Some(_) => SigningKey::load(&signing_path)?,
            None => SigningKey::load_or_generate(&signing_path)?,
        };
        Ok(Self {
            root,
            signing: Arc::new(signing),
        })
    }

    pub fn verifier(&self) -> Verifier {
        Verifier::new(VerifierOptions::local(vec![self.signing.public_key()]))
    }
}
