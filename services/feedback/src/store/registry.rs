//! Everything that is sealed in feedback's tables, and all they hold of customers.

use dossier_runtime::{Held, HeldTable, Outcomes, SPEAKERS, Told};
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

pub const HELD: Held = Held {
    tables: &[
        HeldTable {
            table: "case_reply",
            owner: Owner::Through {
                table: "feedback_case",
                key: "case_id",
                customer: "customer_id",
            },
            stays: None,
            key: None,
        },
        HeldTable::by("feedback_case", "customer_id"),
        HeldTable {
            table: "answer",
            owner: Owner::Through {
                table: "response",
                key: "response_id",
                customer: "customer_id",
            },
            stays: None,
            key: None,
        },
        HeldTable::by("response", "customer_id"),
        HeldTable::by("invitation", "customer_id"),
        SPEAKERS[0],
        SPEAKERS[1],
    ],
    // Scores, channels and states.
    told: Told::Blanked { but: |_| false },
    outcomes: Outcomes::NameCustomers,
};
