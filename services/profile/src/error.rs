//! What goes wrong here, in profile's words, and what each means to a client.

use dossier_kernel::{self as kernel, CustomerId, Reason, Timestamp};
use uuid::Uuid;

use crate::domain::{Import, KeyKind};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} does not exist in this tenant.", .0.to_name())]
    NoCustomer(CustomerId),
    #[error("{} is not kept.", revision_name(*.0, *.1))]
    NoRevision(CustomerId, i64),
    /// Nobody kept what the file was before.
    #[error(
        "What {} was before {} was not kept; read it as of then or later.",
        .0.to_name(), .1.to_rfc3339()
    )]
    BeforeHistory(CustomerId, Timestamp),
    #[error("{} may not become so by you: policies ask for another owner, team or tags.", .0.to_name())]
    NotYours(CustomerId),
    #[error("{} exists.", .0.to_name())]
    CustomerExists(CustomerId),
    /// An identifier that only one customer may have is another's.
    #[error("The {} belongs to {}.", words(*.kind), .holder.to_name())]
    IdentifierTaken { kind: KeyKind, holder: CustomerId },
    #[error(
        "The {} belongs to {}, which is deleted; undelete it, or wait until it is purged.",
        words(*.kind), .holder.to_name()
    )]
    IdentifierOfDeleted { kind: KeyKind, holder: CustomerId },
    /// Keys of one call name different customers; at least two, sorted.
    #[error("The identifiers name different customers ({}); name one customer's only.", some(.0))]
    IdentityConflict(Vec<CustomerId>),
    #[error("The etag is not current; read the resource again, then decide again.")]
    EtagMismatch {
        current: String,
        fields: Vec<String>,
    },
    #[error("{} is deleted; undelete it first.", .0.to_name())]
    Deleted(CustomerId),
    /// A part of another customer, and who speaks for it.
    #[error("{} was merged into {}; change that one, or unmerge.", .0.to_name(), .1.to_name())]
    IsPart(CustomerId, CustomerId),
    #[error("A merge of {} is under way; wait for it to be done.", .0.to_name())]
    MergeUnderWay(CustomerId),
    #[error("mergeRecords/{0} came later into the same customer; unmerge it first.")]
    LaterMerge(Uuid),
    #[error("{} is of another type than the survivor.", .0.to_name())]
    OtherType(CustomerId),
    #[error("You may not see the identifiers of {}, which are needed to merge it.", .0.to_name())]
    NotSeenWhole(CustomerId),
    #[error("The customers or the rules are not those that were planned for; plan again.")]
    PlanOutdated,
    #[error("mergeRecords/{0} does not exist in this tenant.")]
    NoMergeRecord(Uuid),
    #[error("At most 250 customers become one, those counted that have before.")]
    TooManyParts,
    #[error("{} is not deleted.", .0.to_name())]
    NotDeleted(CustomerId),
    #[error("{} is being erased; that cannot be stopped.", .0.to_name())]
    BeingErased(CustomerId),
    #[error("{} is under a legal hold; release it first.", .0.to_name())]
    Held(CustomerId),
    #[error("{} is under no legal hold in this tenant.", .0.to_name())]
    NotHeld(CustomerId),
    #[error("privacyRequests/{0} does not exist in this tenant.")]
    NoPrivacyRequest(Uuid),
    #[error("privacyRequests/{0} is not pending any more.")]
    NotPending(Uuid),
    #[error("privacyRequests/{0} has no certificate; only an ERASE that is DONE has one.")]
    NotCertified(Uuid),
    #[error("privacyRequests/{0} is no ACCESS or PORT request that can be exported.")]
    NotExportable(Uuid),
    #[error("imports/{0} does not exist in this tenant.")]
    NoImport(Uuid),
    #[error(
        "imports/{0} was begun with another header; go on with the same, or begin another import."
    )]
    AnotherHeader(Uuid),
    #[error(
        "imports/{0} was begun with another file; go on with the same, or begin another import."
    )]
    AnotherFile(Uuid),
    #[error("imports/{0} is undone and takes no more rows; begin another import.")]
    ImportUndone(Uuid),
    #[error("attributeDefinitions/{0} does not exist in this tenant.")]
    NoDefinition(String),
    #[error("attributeDefinitions/{0} exists.")]
    DefinitionExists(String),
    #[error("duplicateScans/{0} does not exist in this tenant.")]
    NoDuplicateScan(Uuid),
    #[error("duplicatePairs/{0} does not exist in this tenant.")]
    NoDuplicatePair(Uuid),
    #[error("A tenant has at most 20 scans for duplicates that wait or run; cancel some.")]
    TooManyScans,
    #[error("apiKeys/{0} does not exist in this tenant.")]
    NoApiKey(Uuid),
    #[error("A tenant has at most 1,000 API keys that can be used; revoke some.")]
    TooManyApiKeys,
    /// The key would have rights its maker has not.
    #[error(
        "An API key has no more roles and teams than who makes it, and an API key makes no other."
    )]
    NotYoursToGive,
    #[error("A tenant has at most 500 attribute definitions.")]
    TooManyDefinitions,
    #[error("consentNotices/{0} has no such version in this tenant.")]
    NoNotice(String),
    #[error("relationships/{0} does not exist in this tenant.")]
    NoRelationship(Uuid),
    #[error("relationships/{0} says the same of the same time; end it first.")]
    RelationshipExists(Uuid),
    #[error("{} belongs to a household at that time.", .0.to_name())]
    SecondHousehold(CustomerId),
    #[error("{} has no household at that time.", .0.to_name())]
    NoHousehold(CustomerId),
    #[error("{} has a superior in the organization tree at that time.", .0.to_name())]
    SecondSuperior(CustomerId),
    #[error("{} is above already: the organization tree would close to a circle.", .0.to_name())]
    Circle(CustomerId),
    #[error("An organization is put under at most 100 others, one above the other.")]
    TooManyLevels,
    #[error("Somebody has the new tag already; merge the tags instead.")]
    TagExists,
    #[error("A notice has at most 1,000 versions; make another notice.")]
    TooManyVersions,
    #[error("A customer has at most 1,000 entries of consent; only withdrawals are taken beyond.")]
    TooManyConsents,
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
            Self::NoCustomer(_)
            | Self::NoRevision(..)
            | Self::NotHeld(_)
            | Self::NoPrivacyRequest(_)
            | Self::NoImport(_)
            | Self::NoDefinition(_)
            | Self::NoNotice(_)
            | Self::NoRelationship(_)
            | Self::NoHousehold(_)
            | Self::NoDuplicateScan(_)
            | Self::NoDuplicatePair(_)
            | Self::NoMergeRecord(_)
            | Self::NoApiKey(_) => Reason::NotFound,
            Self::NotYoursToGive => Reason::PermissionDenied,
            Self::NotYours(_) | Self::NotSeenWhole(_) => Reason::PermissionDenied,
            Self::CustomerExists(_)
            | Self::IdentifierTaken { .. }
            | Self::RelationshipExists(_)
            | Self::TagExists
            | Self::DefinitionExists(_) => Reason::AlreadyExists,
            Self::IdentityConflict(_) => Reason::IdentityConflict,
            Self::EtagMismatch { .. } | Self::PlanOutdated => Reason::EtagMismatch,
            Self::Deleted(_)
            | Self::NotDeleted(_)
            | Self::SecondHousehold(_)
            | Self::SecondSuperior(_)
            | Self::Circle(_)
            | Self::IdentifierOfDeleted { .. }
            | Self::BeforeHistory(..)
            | Self::BeingErased(_)
            | Self::IsPart(..)
            | Self::MergeUnderWay(_)
            | Self::LaterMerge(_)
            | Self::OtherType(_)
            | Self::Held(_)
            | Self::NotPending(_)
            | Self::NotCertified(_)
            | Self::AnotherFile(_)
            | Self::ImportUndone(_)
            | Self::NotExportable(_) => Reason::FailedPrecondition,
            Self::AnotherHeader(_) => Reason::RequestIdReused,
            Self::TooManyDefinitions
            | Self::TooManyApiKeys
            | Self::TooManyScans
            | Self::TooManyVersions
            | Self::TooManyLevels
            | Self::TooManyParts
            | Self::TooManyConsents => Reason::LimitExceeded,
            Self::Unreadable { .. } => Reason::Internal,
        }
    }
}

