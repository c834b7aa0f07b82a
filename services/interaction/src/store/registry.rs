//! Everything that is sealed in interaction's tables, and all they hold of customers.

use dossier_runtime::{Held, HeldTable, Outcomes, SPEAKERS, Told};
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

pub const HELD: Held = Held {
    tables: &[
        HeldTable::many("interaction", "customer_id", "id"),
        SPEAKERS[0],
        SPEAKERS[1],
    ],
    // An id: what followers are given is read by it.
    told: Told::Ids,
    outcomes: Outcomes::Ids,
};
