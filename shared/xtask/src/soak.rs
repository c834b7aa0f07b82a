//! Fault harnesses for longer than a test run, and again from the seed of a failure.

use crate::backends::Backends;
use crate::command::run;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub struct Options {
    harness: Harness,
    /// How many times the fault strikes.
    #[arg(long, default_value_t = 2_000)]
    cycles: u32,
    /// The seed a failing run printed; without one it is drawn.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the suite keeps its data.
    #[arg(long, value_enum, default_value_t = Backend::Sqlite)]
    backend: Backend,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Harness {
    /// Kills the serving process while it ingests, restarts it and compares with what it had
    /// acknowledged.
    Kill9,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Backend {
    /// Embedded SQLite and memory.
    Sqlite,
    /// PostgreSQL and Redis.
    Postgres,
}

pub fn run_harness(options: &Options) -> anyhow::Result<()> {
    let Harness::Kill9 = options.harness;
    let workspace = Workspace::find()?;
    run(workspace
        .cargo()
        .args(["build", "--locked", "--release", "--package", "dossier"]))?;
    let mut test = workspace.cargo();
    test.args([
        "test",
        "--locked",
        "--release",
        "--package",
        "dossier-tests",
        "--test",
        "it",
        "--",
    ]);
    test.args(["--exact", "--nocapture"]);
    test.env("DOSSIER_SOAK_CYCLES", options.cycles.to_string());
    if let Some(seed) = options.seed {
        test.env("DOSSIER_SOAK_SEED", seed.to_string());
    }
    match options.backend {
        Backend::Sqlite => run(test.arg("crash::sqlite")),
        Backend::Postgres => {
            let backends = Backends::start()?;
            test.env("DOSSIER_TEST_POSTGRES_URL", &backends.postgres_url);
            test.env("DOSSIER_TEST_REDIS_URL", &backends.redis_url);
            run(test.arg("crash::postgres"))
        }
    }
}
