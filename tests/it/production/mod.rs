//! The production profile: what it refuses, and that what it accepts serves.

mod journey;
mod refusals;
