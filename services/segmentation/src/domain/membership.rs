//! Which segments a customer is in, and who entered or left.

use std::collections::{BTreeMap, BTreeSet};

use dossier_kernel::id::SegmentId;
use dossier_kernel::{Currency, Timestamp};

use super::row::earlier;
use super::{Customer, Rule};

/// The segments a customer belongs into at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    pub members_of: BTreeSet<SegmentId>,
    /// When to assess again although nothing happened.
    pub due: Option<Timestamp>,
}

/// Why somebody entered or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something happened: a purchase, an answer, a case.
    Event,
    /// The customer's file changed.
    Customer,
    /// Time passed.
    Time,
    /// The rule was made, changed or deleted.
    Definition,
    /// The customer was erased.
    Erasure,
    /// Customers became one, or several again.
    Merge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Enter,
    Exit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    pub segment: SegmentId,
    pub way: Way,
}

pub fn assess<'r>(
    rules: impl IntoIterator<Item = (SegmentId, &'r Rule)>,
    customer: &Customer,
    at: Timestamp,
    currency: Currency,
) -> Assessment {
    let mut assessment = Assessment::default();
    for (segment, rule) in rules {
        let verdict = rule.decide(customer, at, currency);
        if verdict.member {
            assessment.members_of.insert(segment);
        }
        assessment.due = earlier(assessment.due, verdict.next_change);
    }
    assessment
}

/// What leads from the memberships that are stored (segment → since when) to those there should be.
/// Exits first, each in the order of the segments' ids.
pub fn transitions<S>(
    stored: &BTreeMap<SegmentId, S>,
    wanted: &BTreeSet<SegmentId>,
) -> Vec<Transition> {
    let exits = stored.keys().filter(|segment| !wanted.contains(segment));
    let enters = wanted
        .iter()
        .filter(|segment| !stored.contains_key(segment));
    exits
        .map(|&segment| Transition {
            segment,
            way: Way::Exit,
        })
        .chain(enters.map(|&segment| Transition {
            segment,
            way: Way::Enter,
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applying_the_transitions_gives_what_is_wanted_and_nothing_twice() {
        let [a, b, c] = [1_u128, 2, 3].map(|id| SegmentId(uuid::Uuid::from_u128(id)));
        let stored = BTreeMap::from([(a, ()), (b, ())]);
        let wanted = BTreeSet::from([b, c]);
        let changes = transitions(&stored, &wanted);
        assert_eq!(
            changes,
            [
                Transition {
                    segment: a,
                    way: Way::Exit
                },
                Transition {
                    segment: c,
                    way: Way::Enter
                },
            ]
        );
        let reached = wanted.iter().map(|&segment| (segment, ())).collect();
        assert_eq!(transitions(&reached, &wanted), []);
    }
}
