//! The schema of segmentation, migration by migration. What has landed never changes.

mod m20261122_first_tables;
mod m20261123_speaker;

use sea_orm_migration::MigrationTrait;

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m20261122_first_tables::FirstTables),
        Box::new(m20261123_speaker::CreateSpeaker),
    ]
}
