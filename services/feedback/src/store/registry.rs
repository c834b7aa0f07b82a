//! Everything that is sealed in feedback's tables.

use dossier_vault::{Owner, Registry, SealedTable};

pub const REGISTRY: Registry = Registry {
    tables: &[
        SealedTable {
            table: "response",
            row: "response_id",
            owner: Owner::Column("customer_id"),
            columns: &["direct"],
        },
        SealedTable {
            table: "feedback_case",
            row: "case_id",
            owner: Owner::Column("customer_id"),
            columns: &["direct"],
        },
        SealedTable {
            table: "case_reply",
            row: "reply_id",
            owner: Owner::Through {
                table: "feedback_case",
                key: "case_id",
                customer: "customer_id",
            },
            columns: &["direct"],
        },
    ],
    outcomes: true,
    index: None,
};
