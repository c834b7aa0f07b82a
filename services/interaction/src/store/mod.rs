//! Where interactions are kept.
//!
//! | you want | use |
//! |---|---|
//! | to keep interactions, each event once | [`Rows`] |
//! | what the feed says of it | [`change`] |
//! | which events are kept already | [`recorded`] |
//! | one or several by id | [`find`], [`find_many`], [`find_many_clear`] |
//! | a page of a timeline | [`list`] |
//! | counts and sums of one customer | [`summary`] |
//! | what a row says | [`Model::read`], and [`open_words`] for the free text |

pub mod change;
mod details;
mod entity;
mod interaction;
mod migration;
mod record;
mod registry;
mod summary;
#[cfg(test)]
mod tests;
mod timeline;
mod words;

pub use entity::Model;
pub use interaction::{find, find_many, find_many_clear};
pub use migration::migrations;
pub use record::{Event, Recorded, Rows, recorded};
pub use registry::{HELD, REGISTRY};
pub use summary::summary;
pub use timeline::{Page, list};
pub use words::open_words;
