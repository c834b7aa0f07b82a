#![doc = include_str!("../README.md")]

mod blocks;
mod bound;
mod cluster;
mod comparator;
mod comparison;
mod error;
#[cfg(feature = "testing")]
pub mod febrl;
mod frequency;
mod key;
mod model;
mod pattern;
mod record;
mod scan;
mod schema;
mod score;
mod similarity;
mod sketch;
mod table;
mod train;
mod value;

pub use blocks::BlockReport;
pub use cluster::Cluster;
pub use comparator::Comparator;
pub use comparison::Comparison;
pub use error::Error;
pub use frequency::Frequencies;
pub use key::block_keys;
pub use model::{Exchange, Model, Rates};
pub use record::{Couple, Record, RecordId, Side};
pub use scan::{Limits, Link, Scan};
pub use schema::{Field, MAX_FIELDS, Schema};
pub use score::Evidence;
pub use table::Table;
