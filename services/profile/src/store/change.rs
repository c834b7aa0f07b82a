//! What the feed carries: a customer's outline and what happened to it.

use dossier_kernel::Result;
use serde::{Deserialize, Serialize};

use crate::domain::Outline;
use crate::error::Error;

/// The body of a change. Classes NONE and QUASI only. Stored as long as the feed keeps history:
/// fields may be added, with a default; none is renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeBody {
    pub kind: ChangeKind,
    pub customer: Outline,
    /// The contract's names of the fields that changed, for updates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Created,
    Updated,
    Deleted,
    Undeleted,
    Purged,
}

impl ChangeBody {
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::unreadable("change", e).into())
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|e| Error::unreadable("change", e).into())
    }
}
