//! kill -9 while all four services write: what was acknowledged is there, once, and segmentation's
//! state is what a rebuild from the feeds makes. On PostgreSQL the database server is killed too,
//! alone or together with the service.
//!
//! The books of acknowledgements are kept outside the killed processes. Each cycle writes new
//! things, repeats what the cycle before left unanswered and a few that were already acknowledged,
//! until the kill; then everything starts again on its data and is compared with the books.

mod ingest;
mod rig;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use dossier_proto::interaction::v1 as interaction;
use dossier_testkit::{Backend, Dice, Soak, harness};
use interaction::ingest_result::Outcome;

use crate::book::{self, Book};
use ingest::Ingest;
use rig::{Rig, Victim};

const CYCLES_SQLITE: u64 = 50;
const CYCLES_POSTGRES: u64 = 6;
/// Besides the end, so often everything is compared and not only what is new.
const WHOLE_COMPARISONS: u64 = 5;
/// When the kill comes.
const MICROSECONDS: std::ops::Range<u64> = 1_000..150_000;

harness!("kill9", run, sqlite: CYCLES_SQLITE, postgres: CYCLES_POSTGRES);

/// A harness that cannot fail proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_and_a_doubled_event_are_noticed() -> anyhow::Result<()> {
    let mut dice = Dice::random();
    let mut rig = Rig::start(Backend::SqliteMemory).await?;
    let mut ingest = Ingest::open(rig.suite.clients()?, &mut dice).await?;
    while ingest.acknowledged.is_empty() {
        let queue = ingest.queue(0, &mut dice);
        // The time is how much is written.
        let enough = tokio::time::sleep(Duration::from_millis(300));
        ingest.write(&rig.suite.clients()?, queue, enough).await?;
    }
    ingest.compare(&rig.suite.clients()?, 0).await?;

    rig.kill(Victim::Service)?;
    let (lost, name) = ingest.acknowledged.first_key_value().context("an event")?;
    let (lost, name) = (lost.clone(), name.clone());
    let database = rig.suite.dir().join("data/dossier-interaction.db");
    let deleted = rusqlite::Connection::open(database)?.execute(
        "DELETE FROM interaction WHERE source = 'crash' AND event_id = ?1",
        [&lost],
    )?;
    ensure!(deleted == 1, "the row was not found");
    rig.heal().await?;
    let compared = ingest.compare(&rig.suite.clients()?, 0).await;
    let noticed = compared.err().context("not noticed")?;
    ensure!(
        noticed.to_string() == format!("event {lost} ({name}) is lost"),
        "{noticed}"
    );

    let again = interaction::IngestResult {
        position: lost.parse()?,
        outcome: Some(Outcome::Name("interactions/another".to_owned())),
        duplicate: true,
    };
    let noticed = ingest.note(again).err().context("not noticed")?;
    ensure!(noticed.to_string().ends_with("doubled"), "{noticed}");
    Ok(())
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let dice = &mut soak.dice;
    let mut rig = Rig::start(soak.backend).await?;
    let clients = rig.suite.clients()?;
    let mut ingest = Ingest::open(clients.clone(), dice).await?;
    let mut book = Book::open(&clients, dice, None).await?;
    book.expect_customers(&ingest.customers);
    let whole_every = (soak.cycles / WHOLE_COMPARISONS).max(10);
    for cycle in 0..soak.cycles {
        let victim = rig.pick(dice);
        cycle_once(&mut rig, &mut ingest, &mut book, dice, (cycle, victim))
            .await
            .with_context(|| format!("after kill {cycle}, of {victim:?}"))?;
        if cycle % whole_every == whole_every - 1 {
            compare_whole(&rig, &mut ingest, &mut book, cycle).await?;
        }
    }
    compare_whole(&rig, &mut ingest, &mut book, soak.cycles).await?;
    eprintln!(
        "{} kills, {} events and {} other changes acknowledged: 0 lost, 0 doubled, state as rebuilt",
        soak.cycles,
        ingest.acknowledged.len(),
        book.acknowledged_count()
    );
    Ok(())
}

async fn cycle_once(
    rig: &mut Rig,
    ingest: &mut Ingest,
    book: &mut Book,
    dice: &mut Dice,
    (cycle, victim): (u64, Victim),
) -> anyhow::Result<()> {
    let clients = rig.suite.clients()?;
    let queue = ingest.queue(cycle, dice);
    let (killed, mut dead) = tokio::sync::watch::channel(false);
    let kill = async {
        // Each cycle dies at another moment.
        tokio::time::sleep(Duration::from_micros(dice.within(MICROSECONDS))).await;
        let done = rig.kill(victim);
        killed.send_replace(true);
        done
    };
    let ended = async {
        let _ = dead.wait_for(|dead| *dead).await;
    };
    let ingesting = ingest.write(&clients, queue, ended);
    let (written, ingested) = tokio::join!(book.write(&clients, kill), ingesting);
    written?.0?;
    ingested?;
    rig.heal().await?;
    let clients = rig.suite.clients()?;
    book.repeat(&clients).await?;
    book.compare_new(&clients).await?;
    ingest.compare(&clients, cycle.saturating_sub(1)).await
}

async fn compare_whole(
    rig: &Rig,
    ingest: &mut Ingest,
    book: &mut Book,
    cycle: u64,
) -> anyhow::Result<()> {
    let clients = rig.suite.clients()?;
    ingest.compare(&clients, 0).await?;
    book.compare(&clients, book::NOW).await?;
    book.count(&clients).await?;
    ingest.settle(&clients).await?;
    book.settle(&clients)
        .await
        .with_context(|| format!("in cycle {cycle}"))
}
