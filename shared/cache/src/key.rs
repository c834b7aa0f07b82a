//! Names of cached values.

use std::fmt::{self, Display};
use std::sync::Arc;

use dossier_kernel::TenantId;

/// Names one value of one tenant. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// `kind` says what is cached and who caches it, such as `profile.customer`: the services share
    /// one Redis. `id` is no personal value; keys are printed and Redis shows them.
    pub fn new(tenant: &TenantId, kind: &'static str, id: impl Display) -> Self {
        Self(format!("dossier:{tenant}:{kind}:{id}").into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
