//! `dossier audit verify` on the suite's own data, before and after somebody touched it.

use std::process::Command;

use anyhow::{Context as _, ensure};
use dossier_testkit::{Rpc, Scene, Suite, on_both_backends, program};
use serde_json::Value;

use super::database::{abuse, disarm};
use super::log::Log;

on_both_backends!(
    an_erased_customer_leaves_every_proof_valid,
    each_tampering_is_found_by_the_command
);

async fn an_erased_customer_leaves_every_proof_valid(suite: Suite) -> anyhow::Result<()> {
    fill(&suite).await?;
    let mut log = Log::of(&suite)?;
    let before = log.placed("profile").await?.len();
    // As a purge does it, thirty days early: rows, identifiers and keys go.
    abuse(
        &suite,
        &[
            "DELETE FROM customer_key",
            "DELETE FROM customer_tag",
            "DELETE FROM customer",
            "DELETE FROM vault_customer_key",
        ],
    )?;
    let after = log.placed("profile").await?.len();
    ensure!(after == before, "events went with the customers");
    for online in [false, true] {
        let (code, found) = verify(&suite, online)?;
        ensure!(code == 0, "{found}");
    }
    Ok(())
}

async fn each_tampering_is_found_by_the_command(suite: Suite) -> anyhow::Result<()> {
    fill(&suite).await?;
    let mut log = Log::of(&suite)?;
    log.placed("profile").await?;
    let (code, found) = verify(&suite, false)?;
    ensure!(code == 0, "untouched: {found}");
    disarm(&suite)?;
    for (sql, kind) in [
        (
            "UPDATE audit_event SET position = 1000 WHERE position = 2; \
             UPDATE audit_event SET position = 2 WHERE position = 4; \
             UPDATE audit_event SET position = 4 WHERE position = 1000",
            "reordered",
        ),
        (
            "UPDATE audit_event SET tenant_id = 'other' WHERE position = 1",
            "changed",
        ),
        ("DELETE FROM audit_event WHERE position = 3", "deleted"),
        (
            "DELETE FROM audit_event WHERE position = \
             (SELECT max(position) FROM audit_event)",
            "truncated",
        ),
        (
            "UPDATE audit_head SET note = 'no note', size = size + 1",
            "forged_checkpoint",
        ),
    ] {
        abuse(&suite, &[sql])?;
        let (code, found) = verify(&suite, false)?;
        ensure!(code == 1, "{kind}: exit code {code}");
        let kinds: Vec<&str> = found[0]["findings"]
            .as_array()
            .context("findings")?
            .iter()
            .filter_map(|finding| finding["kind"].as_str())
            .collect();
        ensure!(kinds.contains(&kind), "{kind} was not found: {kinds:?}");
    }
    Ok(())
}

/// A few events of several kinds.
async fn fill(suite: &Suite) -> anyhow::Result<()> {
    let scene = Scene::new(suite.caller()?, "Zeuge");
    for method in ["CreateCustomer", "UpdateCustomer", "AddTags", "GetCustomer"] {
        let rpc = Rpc::named(&format!("dossier.profile.v1.CustomerService/{method}"))?;
        let example = scene.example(&rpc).await?;
        scene.caller().call(&example).await?;
    }
    Ok(())
}

/// The exit code and what was found of profile's log.
fn verify(suite: &Suite, online: bool) -> anyhow::Result<(i32, Value)> {
    let mut command = Command::new(program("dossier")?);
    command.args(["--json", "audit", "verify"]);
    command.current_dir(suite.dir());
    if online {
        let [address, ..] = suite.addresses();
        let token = suite.token(&[dossier_kernel::Role::Admin], suite.tenant())?;
        let sink = suite.dir().join("data/audit/profile");
        let key = std::fs::read_to_string(sink.join("key"))?;
        command.args(["--online", "--address", &address, "--key", key.trim()]);
        command
            .arg("--since-checkpoint")
            .arg(sink.join("checkpoints"));
        command.env("DOSSIER_TOKEN", token);
    } else {
        command.args(["--only", "profile", "--config"]);
        command.arg(suite.dir().join("dossier.toml"));
    }
    let output = command.output()?;
    let code = output.status.code().context("killed")?;
    let found = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((code, found))
}
