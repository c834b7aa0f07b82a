//! The schema of segmentation, migration by migration. What has landed never changes.

mod m20261122_first_tables;

use sea_orm_migration::MigrationTrait;

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(m20261122_first_tables::FirstTables)]
}
