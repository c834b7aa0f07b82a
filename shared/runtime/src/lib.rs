#![doc = include_str!("../README.md")]

mod admin;
mod config;
mod flags;
mod ground;
mod jobs;
mod keys;
mod lock;
mod recipe;
mod serve;
mod signals;
mod start;

pub use config::{Config, LogLevel, MANUAL, SERVICES};
pub use flags::Flags;
pub use jobs::JobHealth;
pub use recipe::{Deps, Job, Peers, Recipe, Service};
pub use serve::{Telemetry, explain, main, serve, telemetry};
pub use signals::stop_signal;
pub use start::{Running, migrate, start};
