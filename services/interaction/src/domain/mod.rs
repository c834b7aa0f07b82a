//! The rules of what happened, values in, values out. No storage, no wire, no clock.
//!
//! | you want | use |
//! |---|---|
//! | what a caller says happened, and whether it may be kept | [`Draft`] |
//! | an interaction that is kept | [`Interaction`] |
//! | what happened, kind by kind, without free text | [`Details`] |
//! | the free text, which is personal | [`Words`] |
//! | who it happened with, by name or identifier | [`Who`] |
//! | what a customer did, summed up | [`Summary`] |
//! | what a list may be filtered on and ordered by | [`timeline`] |

mod details;
mod interaction;
mod purchase;
mod summary;
pub mod timeline;
mod who;
mod words;

pub use details::{Details, Kind};
pub use interaction::{Direction, Draft, Interaction};
pub use purchase::{Purchase, PurchaseLine};
pub use summary::{Bucket, Spent, Summary, Total, Window};
pub use who::{CustomerKey, Who};
pub use words::Words;

pub use dossier_kernel::Violations;
