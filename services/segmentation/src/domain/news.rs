//! What the three feeds tell, in segmentation's words.

use dossier_kernel::id::InteractionId;
use dossier_kernel::{CustomerId, TenantId, Timestamp};
use uuid::Uuid;

use super::{Profile, Purchase};

/// Something about one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub tenant: TenantId,
    pub customer: CustomerId,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The customer is there, and this is the file now.
    File(Profile),
    /// Deleted softly, with the file as it was.
    Deleted(Profile),
    /// Gone for good.
    Purged,
    Purchase {
        interaction: InteractionId,
        purchase: Purchase,
    },
    Response {
        id: Uuid,
        time: Timestamp,
    },
    /// A case as it stands.
    Case {
        id: Uuid,
        open: bool,
    },
}

impl What {
    /// Whether it is told of a customer's own file, whoever speaks for the customer.
    pub const fn is_of_file(&self) -> bool {
        match self {
            Self::File(_) | Self::Deleted(_) | Self::Purged => true,
            Self::Purchase { .. } | Self::Response { .. } | Self::Case { .. } => false,
        }
    }
}
