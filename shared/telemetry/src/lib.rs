#![doc = include_str!("../README.md")]

pub mod db;
mod init;
mod log;
mod metrics;
mod options;
pub mod request;
pub mod rpc;
pub mod trace;

pub use init::{Guard, InitError, init};
pub use metrics::{Metrics, metrics};
pub use options::{LogFormat, Options};
