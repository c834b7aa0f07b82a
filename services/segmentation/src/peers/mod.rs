//! Questions to the other services, and what their feeds tell.

mod feedback;
mod follow;
mod interaction;
mod profile;

use dossier_feed::Delivery;
use dossier_kernel::Result;
use futures::stream::BoxStream;

use crate::domain::News;

pub use feedback::Feedback;
pub use follow::is_in_snapshot;
pub use interaction::Interaction;
pub use profile::Profile;

/// A feed as a consumer reads it. An event without news moves only the cursor; no event at all says
/// that there is nothing more for now.
pub type Told = BoxStream<'static, Result<Delivery<Option<News>>>>;

/// The other services. Cheap to clone.
#[derive(Clone)]
pub struct Peers {
    pub profile: Profile,
    pub interaction: Interaction,
    pub feedback: Feedback,
}
