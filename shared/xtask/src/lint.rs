//! Format, the contract's rules, what may be depended on, clippy and the rules of the house.

use std::path::Path;
use std::process::Command;

use crate::command::run;
use crate::tools;
use crate::workspace::{FAILPOINTS, Workspace};

/// The contract that clients were built against; `buf breaking` compares with it.
const BASELINE: &str = "proto/baseline.binpb";

const CLIPPY: &str = "clippy --locked --workspace --all-targets --all-features -- -D warnings";

/// The rules are in `deny.toml`.
const DENY: &str = "--locked check --hide-inclusion-graph bans licenses sources";

/// The whole workspace, so that dependencies keep the features that `cargo xtask test` builds.
const TIDY: [&str; 2] = [
    "test --locked --quiet --workspace --test it --features",
    "tidy",
];

pub fn run_all() -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    run(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    let buf = tools::buf(&workspace)?;
    run(in_root(&workspace, &buf).args(["lint", "proto"]))?;
    run(in_root(&workspace, &buf).args(["breaking", "proto", "--against", BASELINE]))?;
    let deny = tools::cargo_deny(&workspace)?;
    run(in_root(&workspace, &deny).args(DENY.split(' ')))?;
    run(workspace.cargo().args(CLIPPY.split(' ')))?;
    let [test, names] = TIDY;
    let mut tidy = workspace.cargo();
    run(tidy.args(test.split(' ')).args([FAILPOINTS, names]))
}

pub fn accept_contract() -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    let buf = tools::buf(&workspace)?;
    let image = [
        "build",
        "proto",
        "--exclude-source-info",
        "--output",
        BASELINE,
    ];
    run(in_root(&workspace, &buf).args(image))
}

fn in_root(workspace: &Workspace, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&workspace.root);
    command
}
