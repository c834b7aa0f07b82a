//! The schema of interaction, migration by migration. What has landed never changes.

mod m20261122_interaction;
mod m20261123_speaker;

use sea_orm_migration::MigrationTrait;

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m20261122_interaction::CreateInteraction),
        Box::new(m20261123_speaker::CreateSpeaker),
    ]
}
