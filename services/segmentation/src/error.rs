//! What goes wrong here, in segmentation's words, and what each means to a client.

use dossier_kernel::id::SegmentId;
use dossier_kernel::{self as kernel, CustomerId, Reason};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} does not exist in this tenant.", .0.to_name())]
    NoSegment(SegmentId),
    #[error("{} does not exist in this tenant.", .0.to_name())]
    NoCustomer(CustomerId),
    #[error("{} exists; leave segment_id empty or choose another.", .0.to_name())]
    IdTaken(SegmentId),
    #[error("The display name is that of {}; choose another.", .0.to_name())]
    NameTaken(SegmentId),
    #[error("The {what} was changed meanwhile; read it again, then write.")]
    Stale { what: &'static str, etag: String },
    /// What is stored cannot be read: a fault of ours or of the disk.
    #[error("a stored {what} cannot be read")]
    Unreadable {
        what: &'static str,
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl Error {
    pub fn unreadable(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unreadable {
            what,
            source: Some(source.into()),
        }
    }

    pub const fn reason(&self) -> Reason {
        match self {
            Self::NoSegment(_) | Self::NoCustomer(_) => Reason::NotFound,
            Self::IdTaken(_) | Self::NameTaken(_) => Reason::AlreadyExists,
            Self::Stale { .. } => Reason::EtagMismatch,
            Self::Unreadable { .. } => Reason::Internal,
        }
    }
}

impl From<Error> for kernel::Error {
    fn from(error: Error) -> Self {
        let plain = || Self::new(error.reason(), error.to_string());
        match &error {
            Error::NoSegment(id) | Error::IdTaken(id) | Error::NameTaken(id) => {
                plain().with("resource", id.to_name())
            }
            Error::NoCustomer(id) => plain().with("resource", id.to_name()),
            Error::Stale { what: _, etag } => plain().with("etag", etag.clone()),
            Error::Unreadable { .. } => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_what_is_spoiled_is_not() {
        let id = SegmentId::generate();
        let error = kernel::Error::from(Error::NoSegment(id));
        assert_eq!(error.metadata().get("resource"), Some(&id.to_name()));
        let error = kernel::Error::from(Error::unreadable("profile", "secret bytes"));
        assert!(!error.to_string().contains("secret"));
    }
}
