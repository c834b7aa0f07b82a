//! The laws of the audit log, on every backend.

mod keeping;
mod proving;
mod tampering;
mod unwritable;
mod world;
