//! The rules of what it means, values in, values out. No storage, no wire, no clock.
//!
//! | you want | use |
//! |---|---|
//! | what a feed told | [`News`] |
//! | what is known of a customer | [`Customer`] |
//! | what the stored state must equal | [`History`] |
//! | a rule, read and typed | [`Rule`] |
//! | which segments a customer is in, and until when that is sure | [`assess`] |
//! | who entered and left | [`transitions`] |
//! | a segment's definition | [`Segment`], [`Draft`] |
//! | where the tenant cuts, and in which currency it counts | [`Scheme`] |
//! | quintiles of recency, frequency and monetary value | [`rfm`] |
//! | totals over all customers | [`report`] |

mod aggregate;
mod attribute;
mod customer;
mod history;
mod membership;
mod news;
mod purchase;
pub mod report;
pub mod rfm;
mod row;
mod rule;
mod schema;
mod scheme;
mod segment;

pub use aggregate::Aggregate;
pub use attribute::{AttributeType, AttributeValue, Attributes};
pub use customer::{Customer, CustomerType, Feedback, Gender, Profile, Standing};
pub use history::History;
pub use membership::{Assessment, Cause, Way, assess, transitions};
pub use news::{News, What};
pub use purchase::{Purchase, Totals};
pub use rule::{Needs, Rule};
pub use scheme::{Scheme, SchemePatch, ValueClass};
pub use segment::{Draft, Segment, SegmentPatch};
