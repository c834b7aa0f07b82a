//! The schema, step by step. A step that was released never changes.

mod m0001_customer;
mod m0002_attribute_definition;
mod m0003_index_version;

use sea_orm_migration::MigrationTrait;

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m0001_customer::CreateCustomer),
        Box::new(m0002_attribute_definition::CreateAttributeDefinition),
        Box::new(m0003_index_version::AddIndexVersion),
    ]
}
