//! Profile's tables. The only place that names SeaORM.
//!
//! | you want | use |
//! |---|---|
//! | to read customers | [`customer`] |
//! | rows that can be opened with a key | [`SealedCustomer`], [`seal`], [`open`] |
//! | what customers were, and who changed them | [`revision`], [`Version`], [`write_origin`] |
//! | to write customers with their identifiers and tags | [`save`] |
//! | who has an identifier | [`customer_key`] |
//! | a page of a list | [`list`] |
//! | who may be found by some terms | [`customer_term`], [`search_backlog`] |
//! | every live customer, tenant after tenant | [`snapshot`] |
//! | what must go for good | [`purge`], [`erasure_subject`], [`erasure`] |
//! | what people asked for, and why somebody must be kept | [`privacy_request`], [`legal_hold`] |
//! | what imports did, batch by batch | [`import`], [`import_batch`] |
//! | a tenant's own fields | [`attribute_definition`] |
//! | who has a tag, and how many | [`customer_tag`] |
//! | what customers agreed to, and were told | [`consent_entry`], [`consent_notice`] |
//! | who belongs to whom | [`relationship`] |
//! | who may be in the files twice | [`duplicate_scan`], [`duplicate_pair`] |
//! | how customers became one | [`merge`], [`merge_part`] |
//! | the secrets of programs | [`api_key`] |
//! | what the feed carries | [`ChangeBody`] |

pub mod api_key;
pub mod attribute_definition;
mod change;
mod columns;
pub mod consent_entry;
pub mod consent_notice;
pub mod customer;
pub mod customer_key;
pub mod customer_tag;
pub mod customer_term;
pub mod duplicate_pair;
pub mod duplicate_scan;
pub mod erasure;
pub mod erasure_subject;
pub mod import;
pub mod import_batch;
pub mod legal_hold;
pub mod list;
pub mod merge;
pub mod merge_part;
mod migration;
pub mod privacy_request;
pub mod purge;
mod registry;
pub mod relationship;
pub mod revision;
pub mod save;
mod sealed;
pub mod search_backlog;
pub mod snapshot;

/// The most values one statement asks for: SQLite takes 32,766 in all, PostgreSQL 65,535. So many can
/// share an identifier that more are asked for.
const ASKED_MAX: usize = 10_000;

pub use change::{ChangeBody, ChangeKind};
pub use customer::Model as SealedCustomer;
pub use migration::migrations;
pub use registry::{HELD, REGISTRY};
pub use revision::{Version, write_origin};
pub use sealed::{open, seal};
