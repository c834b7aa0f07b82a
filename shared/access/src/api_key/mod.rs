//! Keys for programs: their text, and whom they speak for.

mod register;
mod text;

pub use register::{ApiKeys, Resolve};
pub use text::{KeyText, PREFIX, same_hash};
