//! Everything that segmentation's tables hold of customers.

use dossier_runtime::{Held, HeldTable, Outcomes, SPEAKERS, Told};

use super::MembershipEvent;
use crate::domain::{Cause, Way};

pub const HELD: Held = Held {
    tables: &[
        HeldTable::by("membership", "customer_id"),
        HeldTable::many("purchase", "customer_id", "interaction_id"),
        HeldTable::by("purchase_total", "customer_id"),
        HeldTable::many("feedback", "customer_id", "fact_id"),
        SPEAKERS[0],
        SPEAKERS[1],
        // That somebody is gone is remembered, so that what still arrives is not kept.
        HeldTable {
            stays: Some("standing IN ('ERASED', 'PURGED') AND profile IS NULL"),
            ..HeldTable::by("customer", "customer_id")
        },
    ],
    told: Told::Blanked { but: is_farewell },
    outcomes: Outcomes::NameCustomers,
};

/// That an erased customer left a segment: without it followers would keep a member.
fn is_farewell(body: &[u8]) -> bool {
    MembershipEvent::read(body)
        .is_ok_and(|event| event.cause == Cause::Erasure && event.way == Way::Exit)
}
