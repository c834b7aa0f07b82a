//! The schema's history. Never change one that has landed; add the next.

mod m20261122_first_tables;
mod m20261123_reply_id;
mod m20261124_case_customer;
mod m20261125_customer_index;
mod m20261126_speaker;

use sea_orm_migration::MigrationTrait;

pub fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![
        Box::new(m20261122_first_tables::Migration),
        Box::new(m20261123_reply_id::Migration),
        Box::new(m20261124_case_customer::Migration),
        Box::new(m20261125_customer_index::Migration),
        Box::new(m20261126_speaker::Migration),
    ]
}
