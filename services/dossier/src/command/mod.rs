//! One file a command.

pub(crate) mod access;
pub(crate) mod apikey;
pub(crate) mod audit;
pub(crate) mod consent;
pub(crate) mod customer;
pub(crate) mod duplicate;
pub(crate) mod erase;
pub(crate) mod export;
pub(crate) mod health;
mod history;
pub(crate) mod hold;
pub(crate) mod import;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod merge;
pub(crate) mod migrate;
mod notice;
pub(crate) mod privacy;
pub(crate) mod relationship;
pub(crate) mod report;
pub(crate) mod restored;
mod search;
pub(crate) mod segment;
pub(crate) mod serve;
pub(crate) mod tag;
pub(crate) mod token;
