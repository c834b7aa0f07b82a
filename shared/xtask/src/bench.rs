//! Speed beside its ceiling, both measured in the same run (`tests/bench`).

use crate::command::run;
use crate::tools;
use crate::workspace::Workspace;

#[derive(clap::Args)]
pub struct Options {
    /// Which to measure; all when none is named.
    workloads: Vec<Workload>,
    /// How many interleaved pairs of ceiling and suite.
    #[arg(long, default_value_t = 7)]
    pairs: u32,
    /// How many customers are searched.
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Workload {
    /// Reading one customer, beside a bare echo of the same bytes.
    W1,
    /// What access, encryption and audit take of W1.
    W13,
    /// Durable single writes by 64 clients, beside the disk's flush rate.
    W2,
    /// Streamed durable writes, beside a raw bulk insert with the same indexes.
    W3,
    /// Finding duplicates in data sets where they are known, beside Splink.
    W10,
    /// Start on existing data to the first answer, and memory at rest.
    Start,
    /// Sealing and opening a customer, beside the bare cipher over the same bytes.
    Seal,
    /// Search, look-up and list among many customers, and what it takes to import them.
    Search,
}

impl Workload {
    const fn name(self) -> &'static str {
        match self {
            Self::W1 => "w1",
            Self::W13 => "w13",
            Self::W2 => "w2",
            Self::W3 => "w3",
            Self::W10 => "w10",
            Self::Start => "start",
            Self::Seal => "seal",
            Self::Search => "search",
        }
    }
}

pub fn run_all(options: &Options) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let programs = [
        "--package",
        "dossier",
        "--package",
        "dossier-tests",
        "--bins",
    ];
    run(workspace
        .cargo()
        .args(["build", "--locked", "--release"])
        .args(programs))?;
    let mut bench = std::process::Command::new(workspace.target.join("release/dossier-bench"));
    bench.arg("--pairs").arg(options.pairs.to_string());
    bench.arg("--customers").arg(options.customers.to_string());
    bench.args(options.workloads.iter().map(|workload| workload.name()));
    if options.workloads.is_empty() || options.workloads.contains(&Workload::W10) {
        bench.arg("--febrl").arg(tools::febrl(&workspace)?);
        bench.arg("--splink").arg(tools::splink(&workspace)?);
    }
    run(&mut bench)
}
