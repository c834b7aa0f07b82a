//! Everything that is sealed in interaction's tables.

use dossier_vault::{Owner, Registry, SealedTable};

pub const REGISTRY: Registry = Registry {
    tables: &[SealedTable {
        table: "interaction",
        row: "id",
        owner: Owner::Column("customer_id"),
        columns: &["direct"],
    }],
    outcomes: false,
    index: None,
};
