#![doc = include_str!("../README.md")]

mod append;
mod blank;
mod consumer;
mod cursor;
mod feed;
mod migration;
mod progress;
mod read;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod watch;

pub use append::append;
pub use blank::{Place, blank, told_of, told_of_sql};
pub use consumer::{Consumer, Delivery};
pub use cursor::Cursor;
pub use feed::{Feed, Options};
pub use migration::{by_subject, migration};
pub use progress::Progress;
pub use watch::Item;
