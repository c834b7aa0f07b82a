//! The vocabulary every room of the house speaks. No I/O, nothing of ours imported.
//!
//! | you want | use |
//! |---|---|
//! | to say who asks, for which tenant, until when | [`Ctx`] |
//! | to say what somebody did | [`AuditEvent`] |
//! | to fail with facts a client can act on | [`Error`], [`Reason`], [`Violation`] |
//! | to name a thing | [`TenantId`], [`CustomerId`] and the other ids of [`id`] |
//! | to know what time it is | [`Clock`], [`Timestamp`] |
//! | an exact amount of money | [`Money`], [`Currency`] |
//! | to collect all that is wrong with an input | [`Violations`] |
//! | a list page that continues where it stopped | [`PageToken`], [`PageSize`] |
//! | a partial change of one field | [`Patch`] |
//! | a personal value that must not be printed | [`Pii`] |
//!
//! What does not belong here: anything that reads a file, a socket, the environment or the
//! operating system's clock, other than [`Clock::system`].

pub mod audit;
pub mod clock;
pub mod ctx;
pub mod error;
pub mod id;
pub mod money;
pub mod paging;
pub mod patch;
pub mod pii;
pub mod violations;

pub use audit::{AuditAction, AuditEvent, AuditLevel, Call};
pub use clock::{Clock, Timestamp};
pub use ctx::{Ctx, Principal, PrincipalKind, Role, Strength};
pub use error::{Error, Reason, Result, Violation};
pub use id::{CustomerId, RequestId, TenantId};
pub use money::{Currency, Money};
pub use paging::{PageSize, PageToken};
pub use patch::Patch;
pub use pii::Pii;
pub use violations::Violations;
