//! What the service promises, on every backend, without its neighbours.

mod definitions;
mod erasing;
mod learning;
mod reports;
mod rereading;
mod rules;
mod settling;
mod time;
mod together;
mod watching;
mod world;
