//! Scores and links.

use std::collections::BTreeSet;

use dossier_linkage::{Limits, Link, Model, Scan, Table};
use proptest::prelude::*;

use crate::people::{find, in_two, records, schema};

/// Rounding of sums of logarithms.
const ROUNDING: f64 = 1e-9;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_score_does_not_depend_on_who_is_asked_about(records in records(12)) {
        let model = Model::train(&Table::new(&schema()?, records.clone()));
        for one in &records {
            for other in &records {
                let there = model.compare(one.clone(), [other.clone()]);
                let back = model.compare(other.clone(), [one.clone()]);
                prop_assert_eq!(there.len(), back.len());
                for (there, back) in there.iter().zip(&back) {
                    prop_assert_eq!(there.weight.to_bits(), back.weight.to_bits());
                    prop_assert_eq!(&there.evidence, &back.evidence);
                }
            }
        }
    }

    #[test]
    fn evidence_adds_up(records in records(12)) {
        let model = Model::train(&Table::new(&schema()?, records.clone()));
        let prior = (model.prior() / (1.0 - model.prior())).log2();
        for compared in model.compare(records[0].clone(), records[1..].to_vec()) {
            let said: f64 = compared.evidence.iter().map(|evidence| evidence.weight).sum();
            prop_assert!((prior + said - compared.weight).abs() < ROUNDING, "{compared:?}");
        }
    }

    #[test]
    fn the_order_of_records_changes_nothing(
        (records, shuffled) in records(60)
            .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle())),
        linked: bool,
    ) {
        let none = BTreeSet::new();
        let [one, other] = [records, shuffled].map(|records| {
            find(if linked { in_two_by_id(records) } else { records }, &none)
        });
        prop_assert_eq!(one?, other?);
    }

    #[test]
    fn work_may_be_cut_anywhere(records in records(600), stop: prop::sample::Index) {
        let schema = schema()?;
        let table = Table::new(&schema, records.clone());
        let model = Model::train(&table);
        let none = BTreeSet::new();
        let scan = Scan::new(&table, &model, &none, Limits::default())?;
        let whole: Vec<Link> = (0..scan.parts()).flat_map(|part| scan.part(part)).collect();

        // Another process takes over, with the model as it was stored and the records as they are.
        let stop = stop.index(scan.parts() + 1);
        let mut parts: Vec<Link> = (0..stop).flat_map(|part| scan.part(part)).collect();
        let stored = rmp_serde::to_vec(&model)?;
        let read: Model = rmp_serde::from_slice(&stored)?;
        prop_assert_eq!(&read, &model);
        let again = Table::new(&schema, records);
        let resumed = Scan::new(&again, &read, &none, Limits::default())?;
        parts.extend((stop..resumed.parts()).flat_map(|part| resumed.part(part)));
        prop_assert_eq!(parts, whole);
    }

    /// The bounds that tell most pairs apart at a glance never lose one.
    #[test]
    fn a_scan_links_what_comparing_one_by_one_does(records in records(40), linked: bool) {
        let records = if linked { in_two(records) } else { records };
        let table = Table::new(&schema()?, records.clone());
        let model = Model::train(&table);
        let none = BTreeSet::new();
        let scan = Scan::new(&table, &model, &none, Limits::default())?;
        let links: Vec<Link> = (0..scan.parts()).flat_map(|part| scan.part(part)).collect();
        let everything = Limits { probability_min: 0.0, ..Limits::default() };
        let all = Scan::new(&table, &model, &none, everything)?;
        let all = (0..all.parts()).flat_map(|part| all.part(part));
        let expected: Vec<Link> = all
            .filter(|link| link.probability >= Limits::default().probability_min)
            .collect();
        prop_assert_eq!(&links, &expected);
        for record in &records {
            for link in scan.links_of(record.id) {
                prop_assert!(links.contains(&link));
            }
        }
    }
}

/// Sides that stay with their records when these are shuffled.
fn in_two_by_id(mut records: Vec<dossier_linkage::Record>) -> Vec<dossier_linkage::Record> {
    records.sort_by_key(|record| record.id);
    let mut records = in_two(records);
    records.reverse();
    records
}
