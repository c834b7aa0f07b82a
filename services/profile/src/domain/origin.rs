//! Who made a revision of a customer, and how.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Its serde form is what stores keep: fields may be added, with a default; none is renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Which revision this is of. A release that keeps no origins leaves that of an older one.
    pub revision: i64,
    pub source: Source,
    /// A principal, such as `person:amy`.
    pub actor: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    pub request_id: String,
    /// What followers were told of what changed, in the contract's names; empty for a new customer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}

/// What led to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A call about this customer.
    Api,
    /// The import of this id.
    Import(Uuid),
    /// A rollback to this revision.
    Rollback(i64),
    /// Taking back what the import of this id did.
    Undo(Uuid),
    /// The merge of this id.
    Merge(Uuid),
    /// The unmerge of the merge of this id.
    Unmerge(Uuid),
}
