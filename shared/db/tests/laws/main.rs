//! The laws of the database layer, on every backend.

mod auditing;
mod bulk;
mod crash;
mod disk;
mod lease;
mod migrations;
mod naming;
mod once;
mod paging;
mod snapshot;
mod thing;
mod together;
mod wall;
mod writing;
