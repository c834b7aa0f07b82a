//! Questions to the other services.

mod profile;

pub use profile::Profile;
