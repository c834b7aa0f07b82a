//! Answers of the suite as text for people. `--json` shows the messages themselves instead.

mod customer;
mod purchases;
mod revision;
mod survey;

pub(crate) use customer::{customer, timeline};
pub(crate) use purchases::purchases;
pub(crate) use revision::{provenance, revision};
pub(crate) use survey::survey;
