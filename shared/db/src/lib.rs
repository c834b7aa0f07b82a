#![doc = include_str!("../README.md")]

mod db;
mod error;
mod idempotency;
mod insert;
mod job;
pub mod keyset;
mod migrate;
mod once;
mod options;
mod postgres;
mod scope;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod writer;

pub use db::Db;
pub use error::{error, is_unique_violation};
pub use idempotency::migration;
pub use insert::{Insert, insert_many};
pub use once::Once;
pub use options::{Backend, Options};
pub use scope::{TenantScoped, delete_many, find, update_many};
pub use tx::{BeforeCommit, Change, Committed, Position, Tx};
