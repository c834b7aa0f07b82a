//! Where a service keeps what is sealed.

use dossier_db::{Owner, Tx};
use dossier_kernel::{Result, TenantId};
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::Vault;

/// Everything of one service that is sealed or blinded. What is not registered is not rotated: its
/// cells could not be opened any more when an old key is deleted.
#[derive(Clone, Copy)]
pub struct Registry {
    pub tables: &'static [SealedTable],
    /// Whether outcomes of requests hold sealed rows. Old versions of customers' keys then outlive
    /// them.
    pub outcomes: bool,
    /// Where blind indexes are, if anywhere.
    pub index: Option<Indexes>,
}

/// A table with sealed columns. It has `tenant_id`, and an index on that and `row`.
#[derive(Clone, Copy, Debug)]
pub struct SealedTable {
    pub table: &'static str,
    /// The column of UUIDs that cells are bound to as [`crate::Place::row`]; unique in a tenant.
    pub row: &'static str,
    pub owner: Owner,
    /// The sealed columns, by the names they are bound to as [`crate::Place::column`].
    pub columns: &'static [&'static str],
}

/// The tables of blind indexes. They have `tenant_id`, `customer_id` and an index on both.
#[derive(Clone, Copy)]
pub struct Indexes {
    pub tables: &'static [&'static str],
    /// The column of the index key's version, in all of them.
    pub version: &'static str,
    pub reindex: Reindex,
}

/// Adds the blind indexes that are missing for the customers after the given one, in the order of
/// their ids, at most so many customers.
pub type Reindex =
    for<'t> fn(&'t Tx, &'t Vault, &'t TenantId, Uuid, u64) -> BoxFuture<'t, Result<Reindexed>>;

/// What one step of [`Reindex`] did.
#[derive(Clone, Copy, Debug)]
pub struct Reindexed {
    /// The last customer that was looked at; `None` at the end.
    pub last: Option<Uuid>,
    /// Blind indexes that were missing.
    pub added: u64,
}

impl Registry {
    /// Of a service that seals nothing.
    pub const NOTHING: Self = Self {
        tables: &[],
        outcomes: false,
        index: None,
    };
}
