//! Tests across services on both backend families, and of the tree itself.

mod access_matrix;
mod access_rows;
mod audit;
mod book;
mod cache_faults;
mod canaries;
mod crash;
mod deadlines;
mod disk;
mod drain;
mod erasing;
mod erasure;
mod examples;
#[cfg(feature = "failpoints")]
mod failpoints;
mod following;
mod foreign_clients;
mod fuzz;
mod idempotency;
mod installation;
mod journey;
mod limits;
mod merge;
mod moved_cells;
mod overload;
mod power;
mod production;
mod refusals;
mod rolling;
mod rotation;
mod stream_cuts;
mod tenancy;
mod tidy;
mod tls_backends;
mod tokens;
