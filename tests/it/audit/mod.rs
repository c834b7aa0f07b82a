//! The audit log of the running suite: nothing is changed or shown without it, and what is in it is
//! proved.

mod database;
mod log;
mod tampering;
mod unwritable;
mod walk;
