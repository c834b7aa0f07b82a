#![doc = include_str!("../README.md")]

mod cell;
pub mod classes;
mod customer_key;
mod migration;
mod root_key;
mod tenant_key;
mod vault;

pub use cell::Place;
pub use customer_key::CustomerKey;
pub use migration::migration;
pub use root_key::RootKey;
pub use vault::Vault;
