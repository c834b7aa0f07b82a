#![doc = include_str!("../README.md")]

mod jobs;
mod lock;
mod recipe;

pub use jobs::JobHealth;
pub use recipe::{Deps, Job, Peers, Recipe, Service};
