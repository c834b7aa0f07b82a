//! Tests across services on both backend families, and of the tree itself.

mod canaries;
mod crash;
mod drain;
mod examples;
mod foreign_clients;
mod idempotency;
mod journey;
mod refusals;
mod tidy;
