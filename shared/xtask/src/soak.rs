//! Fault harnesses for longer than a test run, and again from the seed of a failure.

use crate::backends::Backends;
use crate::command::run;
use crate::workspace::{FAILPOINTS, Workspace};

#[derive(clap::Args)]
pub struct Options {
    /// One of the harnesses that `cargo xtask soak list` prints.
    harness: String,
    /// How many times: kills, cuts, events, tokens, as the harness counts them.
    #[arg(long)]
    cycles: Option<u64>,
    /// The seed a failing run printed; without one it is drawn.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the suite keeps its data.
    #[arg(long, value_enum, default_value_t = Backend::Sqlite)]
    backend: Backend,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Backend {
    /// Embedded SQLite and memory.
    Sqlite,
    /// PostgreSQL and Redis.
    Postgres,
}

/// A test that reads `DOSSIER_SOAK_CYCLES` and `DOSSIER_SOAK_SEED` and prints its seed.
struct Harness {
    name: &'static str,
    about: &'static str,
    /// Where the test is: package, test target, and its path without the backend.
    package: &'static str,
    target: &'static str,
    module: &'static str,
    /// Cycles of the long form.
    cycles: u64,
    /// Whether there are a test `sqlite` and a test `postgres` in the module; else the module is
    /// the test.
    backends: bool,
    /// Whether it needs programs that can be told where to end; the others run what is shipped.
    failpoints: bool,
}

const HARNESSES: &[Harness] = &[
    Harness {
        name: "kill9",
        about: "kills service and database server while all services write, and compares",
        package: "dossier-tests",
        target: "it",
        module: "crash",
        cycles: 2_000,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "tokens",
        about: "shows hostile tokens and API keys to the suite; none is let in, valid ones are",
        package: "dossier-tests",
        target: "it",
        module: "tokens::hostile_tokens_are_refused",
        cycles: 10_000,
        backends: false,
        failpoints: false,
    },
    Harness {
        name: "power",
        about: "cuts the power in recorded runs on SQLite; unsynced writes are dropped or torn",
        package: "dossier-tests",
        target: "it",
        module: "power::sqlite",
        cycles: 500,
        backends: false,
        failpoints: false,
    },
    Harness {
        name: "disk",
        about: "fills and breaks the disk; on PostgreSQL connections run out, writes are refused",
        package: "dossier-tests",
        target: "it",
        module: "disk",
        cycles: 50,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "failpoints",
        about: "ends the process between any two steps of write, feed, commit, answer, consume",
        package: "dossier-tests",
        target: "it",
        module: "failpoints",
        cycles: 440,
        backends: true,
        failpoints: true,
    },
    Harness {
        name: "fuzz",
        about: "sends spoilt requests to every RPC; each is refused, in time and by its reason",
        package: "dossier-tests",
        target: "it",
        module: "fuzz",
        cycles: 400,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "rules",
        about: "compares the two evaluators, SQL and memory, on random rules",
        package: "dossier-filter",
        target: "laws",
        module: "agreement",
        cycles: 100_000,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "overload",
        about: "asks for two and five times what the suite can do, then as one tenant of two",
        package: "dossier-tests",
        target: "it",
        module: "overload",
        cycles: 10,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "deadlines",
        about: "holds the store up; nothing is committed after the deadline of its caller",
        package: "dossier-tests",
        target: "it",
        module: "deadlines",
        cycles: 200,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "drain",
        about: "restarts replicas in turns under callers who ask again and see nothing of it",
        package: "dossier-tests",
        target: "it",
        module: "rolling",
        cycles: 100,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "redis",
        about: "kills, freezes, hides, slows and flushes Redis; no error, nothing stale",
        package: "dossier-tests",
        target: "it",
        module: "cache_faults",
        cycles: 100,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "rotation",
        about: "replaces every key while the suite serves and is killed, and reads everything back",
        package: "dossier-tests",
        target: "it",
        module: "rotation",
        cycles: 20,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "feed",
        about: "has sixteen writers publish beside a foreign transaction and validates what watchers saw (events)",
        package: "dossier-feed",
        target: "laws",
        module: "feed",
        cycles: 1_000_000,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "cuts",
        about: "cuts watches of a feed anywhere and validates what they saw",
        package: "dossier-feed",
        target: "laws",
        module: "cuts",
        cycles: 10_000,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "stream-cuts",
        about: "cuts the wire under watch streams of a suite and validates what they saw",
        package: "dossier-tests",
        target: "it",
        module: "stream_cuts",
        cycles: 600,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "follow",
        about: "kills segmentation while it applies what the others tell and compares with a replay",
        package: "dossier-tests",
        target: "it",
        module: "following",
        cycles: 200,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "idempotency",
        about: "repeats every mutation fifty times at once and over crashes (keys)",
        package: "dossier-tests",
        target: "it",
        module: "idempotency",
        cycles: 1_000,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "erasure",
        about: "erases one customer in a hundred under load, kills a service midway, looks for them (erased)",
        package: "dossier-tests",
        target: "it",
        module: "erasing",
        cycles: 1_000,
        backends: true,
        failpoints: false,
    },
    Harness {
        name: "canary",
        about: "calls every RPC with values that exist nowhere else and looks for them everywhere",
        package: "dossier-tests",
        target: "it",
        module: "canaries",
        cycles: 20,
        backends: true,
        failpoints: false,
    },
];

pub fn run_harness(options: &Options) -> anyhow::Result<()> {
    let named = HARNESSES.iter().find(|one| one.name == options.harness);
    let Some(harness) = named else {
        for one in HARNESSES {
            println!("{:12} {} ({} cycles)", one.name, one.about, one.cycles);
        }
        anyhow::ensure!(options.harness == "list", "there is no such harness");
        return Ok(());
    };
    let workspace = Workspace::find()?;
    let mut build = workspace.cargo();
    build.args(["build", "--locked", "--release", "--workspace", "--bins"]);
    if harness.failpoints {
        build.args(["--features", FAILPOINTS]);
    }
    run(&mut build)?;
    let mut test = workspace.cargo();
    test.args([
        "test",
        "--locked",
        "--release",
        "--package",
        harness.package,
    ]);
    if harness.failpoints {
        test.args(["--features", "failpoints"]);
    }
    test.args(["--test", harness.target, "--", "--exact", "--nocapture"]);
    let cycles = options.cycles.unwrap_or(harness.cycles);
    test.env("DOSSIER_SOAK_CYCLES", cycles.to_string());
    if let Some(seed) = options.seed {
        test.env("DOSSIER_SOAK_SEED", seed.to_string());
    }
    let module = harness.module;
    if !harness.backends {
        return run(test.arg(module));
    }
    match options.backend {
        Backend::Sqlite => {
            test.env("DOSSIER_TEST_BACKENDS", "sqlite");
            run(test.arg(format!("{module}::sqlite")))
        }
        Backend::Postgres => {
            let backends = Backends::start()?;
            test.env("DOSSIER_TEST_POSTGRES_URL", &backends.postgres_url);
            test.env("DOSSIER_TEST_REDIS_URL", &backends.redis_url);
            run(test.arg(format!("{module}::postgres")))
        }
    }
}
