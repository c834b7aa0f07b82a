#![doc = include_str!("../README.md")]

mod backends;
mod bench;
mod command;
mod lint;
mod sbom;
mod soak;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Tests, lints, benches and soaks of Dossier.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Runs every test on SQLite + memory and on PostgreSQL + Redis.
    Test(test::Options),
    /// Checks format, clippy, the contract and the rules of the house.
    Lint,
    /// Prints the bill of materials of what is shipped, as CycloneDX 1.5.
    Sbom,
    /// Records the contract as it is now as the one `buf breaking` compares with.
    Baseline,
    /// Measures speed beside its ceiling in the same run and prints ratios.
    Bench(bench::Options),
    /// Runs a fault harness for longer than a test run does.
    Soak(soak::Options),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Test(options) => test::run_all(&options),
        Task::Lint => lint::run_all(),
        Task::Sbom => sbom::print(),
        Task::Baseline => lint::accept_contract(),
        Task::Bench(options) => bench::run_all(&options),
        Task::Soak(options) => soak::run_harness(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
