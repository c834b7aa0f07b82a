//! W10: duplicates in the Febrl data sets without `soc_sec_id` and without labels, beside Splink 5 on
//! DuckDB with the settings of its own examples (`splink_peer.py`). Both begin with the records in memory
//! and end with the couples; starting Python is not counted.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use dossier_linkage::febrl::{Accuracy, Febrl};
use dossier_linkage::{Limits, Link, Model, Scan, Side, Table};

use crate::pairs::{Series, verdict};

const FASTER_MIN: f64 = 5.0;
/// A merge is proposed when it is more likely than not, here as in Splink's script.
const PROBABILITY_MIN: f64 = 0.5;

/// A data set, its files, and what must be found.
struct Set {
    name: &'static str,
    files: &'static [(&'static str, Side)],
    f1_min: f64,
}

const SETS: [Set; 2] = [
    Set {
        name: "febrl3",
        files: &[("dataset3", Side::Left)],
        f1_min: 0.993,
    },
    Set {
        name: "febrl4",
        files: &[("dataset4a", Side::Left), ("dataset4b", Side::Right)],
        f1_min: 0.9985,
    },
];

pub fn measure(pairs: u32, folder: &Path, python: &Path) -> anyhow::Result<()> {
    for set in &SETS {
        println!("W10 duplicates of {}, Splink and Dossier", set.name);
        let mut febrl = Febrl::default();
        for (file, side) in set.files {
            let path = folder.join(file).with_extension("csv");
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            febrl = febrl.read(&text, *side)?;
        }
        let mut faster = Series::new();
        let mut f1_worst = f64::INFINITY;
        for pair in 1..=pairs {
            let peer = splink(set, folder, python, false)?;
            let (seconds, accuracy) = find(&febrl)?;
            faster.push(peer.seconds / seconds);
            f1_worst = f1_worst.min(accuracy.f1);
            println!(
                "  {pair}: Splink {:.2} s, F1 {:.5}; Dossier {seconds:.3} s, F1 {:.5} (precision \
                 {:.5}, recall {:.5})",
                peer.seconds, peer.f1, accuracy.f1, accuracy.precision, accuracy.recall
            );
        }
        let thorough = splink(set, folder, python, true)?;
        println!(
            "  Splink comparing every field, for information: {:.2} s, F1 {:.5}",
            thorough.seconds, thorough.f1
        );
        println!(
            "  F1 {f1_worst:.5}, bar >= {}: {}; times as fast {}, bar >= {FASTER_MIN}: {}",
            set.f1_min,
            verdict(f1_worst >= set.f1_min),
            faster.shown(1),
            verdict(faster.median() >= FASTER_MIN)
        );
    }
    Ok(())
}

fn find(febrl: &Febrl) -> anyhow::Result<(f64, Accuracy)> {
    let records = febrl.records.clone();
    let start = Instant::now();
    let table = Table::new(&Febrl::schema()?, records);
    let model = Model::train(&table);
    let dismissed = BTreeSet::new();
    let scan = Scan::new(&table, &model, &dismissed, Limits::default())?;
    let links: Vec<Link> = (0..scan.parts()).flat_map(|part| scan.part(part)).collect();
    let clusters = scan.clusters(&links, PROBABILITY_MIN);
    let seconds = start.elapsed().as_secs_f64();
    Ok((seconds, febrl.accuracy(&clusters)))
}

/// What the script said.
struct Peer {
    seconds: f64,
    f1: f64,
}

fn splink(set: &Set, folder: &Path, python: &Path, all_fields: bool) -> anyhow::Result<Peer> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/splink_peer.py");
    let mut command = Command::new(python);
    command.arg(script).arg(folder);
    command.args(set.files.iter().map(|(file, _)| file));
    if all_fields {
        command.arg("--all-fields");
    }
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "Splink ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout)?;
    let last = said.lines().last().context("Splink said nothing")?;
    let said: serde_json::Value = serde_json::from_str(last)?;
    let figure = |name: &str| {
        said[name]
            .as_f64()
            .with_context(|| format!("no {name} in {last}"))
    };
    Ok(Peer {
        seconds: figure("seconds")?,
        f1: figure("f1")?,
    })
}
