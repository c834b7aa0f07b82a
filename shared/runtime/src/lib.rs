#![doc = include_str!("../README.md")]

mod access_service;
mod admin;
mod api_keys;
mod audit_log;
mod audit_service;
mod compaction;
mod config;
mod flags;
mod ground;
mod jobs;
mod journal;
mod key_service;
mod keys;
mod lock;
mod recipe;
mod serve;
mod signals;
mod start;
mod subject;
mod subject_service;
mod tls;
mod wall;
mod ways;

pub use audit_log::{Verification, verify};
pub use audit_service::audit_event;
pub use config::{Config, LogLevel, MANUAL, Profile, SERVICES};
pub use flags::Flags;
pub use ground::migrations;
pub use jobs::JobHealth;
pub use journal::{Journal, JournalEntry};
pub use recipe::{Deps, Erasing, Job, Peers, Recipe, Replay, Service};
pub use serve::{Telemetry, explain, main, serve, telemetry};
pub use signals::stop_signal;
pub use start::{Restored, Running, migrate, restored, start};
pub use subject::{Held, Outcomes, Participant, Record, Told};

/// Of every process that serves. A tenth of a read's time was the system's allocator; this one costs
/// half of that and gives memory back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// For recipes of services that need no key themselves.
pub use dossier_vault::Registry;

/// For what recipes say is held of customers.
pub use dossier_db::speaker::{Remapped, SPEAKERS};
pub use dossier_db::{HeldTable, Owner};
