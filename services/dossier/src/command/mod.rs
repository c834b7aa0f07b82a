//! One file a command.

pub(crate) mod access;
pub(crate) mod apikey;
pub(crate) mod audit;
pub(crate) mod customer;
pub(crate) mod export;
pub(crate) mod health;
mod history;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod report;
pub(crate) mod restored;
pub(crate) mod segment;
pub(crate) mod serve;
pub(crate) mod token;
