#![doc = include_str!("../README.md")]

mod append;
mod audit;
mod buffer;
pub mod certificate;
mod export;
mod growth;
mod key;
mod leaf;
mod log;
mod migration;
mod note;
mod sequence;
mod sink;
#[cfg(feature = "testing")]
pub mod testing;
mod tile;
pub mod tree;
mod verify;

pub use append::append;
pub use audit::{Audit, Limits, Options, Seen};
pub use key::{AuditKey, VerifierKey};
pub use leaf::Leaf;
pub use log::{Entry, Log, Proof, Query};
pub use migration::migration;
pub use note::Checkpoint;
pub use sink::{Sink, notes_in};
pub use verify::{Finding, Report, verify};
