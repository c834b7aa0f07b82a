//! Accuracy on data sets whose duplicates are known: W10. `cargo xtask test` fetches them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use dossier_linkage::febrl::Febrl;
use dossier_linkage::{Cluster, Limits, Model, Record, Scan, Side, Table};

/// A merge is proposed when it is more likely than not.
const PROBABILITY_MIN: f64 = 0.5;

#[test]
fn febrl3_duplicates_are_found() -> anyhow::Result<()> {
    let febrl = Febrl::default().read(&file("dataset3.csv")?, Side::Left)?;
    let accuracy = febrl.accuracy(&find(febrl.records.clone())?);
    println!("febrl3: {accuracy:?}");
    assert!(accuracy.f1 >= 0.993, "{accuracy:?}");
    Ok(())
}

#[test]
fn febrl4_links_are_found() -> anyhow::Result<()> {
    let febrl = febrl4()?;
    let accuracy = febrl.accuracy(&find(febrl.records.clone())?);
    println!("febrl4: {accuracy:?}");
    assert!(accuracy.f1 >= 0.9985, "{accuracy:?}");
    Ok(())
}

#[test]
fn every_run_finds_the_same() -> anyhow::Result<()> {
    let records = febrl4()?.records;
    let backwards = records.iter().rev().cloned().collect();
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let first = find(records)?;
    let second = alone.install(|| find(backwards))?;
    assert!(
        first == second,
        "another order on one thread changes what is found"
    );
    Ok(())
}

fn find(records: Vec<Record>) -> anyhow::Result<Vec<Cluster>> {
    let table = Table::new(&Febrl::schema()?, records);
    let model = Model::train(&table);
    let dismissed = BTreeSet::new();
    let scan = Scan::new(&table, &model, &dismissed, Limits::default())?;
    let links: Vec<_> = (0..scan.parts()).flat_map(|part| scan.part(part)).collect();
    Ok(scan.clusters(&links, PROBABILITY_MIN))
}

fn febrl4() -> anyhow::Result<Febrl> {
    let febrl = Febrl::default().read(&file("dataset4a.csv")?, Side::Left)?;
    Ok(febrl.read(&file("dataset4b.csv")?, Side::Right)?)
}

fn file(name: &str) -> anyhow::Result<String> {
    let folder = std::env::var_os("DOSSIER_TEST_FEBRL")
        .context("DOSSIER_TEST_FEBRL is not set: run the tests with `cargo xtask test`")?;
    let path = PathBuf::from(folder).join(name);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}
