//! The keys that do not live in the database.

use std::sync::Arc;

use dossier_access::{ApiKeys, Foreign, SigningKey, Verifier, VerifierOptions};
use dossier_audit::AuditKey;
use dossier_kernel::Result;
use dossier_vault::{RootKey, RootKeys};
use futures::future::try_join_all;

use crate::config::Config;

pub(crate) struct Keys {
    pub roots: RootKeys,
    pub signing: Arc<SigningKey>,
    pub audit: AuditKey,
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
        let mut roots = RootKeys::new(root);
        for path in &config.old_root_key_files {
            roots = roots.and(RootKey::load(path)?);
        }
        let signing_path = config.signing_key_path();
        let signing = match &config.signing_key_file {
            Some(_) => SigningKey::load(&signing_path)?,
            None => SigningKey::load_or_generate(&signing_path)?,
        };
        let audit_path = config.audit_key_path();
        let audit = match &config.audit_key_file {
            Some(_) => AuditKey::load(&audit_path)?,
            None => AuditKey::load_or_generate(&audit_path)?,
        };
        Ok(Self {
            roots,
            signing: Arc::new(signing),
            audit,
        })
    }

    /// Believes the suite's own tokens, those of the configured issuers and API keys.
    pub async fn verifier(&self, config: &Config, api_keys: ApiKeys) -> Result<Verifier> {
        let mut options = VerifierOptions::local(vec![self.signing.public_key()]);
        options.api_keys = Some(api_keys);
        options.issuers = try_join_all(config.issuers.iter().cloned().map(Foreign::open)).await?;
        Ok(Verifier::new(options))
    }
}
