//! The schema, step by step. A step that was released never changes.

mod m0001_customer;
mod m0002_attribute_definition;
mod m0003_index_version;
mod m0004_owner;
mod m0005_api_key;
mod m0006_industry;
mod m0007_attribute_limits;
mod m0008_revision;
mod m0010_consent;
mod m0011_relationship;
mod m0012_erasure;
mod m0020_duplicate;
mod m0021_merge;
mod m0022_search;
mod m0024_erasure_journal;
mod m0025_import;

use sea_orm_migration::MigrationTrait;

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0001_customer::CreateCustomer),
        Box::new(m0002_attribute_definition::CreateAttributeDefinition),
        Box::new(m0003_index_version::AddIndexVersion),
        Box::new(m0004_owner::AddOwner),
        Box::new(m0005_api_key::CreateApiKey),
        Box::new(m0006_industry::AddIndustry),
        Box::new(m0007_attribute_limits::AddAttributeLimits),
        Box::new(m0008_revision::CreateRevision),
        Box::new(m0010_consent::CreateConsent),
        Box::new(m0011_relationship::CreateRelationship),
        Box::new(m0012_erasure::CreateErasure),
        Box::new(m0020_duplicate::CreateDuplicate),
        Box::new(m0021_merge::CreateMerge),
        Box::new(m0022_search::CreateSearch),
        Box::new(m0024_erasure_journal::AddJournalStep),
        Box::new(m0025_import::CreateImport),
    ]
}
