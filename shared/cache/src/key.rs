//! Names of cached values.

use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use dossier_kernel::TenantId;

const PREFIX: &str = "dossier:";
/// A UUID and two colons.
const ID_BYTES: usize = 38;

/// Names one value of one tenant. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// `kind` says what is cached and who caches it, such as `profile.customer`: the services share
    /// one Redis. `id` is no personal value; keys are printed and Redis shows them.
    pub fn new(tenant: &TenantId, kind: &'static str, id: impl Display) -> Self {
        let tenant = tenant.as_str();
        let mut text = String::with_capacity(PREFIX.len() + tenant.len() + kind.len() + ID_BYTES);
        for part in [PREFIX, tenant, ":", kind, ":"] {
            text.push_str(part);
        }
        // Writing to a string never fails.
        let _ = write!(text, "{id}");
        Self(text.into())
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
