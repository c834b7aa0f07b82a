//! Everything that is sealed or blinded in profile's tables.

use dossier_vault::{IndexTable, Owner, Registry, SealedTable};

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
    index: Some(IndexTable {
        table: "customer_key",
        version: "index_version",
        reindex: crate::app::reindex,
    }),
};
