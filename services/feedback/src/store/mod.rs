//! The tables of feedback. The only place here that names SeaORM.
//!
//! What customers wrote is sealed under their own key in a `direct` blob; scores, states and times
//! are clear.

mod case;
mod entity;
mod event;
mod invitation;
pub mod migration;
mod registry;
mod response;
mod sealed;
mod survey;
mod tenant;

pub use case::{CaseRows, Cases};
pub use event::{CaseEvent, FeedbackEvent, ResponseEvent};
pub use invitation::Invitations;
pub use registry::{HELD, REGISTRY};
pub use response::{ResponseRow, Responses};
pub use survey::Surveys;
pub use tenant::tenants;

/// A row as it lies in the table: what an idempotent outcome keeps.
pub use entity::invitation::Model as InvitationRow;
