//! Clusters.

use std::collections::BTreeSet;

use dossier_linkage::{Couple, RecordId};
use proptest::prelude::*;

use crate::people::{find, in_two, records};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn clusters_are_a_partition_that_keeps_the_dismissed_apart(
        records in records(60),
        linked: bool,
        dismissed in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..40),
    ) {
        let records = if linked { in_two(records) } else { records };
        let id = |at: &prop::sample::Index| records[at.index(records.len())].id;
        let mut dismissed: BTreeSet<Couple> = dismissed
            .iter()
            .map(|(one, other)| Couple::of(id(one), id(other)))
            .collect();
        // Those that would be found are dismissed as well, every other one.
        let before = find(records.clone(), &BTreeSet::new())?;
        dismissed.extend(before.links.iter().step_by(2).map(|link| link.couple));
        let found = find(records.clone(), &dismissed)?;

        let known: BTreeSet<RecordId> = records.iter().map(|record| record.id).collect();
        let mut seen = BTreeSet::new();
        for cluster in &found.clusters {
            prop_assert!(cluster.members.len() > 1);
            prop_assert!(cluster.members.is_sorted());
            for member in &cluster.members {
                prop_assert!(known.contains(member));
                prop_assert!(seen.insert(*member), "{member:?} is in two clusters");
            }
            for (at, one) in cluster.members.iter().enumerate() {
                for other in &cluster.members[at + 1..] {
                    prop_assert!(!dismissed.contains(&Couple::of(*one, *other)));
                    prop_assert!(cluster.links.iter().any(|link| link.couple == Couple::of(*one, *other)));
                    let side = |id| records.iter().find(|record| record.id == id).map(|it| it.side);
                    prop_assert!(!linked || side(*one) != side(*other));
                }
            }
        }
        for link in &found.links {
            prop_assert!(!dismissed.contains(&link.couple));
        }
    }
}
