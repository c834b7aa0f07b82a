//! Every test: of each crate, across services on both backend families, the clients in Python and
//! Node, and the short form of the crash harness.

use std::process::Command;

use crate::backends::Backends;
use crate::command::run;
use crate::tools;
use crate::workspace::{FAILPOINTS, Workspace};

#[derive(clap::Args)]
pub struct Options {
    /// Handed on to `cargo nextest run`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

pub fn run_all(options: &Options) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    tools::ensure(&[tools::STRINGS])?;
    build(&workspace)?;
    let backends = Backends::start()?;
    let mut tests = prepared(&workspace, &backends)?;
    tests
        .args(["--locked", "--workspace", "--features", FAILPOINTS])
        .args(&options.arguments);
    run(&mut tests)
}

/// Builds the tests and, in the same pass and with the same features, the programs that tests start.
fn build(workspace: &Workspace) -> anyhow::Result<()> {
    run(workspace
        .cargo()
        .args("build --locked --workspace --all-targets --features".split(' '))
        .arg(FAILPOINTS))
}

/// The test runner with everything the tests ask the environment for.
fn prepared(workspace: &Workspace, backends: &Backends) -> anyhow::Result<Command> {
    let mut tests = workspace.command(tools::nextest(workspace)?);
    tests
        .env("DOSSIER_TEST_POSTGRES_URL", &backends.postgres_url)
        .env("DOSSIER_TEST_REDIS_URL", &backends.redis_url)
        .env("DOSSIER_TEST_PYTHON", tools::python(workspace)?)
        .env("DOSSIER_TEST_FEBRL", tools::febrl(workspace)?)
        .env("DOSSIER_TEST_NODE_MODULES", tools::node_modules(workspace)?)
        .env_remove("DOSSIER_TEST_BACKENDS");
    tests.args(["nextest", "run", "--no-fail-fast"]);
    Ok(tests)
}
