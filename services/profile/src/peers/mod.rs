//! Questions to the other services.

mod neighbour;

pub use neighbour::{Neighbour, Speaker, Told};
