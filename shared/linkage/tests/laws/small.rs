//! Tables of a few records, where belief must carry what counts cannot.

use std::collections::BTreeSet;

use dossier_linkage::{Comparator, Couple, Error, Limits, Model, Record, RecordId, Scan, Table};

use crate::people::{find, schema};

fn record(id: u128, values: [&str; 8]) -> Record {
    Record {
        id: RecordId(id),
        values: values
            .iter()
            .map(|value| vec![(*value).to_owned()])
            .collect(),
        ..Record::default()
    }
}

fn anna() -> Record {
    record(
        1,
        [
            "Anna",
            "Meyer",
            "1980-02-03",
            "4915112345678",
            "anna@example.org",
            "1 High Street",
            "Ely",
            "",
        ],
    )
}

#[test]
fn two_records_that_share_everything_but_a_typing_error_are_one_person() -> Result<(), Error> {
    let mut copy = anna();
    copy.id = RecordId(2);
    copy.values[1] = vec!["Meyr".to_owned()];
    let other = record(
        3,
        [
            "Bert",
            "Li",
            "1999-11-30",
            "4917099999999",
            "bert@example.net",
            "7 Station Road",
            "Ely",
            "",
        ],
    );
    let found = find(vec![anna(), copy, other], &BTreeSet::new())?;
    let members: Vec<_> = found
        .clusters
        .iter()
        .map(|cluster| &cluster.members)
        .collect();
    assert_eq!(members, [&vec![RecordId(1), RecordId(2)]]);
    Ok(())
}

#[test]
fn two_records_that_share_a_name_and_a_city_are_not() -> Result<(), Error> {
    let namesake = record(
        2,
        [
            "Anna",
            "Meyer",
            "1951-07-29",
            "4917088888888",
            "meyer@example.com",
            "12 Mill Lane",
            "Ely",
            "",
        ],
    );
    let found = find(vec![anna(), namesake], &BTreeSet::new())?;
    assert!(found.clusters.is_empty(), "{found:?}");
    Ok(())
}

#[test]
fn nothing_is_found_where_there_is_nothing() -> Result<(), Error> {
    for records in [vec![], vec![anna()], vec![Record::default(), anna()]] {
        let found = find(records, &BTreeSet::new())?;
        assert!(found.links.is_empty() && found.clusters.is_empty());
    }
    Ok(())
}

#[test]
fn names_in_each_others_place_are_seen() -> Result<(), Error> {
    let mut swapped = anna();
    swapped.id = RecordId(2);
    swapped.values.swap(0, 1);
    let table = Table::new(&schema()?, [anna(), swapped]);
    let model = Model::train(&table);
    let none = BTreeSet::new();
    let scan = Scan::new(&table, &model, &none, Limits::default())?;
    let evidence = scan.evidence(Couple::of(RecordId(1), RecordId(2)));
    let levels: Vec<_> = evidence.iter().map(|evidence| evidence.level).collect();
    assert_eq!(levels[..3], ["exchanged", "exchanged", "equal"]);
    assert_eq!(levels[7], "missing");
    assert!(evidence[0].weight > 0.0);
    Ok(())
}

#[test]
fn of_several_values_the_best_agreement_counts() -> Result<(), Error> {
    let mut moved = anna();
    moved.id = RecordId(2);
    moved.values[3].insert(0, "4917011111111".to_owned());
    let model = Model::train(&Table::new(&schema()?, [anna(), moved.clone()]));
    let compared = model.compare(anna(), [moved]);
    assert_eq!(compared[0].evidence[3].level, Comparator::Code.levels()[0]);
    Ok(())
}

#[test]
fn a_model_of_other_fields_is_refused() -> Result<(), Error> {
    let other = dossier_linkage::Schema::new([("name", Comparator::Name)], &[])?;
    let model = Model::train(&Table::new(&other, []));
    let table = Table::new(&schema()?, [anna()]);
    let none = BTreeSet::new();
    let scan = Scan::new(&table, &model, &none, Limits::default());
    assert_eq!(scan.err(), Some(Error::OtherSchema));
    Ok(())
}
