//! No name, phone, e-mail or word of a customer is written in the clear: not by any RPC of the
//! contract, well or badly asked, at the finest level of logging, to any of the places a process
//! writes to. And the search that says so finds what is planted in each of these places.

mod aviary;
mod collector;
mod errors;
mod places;
mod walk;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use dossier_testkit::{Backend, Cluster, Dice, Plan, Scene, Shape, Soak, Suite, canary, harness};

use aviary::Aviary;
use collector::Collector;
use errors::Errors;
use places::Places;

harness!("canary", in_one_process, 1);

mod by_four {
    dossier_testkit::harness!("canary", super::in_four_processes, 1);
}

async fn in_one_process(soak: &mut Soak) -> anyhow::Result<()> {
    nothing_personal_is_written_in_the_clear(soak, Shape::OneProcess).await
}

async fn in_four_processes(soak: &mut Soak) -> anyhow::Result<()> {
    nothing_personal_is_written_in_the_clear(soak, Shape::FourProcesses).await
}

async fn nothing_personal_is_written_in_the_clear(
    soak: &mut Soak,
    shape: Shape,
) -> anyhow::Result<()> {
    let backend = soak.backend;
    // A server of its own, so that its log and its data can be searched.
    let cluster = match backend {
        Backend::SqliteMemory => None,
        Backend::PostgresRedis => Some(Cluster::start(&[]).await?),
    };
    let plan = Plan {
        backend,
        shape,
        log_level: "trace",
    };
    let mut suite = Suite::prepare(plan, cluster.as_ref())?;
    let collector = Collector::start(&suite.dir().join("otlp.bin")).await?;
    let places = Places::prepare(&mut suite, cluster.as_ref(), &collector)?;
    suite.start_again().await?;

    let mut aviary = Aviary::hatch(Dice::new(soak.dice.roll()));
    let errors = Errors::write_to(&suite.dir().join("errors.bin"))?;
    let mut clients = suite.clients()?;
    let mut missed = Vec::new();
    for _ in 0..soak.cycles {
        aviary.import(&mut clients).await?;
        let customer = aviary.create(&mut clients).await?;
        aviary.talk(&mut clients, &customer).await?;
        aviary.be_refused(&mut clients).await?;
        let marker = aviary.word("value of an example");
        let scene = Scene::new(suite.caller()?, &marker);
        missed = walk::every_rpc(&suite, &scene, &errors, &mut aviary).await?;
    }

    // While it runs, so that the write-ahead logs are still there; then what a stop leaves behind.
    places.collect(&suite).await?;
    let hits = canary::scan(suite.dir(), &aviary.values)?;
    expect_none(&hits, &aviary)?;
    suite.terminate()?;
    suite.wait(Duration::from_secs(25)).await?;
    places.dump(&suite)?;
    let hits = search(&places, &suite, &aviary.values)?;
    expect_none(&hits, &aviary)?;

    // The same search must find a canary in every one of these places.
    let planted = aviary.word("planted canary");
    let names = places.plant(&suite, &collector, &planted).await?;
    let hits = search(&places, &suite, &[planted])?;
    for (name, path) in names {
        let found = hits.iter().any(|hit| hit.file.starts_with(&path));
        ensure!(found, "a canary planted in {name} is not found: {hits:?}");
    }
    ensure!(
        missed.is_empty(),
        "RPCs that the canaries did not go through:\n{}",
        missed.join("\n")
    );
    Ok(())
}

fn search(places: &Places, suite: &Suite, values: &[String]) -> anyhow::Result<Vec<canary::Hit>> {
    let mut hits = Vec::new();
    for folder in places.folders(suite) {
        hits.extend(canary::scan(&folder, values).context("the search")?);
    }
    Ok(hits)
}

fn expect_none(hits: &[canary::Hit], aviary: &Aviary) -> anyhow::Result<()> {
    let told: Vec<_> = hits
        .iter()
        .map(|hit| {
            let (file, form) = (hit.file.display(), hit.form);
            format!("{file} ({form}): {}", aviary.kinds[hit.canary])
        })
        .collect();
    let seed = aviary.dice.seed;
    ensure!(
        told.is_empty(),
        "seed {seed}: in the clear:\n{}",
        told.join("\n")
    );
    Ok(())
}
