#![doc = include_str!("../README.md")]

mod commit_by;
mod db;
mod error;
pub mod failpoint;
mod idempotency;
mod insert;
mod job;
pub mod keyset;
mod lease;
mod migrate;
mod new_rows;
mod once;
mod options;
mod page;
mod postgres;
mod reader;
mod scope;
mod snapshot;
pub mod speaker;
mod sqlite;
pub mod subject;
#[cfg(feature = "testing")]
pub mod testing;
mod tx;
mod wall;
mod writer;

pub use db::Db;
pub use error::{error, is_unique_violation};
pub use idempotency::has_outcome_before;
pub use insert::{Insert, insert_many};
pub use lease::Lease;
pub use migrate::shared as migrations;
pub use new_rows::NewRows;
pub use once::Once;
pub use options::{Backend, Options};
pub use page::{PageQuery, Room};
pub use reader::Reader;
pub use scope::{TenantScoped, delete_many, find, update_many};
pub use snapshot::Parts;
pub use subject::{HeldTable, Owner};
pub use tx::{BeforeCommit, Change, Committed, Position, Staged, Tx};
pub use wall::Wall;
