//! What a customer's file is and what may happen to it: values in, values out.
//!
//! | you want | use |
//! |---|---|
//! | the file itself | [`Customer`] |
//! | what a caller says about a customer, unchecked | [`Draft`] |
//! | the same, normalised and found legal on its own | [`Checked`], from [`Draft::check`] |
//! | to collect everything that is wrong | [`Violations`] |
//! | what a caller may not see, and so not erase | [`Hidden`] |
//! | the part that may leave without a key | [`Outline`] |
//! | identifiers by which a customer is found | [`Key`] |
//! | who made a revision of a file, what it changed, and which gave each value | [`Origin`], [`Difference`], [`Tracer`] |
//! | an import, and what taking back a write makes of a file | [`Import`], [`Made`] |
//! | a tenant's own fields | [`AttributeDefinition`], [`AttributeEvolution`], [`AttributeValue`] |
//! | a secret of a program, and who may make one | [`ApiKey`] |
//! | what a customer agreed to, and what that comes to | [`Consent`], [`judge_consent`] |
//! | what customers are told before | [`ConsentNotice`] |
//! | who belongs to whom | [`Relationship`] |
//! | what becomes of files whose customers are one | [`merge`] |
//! | what people ask for, and why somebody must be kept | [`PrivacyRequest`], [`LegalHold`] |
//! | how customers are erased, and what is certified of it | [`erasure`], [`Certificate`] |
//! | who may be in the files twice | [`comparison`], [`DuplicatePair`], [`DuplicateScan`] |
//! | one spelling of the same thing | [`normalize`] |
//! | codes with a checksum | `resident_id`, `credit_code` |
//! | codes of a published list | `division`, `postal_code`, [`Industry`] |

mod address;
mod api_key;
mod attribute;
mod attribute_definition;
mod attribute_evolution;
mod certificate;
pub mod comparison;
mod consent;
mod consent_notice;
mod contact_point;
mod credit_code;
mod customer;
mod date;
mod division;
mod draft;
pub mod duplicate;
pub mod erasure;
mod external_id;
mod hidden;
mod import;
pub mod industry;
mod key;
pub mod legal_hold;
mod many;
pub mod merge;
pub mod normalize;
mod origin;
mod outline;
mod postal_code;
pub mod privacy_request;
mod provenance;
mod relationship;
mod resident_id;
mod revision;
pub mod search;
mod tag;
mod undo;
mod violations;

pub use address::{Address, COUNT_MAX as ADDRESSES_MAX};
pub use api_key::{ApiKey, NewApiKey};
pub use attribute::{Attribute, AttributePatch, AttributeValue, path as attribute_path};
pub use attribute_definition::{
    AttributeDefinition, AttributeType, COUNT_MAX as ATTRIBUTES_MAX, DataClass, Definitions,
    NewAttributeDefinition, Protection, is_id as is_attribute_id,
};
pub use attribute_evolution::AttributeEvolution;
pub use certificate::Certificate;
pub use consent::{
    AsOf, Consent, ConsentDecision, ConsentKind, ConsentReason, ENTRIES_MAX as CONSENTS_MAX,
    LegalBasis, NewConsent, Stance, Verdict, judge as judge_consent, name_of as consent_name,
};
pub use consent_notice::{
    ConsentNotice, NewConsentNotice, NoticePurpose, NoticeText, SeparateReason,
    VERSIONS_MAX as NOTICE_VERSIONS_MAX,
};
pub use contact_point::{COUNT_MAX as CONTACT_POINTS_MAX, ContactPoint, ContactPointType};
pub use customer::{Customer, CustomerType, Gender};
pub use date::Date;
pub use draft::{Checked, Draft};
pub use duplicate::{
    DuplicateEvidence, DuplicatePair, DuplicatePairState, DuplicateScan, DuplicateScanState,
    Likeness,
};
pub use erasure::{Counts, ErasureState};
pub use external_id::{COUNT_MAX as EXTERNAL_IDS_MAX, ExternalId};
pub use hidden::Hidden;
pub use import::{Import, ImportCounts, ImportState};
pub use industry::{Industry, IndustryScheme};
pub use key::{Key, KeyKind};
pub use legal_hold::LegalHold;
pub use many::Many;
pub use merge::{MergeConflict, MergeRecord, MergeSpec, MergeState, Survivorship};
pub use origin::{Origin, Source};
pub use outline::{AddressOutline, Outline};
pub use privacy_request::{
    PrivacyRequest, PrivacyRequestFields, PrivacyRequestState, PrivacyRequestType,
};
pub use provenance::{Found, Tracer};
pub use relationship::{LEVELS_MAX, NewRelationship, Relationship, RelationshipType, Span, climb};
pub use revision::{Difference, FIRST};
pub use tag::{COUNT_MAX as TAGS_MAX, Retag};
pub use undo::{Made, Undo};
pub use violations::Violations;
