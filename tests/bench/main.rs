//! Speed beside its ceiling: both measured in the same run, in turns, so that a noisy machine moves
//! both. Prints every pair, then the median ratio with its spread and the bar. `cargo xtask bench`.

mod echo;
mod load;
mod pairs;
mod seal;
mod search;
mod start;
mod w1;
mod w10;
mod w13;
mod w2;
mod w3;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;

/// Measures the suite beside its ceilings.
#[derive(Parser)]
struct Options {
    /// Which to measure; all when none is named.
    workloads: Vec<Workload>,
    /// How many interleaved pairs of ceiling and suite.
    #[arg(long, default_value_t = 7)]
    pairs: u32,
    /// Serves the echo that W1 is compared with: answers every GetCustomer with this file's bytes.
    #[arg(long, hide = true, requires = "port")]
    echo: Option<PathBuf>,
    #[arg(long, hide = true)]
    port: Option<u16>,
    /// How many customers are searched.
    #[arg(long, default_value_t = 1_000_000)]
    customers: u64,
    /// The folder of the Febrl data sets, for W10.
    #[arg(long, hide = true)]
    febrl: Option<PathBuf>,
    /// A Python that has Splink, for W10.
    #[arg(long, hide = true)]
    splink: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Workload {
    /// GetCustomer beside a bare tonic echo of the same bytes.
    W1,
    /// Durable RecordInteraction by 64 clients beside the disk's flush rate.
    W2,
    /// What access, encryption and audit take of W1.
    W13,
    /// IngestInteractions beside a raw SQLite bulk insert with the same indexes.
    W3,
    /// Finding duplicates in the Febrl data sets beside Splink.
    W10,
    /// Start on existing data to the first answer, and memory at rest.
    Start,
    /// Sealing and opening a customer beside the bare cipher.
    Seal,
    /// Search, look-up and list among many customers, and what it takes to import them.
    Search,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let (Some(answer), Some(port)) = (&options.echo, options.port) {
        return echo::serve(answer, port).await;
    }
    let all = options.workloads.is_empty();
    let wanted = |workload| all || options.workloads.contains(&workload);
    if wanted(Workload::W1) {
        w1::measure(options.pairs).await?;
    }
    if wanted(Workload::W13) {
        w13::measure(options.pairs).await?;
    }
    if wanted(Workload::W2) {
        w2::measure(options.pairs).await?;
    }
    if wanted(Workload::W3) {
        w3::measure(options.pairs).await?;
    }
    if wanted(Workload::W10) {
        let prepared = options.febrl.as_deref().zip(options.splink.as_deref());
        let (febrl, splink) = prepared.context("W10 is run by `cargo xtask bench w10`")?;
        w10::measure(options.pairs, febrl, splink)?;
    }
    if wanted(Workload::Start) {
        start::measure(options.pairs).await?;
    }
    if wanted(Workload::Seal) {
        seal::measure(options.pairs).await?;
    }
    if wanted(Workload::Search) {
        search::measure(options.customers).await?;
    }
    Ok(())
}
