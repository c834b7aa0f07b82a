//! The power fails: what was acknowledged before is on the disk.
//!
//! A suite writes for a while, stops and writes again, with every write and sync recorded. Then the
//! power fails at many moments of that recording: of each file everything up to its last finished
//! sync is kept, of what came later any sectors, in any order. The suite starts on what is left and
//! is compared with the acknowledgements that had arrived before that moment.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dossier_testkit::disk::{Image, Recording, Shim};
use dossier_testkit::{Backend, Dice, Plan, Shape, Soak, Suite};

use crate::book::{self, Book};

/// In a test run.
const CUTS: u64 = 12;
/// One recording serves so many cuts.
const CUTS_PER_RECORDING: u64 = 60;
const MILLISECONDS: std::ops::Range<u64> = 300..900;
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// So many cuts of a hundred come while the suite starts for the first time.
const EARLY_PERCENT: u64 = 5;

const PLAN: Plan = Plan {
    backend: Backend::SqliteMemory,
    shape: Shape::OneProcess,
    log_level: "warn",
};

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() -> anyhow::Result<()> {
    let mut soak = Soak::begin("power", Backend::SqliteMemory, CUTS)?;
    run(&mut soak).await.with_context(|| soak.again())
}

/// With `synchronous=NORMAL` SQLite syncs its log now and then only. A harness that sees no loss
/// then would see none ever.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn the_loss_that_synchronous_normal_allows_is_noticed() -> anyhow::Result<()> {
    let mut dice = Dice::random();
    eprintln!("seed {}", dice.seed);
    let mut night = Night::record(&mut dice, Some("db::synchronous_normal=return")).await?;
    // The first loss ends it.
    let cuts = 5 * CUTS;
    for _ in 0..cuts {
        let Err(noticed) = night.cut(&mut dice).await else {
            continue;
        };
        let words = format!("{noticed:#}");
        // Where looking takes long, reads may be refused before the loss is come to.
        if words.contains("cannot be written down") {
            night.suite.kill()?;
            continue;
        }
        ensure!(words.contains("is lost"), "{words}");
        eprintln!("noticed: {words}");
        return Ok(());
    }
    anyhow::bail!("{cuts} cuts and no loss, though nothing was synced")
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let dice = &mut soak.dice;
    let mut left = soak.cycles;
    let mut acknowledged = 0;
    while left > 0 {
        let mut night = Night::record(dice, None).await?;
        acknowledged += night.book.acknowledged_count();
        for _ in 0..left.min(CUTS_PER_RECORDING) {
            if let Err(error) = night.cut(dice).await {
                let kept = night.keep();
                return Err(error.context(format!("the disk is kept in {}", kept.display())));
            }
            left -= 1;
        }
    }
    eprintln!(
        "{} cuts of the power, {acknowledged} changes acknowledged: 0 lost, all files sound",
        soak.cycles
    );
    Ok(())
}

/// A recorded run.
struct Night {
    suite: Suite,
    book: Book,
    recording: Recording,
    /// When the suite served for the first time.
    begun: u64,
}

impl Night {
    async fn record(dice: &mut Dice, failpoints: Option<&str>) -> anyhow::Result<Self> {
        let mut suite = Suite::prepare(PLAN, None)?;
        let log = suite.dir().join("disk.log");
        let data = suite.dir().join("data");
        let shim = Shim::on(&data)?.recording_to(&log);
        let mut environment = shim.environment();
        environment.extend(failpoints.map(|text| ("FAILPOINTS".to_owned(), text.to_owned())));
        suite.set_environment(environment);
        suite.start_again().await?;
        let begun = std::fs::metadata(&log)?.len();
        let mut book = Book::open(&suite.clients()?, dice, Some(log.clone())).await?;
        write(&suite, &mut book, dice).await?;
        // A start in between, so that SQLite folds its logs into the files and begins new ones.
        stop(&mut suite).await?;
        suite.start_again().await?;
        write(&suite, &mut book, dice).await?;
        stop(&mut suite).await?;
        let recording = Recording::read(&log)?;
        ensure!(
            recording.whole() == Image::read(&data)?,
            "the recording lacks something that was written"
        );
        suite.set_environment(Vec::new());
        Ok(Self {
            suite,
            book,
            recording,
            begun,
        })
    }

    /// The power fails once more, at another moment.
    async fn cut(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let early = dice.within(0..100) < EARLY_PERCENT;
        let moments = if early {
            0..self.begun
        } else {
            self.begun..self.recording.end() + 1
        };
        let position = dice.within(moments);
        let data = self.suite.dir().join("data");
        self.recording.cut(position, dice).write(&data)?;
        self.start_and_compare(position)
            .await
            .with_context(|| format!("the power failed after {position} bytes of the recording"))?;
        self.suite.kill()?;
        book::check_files(&data)
    }

    async fn start_and_compare(&mut self, position: u64) -> anyhow::Result<()> {
        self.suite.start_again().await?;
        self.book.compare(&self.suite.clients()?, position).await
    }

    /// Keeps what is on the disk now, for a look.
    fn keep(mut self) -> PathBuf {
        // It may be down already.
        let _ = self.suite.kill();
        self.suite.keep()
    }
}

async fn write(suite: &Suite, book: &mut Book, dice: &mut Dice) -> anyhow::Result<()> {
    // The time is how much is written.
    let enough = tokio::time::sleep(Duration::from_millis(dice.within(MILLISECONDS)));
    let ((), outcome) = book.write(&suite.clients()?, enough).await?;
    ensure!(
        outcome.acknowledged_count() > 0,
        "nothing was acknowledged: {outcome:?}"
    );
    Ok(())
}

async fn stop(suite: &mut Suite) -> anyhow::Result<()> {
    suite.terminate()?;
    suite.wait(STOP_TIMEOUT).await?;
    Ok(())
}
