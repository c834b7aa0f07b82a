//! What goes wrong here, in interaction's words, and what each means to a client.

use dossier_kernel::id::InteractionId;
use dossier_kernel::{self as kernel, CustomerId, Reason};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} does not exist in this tenant.", .0.to_name())]
    NoCustomer(CustomerId),
    /// The key is personal, so it is not named.
    #[error("No customer of this tenant has the customer_key; create the customer first.")]
    NobodyHasKey,
    #[error("{} does not exist in this tenant.", .0.to_name())]
    NoInteraction(InteractionId),
    /// What is stored cannot be read: a fault of ours or of the disk.
    #[error("a stored {what} cannot be read")]
    Unreadable {
        what: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub fn unreadable(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unreadable {
            what,
            source: source.into(),
        }
    }

    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoCustomer(_) | Self::NobodyHasKey | Self::NoInteraction(_) => Reason::NotFound,
            Self::Unreadable { .. } => Reason::Internal,
        }
    }
}

impl From<Error> for kernel::Error {
    fn from(error: Error) -> Self {
        let plain = || Self::new(error.reason(), error.to_string());
        match &error {
            Error::NoCustomer(id) => plain().with("resource", id.to_name()),
            Error::NoInteraction(id) => plain().with("resource", id.to_name()),
            Error::NobodyHasKey => plain(),
            Error::Unreadable { .. } => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_what_is_spoiled_is_not() {
        let id = CustomerId::generate();
        let error = kernel::Error::from(Error::NoCustomer(id));
        assert_eq!(error.metadata().get("resource"), Some(&id.to_name()));
        let error = kernel::Error::from(Error::unreadable("interaction", "secret bytes"));
        assert!(!error.to_string().contains("secret"));
    }
}