impl From<Error> for kernel::Error {
    fn from(error: Error) -> Self {
        let plain = || Self::new(error.reason(), error.to_string());
        match &error {
            Error::NoCustomer(id)
            | Error::NotYours(id)
            | Error::CustomerExists(id)
            | Error::IdentifierTaken {
                kind: _,
                holder: id,
            }
            | Error::IdentifierOfDeleted {
                kind: _,
                holder: id,
            }
            | Error::Deleted(id)
            | Error::BeforeHistory(id, _)
            | Error::SecondHousehold(id)
            | Error::NoHousehold(id)
            | Error::SecondSuperior(id)
            | Error::Circle(id)
            | Error::BeingErased(id)
            | Error::MergeUnderWay(id)
            | Error::OtherType(id)
            | Error::NotSeenWhole(id)
            | Error::Held(id)
            | Error::NotHeld(id)
            | Error::NotDeleted(id) => plain().with("resource", id.to_name()),
            Error::NoRevision(id, revision) => {
                plain().with("resource", revision_name(*id, *revision))
            }
            Error::IdentityConflict(ids) => {
                let names: Vec<String> = ids.iter().map(|id| id.to_name()).collect();
                plain().with("customers", names.join(","))
            }
            Error::EtagMismatch { current, fields } => plain()
                .with("etag", current.as_str())
                .with("fields", fields.join(",")),
            Error::NoDefinition(id) | Error::DefinitionExists(id) => {
                plain().with("resource", format!("attributeDefinitions/{id}"))
            }
            Error::NoPrivacyRequest(id)
            | Error::NotPending(id)
            | Error::NotCertified(id)
            | Error::NotExportable(id) => plain().with("resource", format!("privacyRequests/{id}")),
            Error::NoImport(id)
            | Error::AnotherHeader(id)
            | Error::AnotherFile(id)
            | Error::ImportUndone(id) => plain().with("resource", Import::name_of(*id)),
            Error::NoApiKey(id) => plain().with("resource", format!("apiKeys/{id}")),
            Error::NotYoursToGive => plain().with("permission", "access.api_keys.write"),
            Error::NoNotice(id) => plain().with("resource", format!("consentNotices/{id}")),
            Error::NoRelationship(id) | Error::RelationshipExists(id) => {
                plain().with("resource", format!("relationships/{id}"))
            }
            Error::NoDuplicateScan(id) => plain().with("resource", format!("duplicateScans/{id}")),
            Error::NoDuplicatePair(id) => plain().with("resource", format!("duplicatePairs/{id}")),
            Error::TooManyScans => plain().with("limit", "20"),
            Error::IsPart(id, speaker) => plain()
                .with("resource", id.to_name())
                .with("customer", speaker.to_name()),
            Error::NoMergeRecord(id) | Error::LaterMerge(id) => {
                plain().with("resource", format!("mergeRecords/{id}"))
            }
            Error::TagExists | Error::PlanOutdated => plain(),
            Error::TooManyParts => plain().with("limit", "250"),
            Error::TooManyLevels => plain().with("limit", "100"),
            Error::TooManyVersions | Error::TooManyConsents => plain().with("limit", "1000"),
            Error::TooManyApiKeys => plain().with("limit", "1000"),
            Error::TooManyDefinitions => plain().with("limit", "500"),
            Error::Unreadable { .. } => Self::internal(error),
        }
    }
}

fn revision_name(customer: CustomerId, revision: i64) -> String {
    format!("{}/revisions/{revision}", customer.to_name())
}

/// The first names, which are no personal data.
fn some(ids: &[CustomerId]) -> String {
    let names: Vec<String> = ids.iter().take(5).map(|id| id.to_name()).collect();
    names.join(", ")
}

const fn words(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Email => "e-mail address",
        KeyKind::Phone => "phone number",
        KeyKind::ExternalId => "external id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_every_customer_in_its_metadata() {
        let ids = vec![CustomerId::generate(), CustomerId::generate()];
        let wanted = format!("{},{}", ids[0].to_name(), ids[1].to_name());
        let error = kernel::Error::from(Error::IdentityConflict(ids));
        assert_eq!(error.reason(), Reason::IdentityConflict);
        assert_eq!(error.metadata().get("customers"), Some(&wanted));
    }

    #[test]
    fn a_row_that_cannot_be_read_says_nothing_of_it_to_the_client() {
        let error = kernel::Error::from(Error::unreadable("customer", "secret bytes"));
        assert!(!error.to_string().contains("secret"));
    }
}
