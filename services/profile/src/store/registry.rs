//! Everything that is sealed or blinded in profile's tables, and all they hold of customers.

use dossier_runtime::{Held, HeldTable, Outcomes, Told};
use dossier_vault::{Indexes, Owner, Registry, SealedTable};

use super::{ChangeBody, ChangeKind};

pub const REGISTRY: Registry = Registry {
    tables: &[
        SealedTable {
            table: "customer",
            row: "id",
            owner: Owner::Column("id"),
            columns: &["direct", "sensitive"],
        },
        SealedTable {
            table: "customer_revision",
            row: "id",
            owner: Owner::Column("customer_id"),
            columns: &["direct", "sensitive"],
        },
        SealedTable {
            table: "consent_entry",
            row: "id",
            owner: Owner::Column("customer_id"),
            columns: &["evidence"],
        },
    ],
    outcomes: true,
    index: Some(Indexes {
        tables: &["customer_key", "customer_term"],
        version: "index_version",
        reindex: crate::app::reindex,
    }),
};

pub const HELD: Held = Held {
    tables: &[
        HeldTable::by("customer_key", "customer_id"),
        HeldTable::by("customer_term", "customer_id"),
        HeldTable::by("customer_tag", "customer_id"),
        HeldTable::many("customer_revision", "customer_id", "id"),
        HeldTable::many("consent_entry", "customer_id", "id"),
        HeldTable::by("relationship", "from_id"),
        HeldTable::by("relationship", "to_id"),
        HeldTable::by("duplicate_pair", "low_id"),
        HeldTable::by("duplicate_pair", "high_id"),
        HeldTable::by("legal_hold", "customer_id"),
        HeldTable::by("search_backlog", "customer_id"),
        HeldTable::by("merge_part", "customer_id"),
        HeldTable {
            table: "merge_part",
            owner: Owner::Through {
                table: "merge_record",
                key: "merge_id",
                customer: "survivor_id",
            },
            stays: None,
            key: None,
        },
        HeldTable::by("merge_record", "survivor_id"),
        HeldTable::by("erasure_subject", "customer_id"),
        HeldTable::by("customer", "id"),
    ],
    told: Told::Blanked { but: is_farewell },
    outcomes: Outcomes::NameCustomers,
};

/// That a customer is gone, which followers must learn.
fn is_farewell(body: &[u8]) -> bool {
    ChangeBody::from_bytes(body).is_ok_and(|body| {
        body.kind == ChangeKind::Purged && body.customer == body.customer.clone().farewell()
    })
}
