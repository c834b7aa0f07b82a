//! Distinct types for names that could be swapped.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::{Error, Reason};

/// A tenant: 1 to 63 characters of `a-z`, `0-9` and `-`, beginning with a letter or digit.
/// Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(Arc<str>);

impl TenantId {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let first = text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let rest = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if first && rest && text.len() <= 63 {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            Reason::InvalidArgument,
            "A tenant id has 1 to 63 characters of a-z, 0-9 and '-', beginning with a letter or digit.",
        ))
    }

    /// The tenant of the embedded default configuration.
    pub fn embedded_default() -> Self {
        Self("default".into())
    }

    /// Names no tenant: what services use to follow the feeds of all tenants. Cannot be parsed
    /// from a request or stored with a row.
    pub fn all() -> Self {
        Self("*".into())
    }

    pub fn is_all(&self) -> bool {
        &*self.0 == "*"
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one attempt of one call in logs, traces and errors (`x-request-id`). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    pub fn random() -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        Self((*Uuid::now_v7().hyphenated().encode_lower(&mut text)).into())
    }

    /// Keeps what the caller sent when it is harmless to print: 1 to 128 visible ASCII characters.
    pub fn from_header(text: &str) -> Option<Self> {
        let fine =
            !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
        fine.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `collection/uuid`: written for every resource that is shown, so without the detour of `format!`.
pub fn resource_name(collection: &str, id: Uuid) -> String {
    let mut text = [0; Hyphenated::LENGTH];
    [collection, id.hyphenated().encode_lower(&mut text)].join("/")
}

/// A resource id that is a UUID; new ones are version 7, so that they sort by creation.
macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident = $collection:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The collection of the resource name: `customers` in `customers/{customer}`.
            pub const COLLECTION: &'static str = $collection;

            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The resource name, `collection/uuid`.
            pub fn to_name(self) -> String {
                resource_name($collection, self.0)
            }

            /// Reads a resource name; `None` when it is of another collection or no UUID.
            pub fn from_name(name: &str) -> Option<Self> {
                let (collection, id) = name.split_once('/')?;
                if collection != $collection {
                    return None;
                }
                Uuid::from_str(id).ok().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

uuid_id! {
    /// A customer of profile; what the other services hang their rows on.
    CustomerId = "customers";
    /// Something that happened between a customer and us.
    InteractionId = "interactions";
    /// A rule that customers are members of or not.
    SegmentId = "segments";
    /// A set of questions.
    SurveyId = "surveys";
    /// One customer's single-use right to answer one survey.
    InvitationId = "invitations";
    /// One set of answers to a survey.
    ResponseId = "responses";
    /// A complaint, suggestion or question that must be answered.
    CaseId = "cases";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_keep_their_collection() {
        let id = CustomerId::generate();
        assert_eq!(CustomerId::from_name(&id.to_name()), Some(id));
        assert_eq!(SegmentId::from_name(&id.to_name()), None);
        assert_eq!(CustomerId::from_name("customers/x"), None);
    }

    #[test]
    fn the_all_tenants_mark_is_no_tenant_id() {
        assert!(TenantId::parse(TenantId::all().as_str()).is_err());
        for bad in ["", "-a", "A", "a_b", &"x".repeat(64)] {
            assert!(TenantId::parse(bad).is_err(), "{bad}");
        }
        assert!(TenantId::parse("shop-1").is_ok());
    }
}
