#![doc = include_str!("../README.md")]

mod cell;
pub mod classes;
mod customer_key;
mod memory;
mod migration;
mod root_key;
mod source;
mod table;
mod tenant_key;
mod vault;

pub use cell::Place;
pub use customer_key::CustomerKey;
pub use migration::migration;
pub use root_key::RootKey;
pub use source::Source;
pub use vault::Vault;
