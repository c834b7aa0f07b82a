#![doc = include_str!("../README.md")]

mod blind_index;
mod cell;
pub mod classes;
mod customer_key;
mod memory;
mod migration;
mod registry;
mod root_keeper;
mod root_key;
pub mod rotation;
mod source;
mod table;
mod tenant_key;
mod vault;

pub use blind_index::{BlindIndex, BlindIndexes};
pub use cell::{KeyVersion, Place};
pub use customer_key::CustomerKey;
pub use dossier_db::Owner;
pub use migration::migration;
pub use registry::{Indexes, Registry, Reindex, Reindexed, SealedTable};
pub use root_keeper::{RootKeeper, RootKeys};
pub use root_key::RootKey;
pub use source::Source;
pub use vault::{Options, Vault};
