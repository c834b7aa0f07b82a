//! Tests across services on both backend families, and of the tree itself.

mod access_matrix;
mod book;
mod canaries;
mod crash;
mod disk;
mod drain;
mod examples;
#[cfg(feature = "failpoints")]
mod failpoints;
mod foreign_clients;
mod fuzz;
mod idempotency;
mod journey;
mod power;
mod refusals;
mod tenancy;
mod tidy;
