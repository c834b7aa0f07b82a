//! The journeys of `tests/clients` in Python and Node, against one process and against four.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use dossier_kernel::Role;
use dossier_testkit::{Backend, Plan, Shape, Suite};
use tokio::process::Command;

const ONE_ON_SQLITE: Plan = Plan {
    backend: Backend::SqliteMemory,
    shape: Shape::OneProcess,
    log_level: "info",
};
const FOUR_ON_POSTGRES: Plan = Plan {
    backend: Backend::PostgresRedis,
    shape: Shape::FourProcesses,
    log_level: "info",
};

#[tokio::test]
async fn python_against_one_process_on_sqlite() -> anyhow::Result<()> {
    travel(ONE_ON_SQLITE, python()?).await
}

#[tokio::test]
async fn python_against_four_processes_on_postgres() -> anyhow::Result<()> {
    travel(FOUR_ON_POSTGRES, python()?).await
}

#[tokio::test]
async fn node_against_one_process_on_sqlite() -> anyhow::Result<()> {
    travel(ONE_ON_SQLITE, node()?).await
}

#[tokio::test]
async fn node_against_four_processes_on_postgres() -> anyhow::Result<()> {
    travel(FOUR_ON_POSTGRES, node()?).await
}

async fn travel(plan: Plan, mut client: Command) -> anyhow::Result<()> {
    if !plan.backend.is_wanted() {
        return Ok(());
    }
    let suite = Suite::start_as(plan).await?;
    let services = ["--profile", "--interaction", "--segmentation", "--feedback"];
    for (service, address) in services.iter().zip(suite.addresses()) {
        client
            .arg(service)
            .arg(address.trim_start_matches("http://"));
    }
    client
        .arg("--token")
        .arg(suite.token(&[Role::Admin], suite.tenant())?);
    let output = client.stdin(Stdio::null()).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the journey ended with {}:\n{said}{complained}",
        output.status
    );
    Ok(())
}

fn python() -> anyhow::Result<Command> {
    let mut command = Command::new(prepared("DOSSIER_TEST_PYTHON")?);
    command.arg(journey("python/journey.py"));
    Ok(command)
}

fn node() -> anyhow::Result<Command> {
    let mut command = Command::new("node");
    command
        .arg(journey("node/journey.js"))
        .env("NODE_PATH", prepared("DOSSIER_TEST_NODE_MODULES")?);
    Ok(command)
}

fn journey(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(file)
}

/// What `cargo xtask test` prepares.
fn prepared(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os(name).map(PathBuf::from);
    path.with_context(|| format!("{name} is not set: run the tests with `cargo xtask test`"))
}
