//! Where segmentation keeps what it knows. The only place here that names SeaORM.
//!
//! | you want | use |
//! |---|---|
//! | the tenant's scheme, and to hold rules still while evaluating | [`schemes`] |
//! | what is known of customers | [`customers`], [`purchases`], [`feedback`] |
//! | definitions of segments | [`segments`] |
//! | who is a member of what | [`memberships`] |
//! | what the feed says of a transition | [`MembershipEvent`] |
//! | all members, in a snapshot of the database | [`memberships::snapshot_page`] |
//! | totals over all customers | [`reports`] |
//! | what jobs ask about all tenants at once | [`across`] |
//!
//! Locks are taken in one order, so that nobody waits in a circle: the tenant, then a segment, then
//! customers by id.

pub mod across;
mod change;
pub mod customers;
mod entity;
pub mod feedback;
pub mod memberships;
mod migration;
mod profile;
pub mod purchases;
mod registry;
pub mod reports;
pub mod schemes;
pub mod segments;

pub use change::MembershipEvent;
pub use customers::Known;
pub use entity::segment::Model as SegmentRow;
pub use feedback::Said;
pub use memberships::Member;
pub use migration::migrations;
pub use purchases::Fact;
pub use registry::HELD;
pub use segments::State;

/// A reader or a transaction.
pub use sea_orm::ConnectionTrait as Connection;

/// Rows of one statement where a statement is made of rows.
const ROWS_MAX: usize = 100;
/// How many ids one question names.
const IDS_MAX: usize = 500;
