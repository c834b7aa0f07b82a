//! The process ends between any two steps of write → feed → commit → acknowledge → consume.
//!
//! Each cycle starts the suite with one place armed, writes until the place is passed for the n-th
//! time, ends the process where that has not, starts again and compares with the book: nothing
//! acknowledged is lost, what is asked again happens once, and segmentation's state is what a rebuild
//! from the feeds makes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_testkit::{Backend, Clients, Dice, Plan, Shape, Soak, Suite, harness};

use crate::book::{self, Book};

const PLACES: [&str; 11] = [
    "db::before_begin",
    "db::after_job",
    "feed::before_append",
    "feed::after_append",
    "db::before_commit",
    "db::after_commit",
    "db::before_answer",
    "consumer::before_apply",
    "consumer::between",
    "consumer::after_apply",
    "consumer::after_commit",
];
/// `return` aborts: nothing is unwound and nothing is closed.
const ENDS: [&str; 2] = ["panic", "return"];
/// Every place once with either end.
const CYCLES_SQLITE: u64 = 22;
/// Starting takes longer here: some places, others in the next run.
const CYCLES_POSTGRES: u64 = 5;
/// A place is passed so often before the process ends there.
const PASSED: std::ops::Range<u64> = 0..60;
const PASS_TIMEOUT: Duration = Duration::from_secs(20);
/// So many acknowledgements that there were far more commits than 40, though writers share them.
const ENOUGH: usize = 500;
const ENOUGH_TIMEOUT: Duration = Duration::from_secs(20);
/// What a process may do after a panic.
const AFTERMATH: Duration = Duration::from_millis(30);

harness!("failpoints", run, sqlite: CYCLES_SQLITE, postgres: CYCLES_POSTGRES);

/// A writer that answers without having committed: often enough that somebody was answered, since
/// jobs of the suite's own commit in between.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_without_a_commit_is_noticed() -> anyhow::Result<()> {
    let noticed = notices("db::forget_commit=40*off->40*return").await?;
    ensure!(
        noticed.contains("lost") || noticed.contains("refused"),
        "{noticed}"
    );
    Ok(())
}

/// A consumer that moves its cursor without applying the events before it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_applied_is_noticed() -> anyhow::Result<()> {
    let noticed = notices("consumer::forget_effects=3*off->5*return").await?;
    ensure!(
        noticed.contains("rebuilt") || noticed.contains("counts"),
        "{noticed}"
    );
    Ok(())
}

/// What the harness says of a suite with this bug.
async fn notices(bug: &str) -> anyhow::Result<String> {
    let mut dice = Dice::random();
    let mut suite = Suite::prepare(plan(Backend::SqliteMemory), None)?;
    arm(&mut suite, bug);
    suite.start_again().await?;
    let mut book = Book::open(&suite.clients()?, &mut dice, None).await?;
    let clients = suite.clients()?;
    let begun = Instant::now();
    let mut noticed: anyhow::Result<()> = Ok(());
    while noticed.is_ok() && book.acknowledged_count() < ENOUGH && begun.elapsed() < ENOUGH_TIMEOUT
    {
        // Written in pieces, to look at the clock between them.
        let a_while = tokio::time::sleep(Duration::from_secs(1));
        noticed = book.write(&clients, a_while).await.map(drop);
    }
    if noticed.is_ok() {
        suite.kill()?;
        suite.set_environment(Vec::new());
        suite.start_again().await?;
        noticed = compare(&mut book, &suite.clients()?).await;
    }
    let noticed = noticed.err().context("not noticed")?;
    eprintln!("noticed: {noticed:#}");
    Ok(format!("{noticed:#}"))
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let dice = &mut soak.dice;
    let mut suite = Suite::start_as(plan(soak.backend)).await?;
    let mut book = Book::open(&suite.clients()?, dice, None).await?;
    let first = dice.within(0..PLACES.len() as u64 * 2);
    for cycle in first..first + soak.cycles {
        let place = PLACES[usize::try_from(cycle)? % PLACES.len()];
        // The other end in the next round.
        let round = cycle / PLACES.len() as u64 + cycle;
        let end = ENDS[usize::try_from(round % 2)?];
        let count = dice.within(PASSED);
        let armed = format!("{place}={count}*off->1*{end}");
        cycle_once(&mut suite, &mut book, &armed, place)
            .await
            .with_context(|| format!("in cycle {cycle}, with FAILPOINTS={armed}"))?;
    }
    book.compare(&suite.clients()?, book::NOW).await?;
    book.count(&suite.clients()?).await?;
    eprintln!(
        "{} ends between two steps, {} changes acknowledged: 0 lost, 0 doubled, state as rebuilt",
        soak.cycles,
        book.acknowledged_count()
    );
    Ok(())
}

async fn cycle_once(
    suite: &mut Suite,
    book: &mut Book,
    armed: &str,
    place: &str,
) -> anyhow::Result<()> {
    suite.kill()?;
    let before = suite.log()?.len();
    arm(suite, armed);
    match suite.start_again().await {
        Ok(()) => {
            let clients = suite.clients()?;
            let passed = passed(suite, place, before);
            book.write(&clients, passed).await?.0?;
        }
        // A start writes too, and may end at the place: a moment like any other. One that ends for
        // another reason is a failure.
        Err(error) => ensure!(
            format!("{error:#}").contains("SIGABRT") || panicked_at(suite, place, before)?,
            "{error:#}"
        ),
    }
    // A process that aborted is gone already.
    let _ = suite.kill();
    suite.set_environment(Vec::new());
    suite.start_again().await?;
    let clients = suite.clients()?;
    book.repeat(&clients).await?;
    book.compare_new(&clients).await?;
    book.settle(&clients).await
}

/// Waits until the process has panicked there or is gone.
async fn passed(suite: &mut Suite, place: &str, before: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < PASS_TIMEOUT {
        if suite.check_running().is_err() {
            return Ok(());
        }
        if panicked_at(suite, place, before)? {
            // The process goes on, and what it acknowledges now counts too.
            tokio::time::sleep(AFTERMATH).await;
            return Ok(());
        }
        // Looking at the log costs the suite time.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bail!("{place} was not passed: was the program built with `--features dossier/failpoints`?")
}

fn panicked_at(suite: &Suite, place: &str, before: usize) -> anyhow::Result<bool> {
    Ok(suite.log()?[before..].contains(&format!("failpoint {place} panic")))
}

async fn compare(book: &mut Book, clients: &Clients) -> anyhow::Result<()> {
    book.repeat(clients).await?;
    book.compare(clients, book::NOW).await?;
    book.count(clients).await?;
    book.settle(clients).await
}

fn arm(suite: &mut Suite, failpoints: &str) {
    suite.set_environment(vec![("FAILPOINTS".to_owned(), failpoints.to_owned())]);
}

const fn plan(backend: Backend) -> Plan {
    Plan {
        backend,
        shape: Shape::OneProcess,
        log_level: "warn",
    }
}
