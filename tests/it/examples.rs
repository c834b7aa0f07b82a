//! Every RPC of the contract has an example, and every example succeeds: what the walks over the
//! contract stand on.

use anyhow::{Context as _, ensure};
use dossier_testkit::{Rpc, Scene, Suite, on_both_backends};

on_both_backends!(every_example_succeeds);

async fn every_example_succeeds(suite: Suite) -> anyhow::Result<()> {
    let scene = Scene::new(suite.caller()?, "Example");
    let mut problems = Vec::new();
    for rpc in Rpc::all()? {
        if let Err(problem) = succeed(&scene, &rpc).await {
            problems.push(format!("{}: {problem:#}", rpc.name));
        }
    }
    ensure!(
        problems.is_empty(),
        "examples of {} RPCs do not work:\n{}",
        problems.len(),
        problems.join("\n")
    );
    Ok(())
}

async fn succeed(scene: &Scene, rpc: &Rpc) -> anyhow::Result<()> {
    let example = scene.example(rpc).await?;
    let answer = scene.caller().call(&example).await.context("refused")?;
    ensure!(!answer.messages.is_empty(), "answered nothing");
    Ok(())
}
