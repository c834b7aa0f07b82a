//! How long a harness runs and what it draws: as in the test run, or as `cargo xtask soak` says.

use anyhow::Context as _;

use crate::{Backend, Dice};

/// One run of a harness.
pub struct Soak {
    pub backend: Backend,
    /// How often, as the harness counts.
    pub cycles: u64,
    pub dice: Dice,
    again: String,
}

impl Soak {
    /// Begins and does it, unless the test run leaves the backend out; an error says how to repeat it.
    /// What [`harness!`](crate::harness) calls.
    pub async fn run(
        harness: &str,
        backend: Backend,
        short: u64,
        run: impl AsyncFnOnce(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if !backend.is_wanted() {
            return Ok(());
        }
        let mut soak = Self::begin(harness, backend, short)?;
        run(&mut soak).await.with_context(|| soak.again())
    }

    /// `harness` is its name in `cargo xtask soak list`, `short` what it does in a test run. Says
    /// on standard error what it is about to do.
    pub fn begin(harness: &str, backend: Backend, short: u64) -> anyhow::Result<Self> {
        let cycles = number("DOSSIER_SOAK_CYCLES")?.unwrap_or(short);
        let dice = number("DOSSIER_SOAK_SEED")?.map_or_else(Dice::random, Dice::new);
        let family = match backend {
            Backend::SqliteMemory => "sqlite",
            Backend::PostgresRedis => "postgres",
        };
        let again = format!(
            "cargo xtask soak {harness} --backend {family} --cycles {cycles} --seed {}",
            dice.seed
        );
        eprintln!("this run again: {again}");
        Ok(Self {
            backend,
            cycles,
            dice,
            again,
        })
    }

    /// The command that repeats this run, for the context of an error.
    pub fn again(&self) -> String {
        format!("again by `{}`", self.again)
    }
}

fn number(name: &str) -> anyhow::Result<Option<u64>> {
    let text = std::env::var(name).ok();
    text.map(|text| text.parse().with_context(|| format!("{name} is no number")))
        .transpose()
}
