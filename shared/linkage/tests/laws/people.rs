//! Records of people, some of them the same person written differently.

use std::collections::BTreeSet;

use dossier_linkage::{
    Cluster, Comparator, Couple, Error, Limits, Link, Model, Record, RecordId, Scan, Schema, Side,
    Table,
};
use proptest::prelude::*;
use proptest::sample::select;

const GIVEN: [&str; 8] = [
    "anna", "bert", "carla", "dieter", "émile", "fang", "王芳", "harriet",
];
const FAMILY: [&str; 8] = [
    "meyer", "maier", "schmidt", "smith", "li", "o'brien", "garcia", "王",
];
const STREETS: [&str; 4] = ["high street", "station road", "中山路", "rue de la paix"];

pub fn schema() -> Result<Schema, Error> {
    Schema::new(
        [
            ("given_name", Comparator::Name),
            ("family_name", Comparator::Name),
            ("date_of_birth", Comparator::Date),
            ("phone", Comparator::Code),
            ("email", Comparator::Email),
            ("street", Comparator::Text),
            ("city", Comparator::Category),
            ("income", Comparator::Number),
        ],
        &[("given_name", "family_name")],
    )
}

/// Up to this many records, of fewer people.
pub fn records(most: usize) -> impl Strategy<Value = Vec<Record>> {
    proptest::collection::vec(person(), 1..most / 2)
        .prop_flat_map(move |people| {
            let each = (select(people), 0..6_usize, any::<bool>());
            proptest::collection::vec(each, 2..most)
        })
        .prop_map(|copies| {
            let records = copies.into_iter().enumerate();
            records
                .map(|(at, (person, spoilt, swapped))| Record {
                    // Far apart and in no order of their making.
                    id: RecordId((at as u128 * 7_919) % 10_007),
                    side: Side::Left,
                    values: spoil(person, spoilt, swapped),
                })
                .collect()
        })
}

/// The same records as two data sets.
pub fn in_two(mut records: Vec<Record>) -> Vec<Record> {
    for record in records.iter_mut().step_by(2) {
        record.side = Side::Right;
    }
    records
}

fn person() -> impl Strategy<Value = Vec<Vec<String>>> {
    let name = (select(&GIVEN[..]), select(&FAMILY[..]));
    let born = (1950..2005_u32, 1..13_u32, 1..29_u32);
    let phones = proptest::collection::vec(1_000_000..9_999_999_u32, 0..3);
    (name, born, phones, select(&STREETS[..]), 1..99_u32).prop_map(
        |((given, family), (year, month, day), phones, street, number)| {
            vec![
                vec![given.to_owned()],
                vec![family.to_owned()],
                vec![format!("{year}-{month:02}-{day:02}")],
                phones.iter().map(ToString::to_string).collect(),
                vec![format!("{given}.{family}@example.org")],
                vec![format!("{number} {street}")],
                vec![street[..3].to_owned()],
                vec![(number * 1_000).to_string()],
            ]
        },
    )
}

/// Loses a value, cuts one short, or puts names into each other's place.
fn spoil(mut values: Vec<Vec<String>>, spoilt: usize, swapped: bool) -> Vec<Vec<String>> {
    match spoilt {
        0 => {}
        1 => values[2].clear(),
        2 => values[4].clear(),
        at => {
            if let Some(text) = values[at].first_mut() {
                text.pop();
            }
        }
    }
    if swapped && spoilt == 0 {
        values.swap(0, 1);
    }
    values
}

/// Everything that was found in a table.
#[derive(Debug, PartialEq)]
pub struct Found {
    pub model: Model,
    pub links: Vec<Link>,
    pub clusters: Vec<Cluster>,
}

pub fn find(records: Vec<Record>, dismissed: &BTreeSet<Couple>) -> Result<Found, Error> {
    let table = Table::new(&schema()?, records);
    let model = Model::train(&table);
    let scan = Scan::new(&table, &model, dismissed, Limits::default())?;
    let links: Vec<Link> = (0..scan.parts()).flat_map(|part| scan.part(part)).collect();
    let clusters = scan.clusters(&links, 0.5);
    Ok(Found {
        model,
        links,
        clusters,
    })
}
