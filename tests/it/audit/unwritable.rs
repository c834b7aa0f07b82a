//! The running suite while its audit log cannot be written.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_kernel::Role;
use dossier_testkit::{Caller, Example, Refusal, Rpc, Scene, Suite, on_both_backends};
use serde_json::json;

use super::database::abuse;

const BREAK: &str = "ALTER TABLE audit_event RENAME TO audit_gone";
const HEAL: &str = "ALTER TABLE audit_gone RENAME TO audit_event";
const TIMEOUT: Duration = Duration::from_secs(20);
/// Reads stop when one has waited for a second; half of it some may have waited at the beginning.
const SURELY_SHOWN: Duration = Duration::from_millis(500);

on_both_backends!(without_the_log_nothing_is_changed_and_soon_nothing_is_shown);

async fn without_the_log_nothing_is_changed_and_soon_nothing_is_shown(
    suite: Suite,
) -> anyhow::Result<()> {
    let scene = Scene::new(suite.caller()?, "Zeuge");
    let get = Rpc::named("dossier.profile.v1.CustomerService/GetCustomer")?;
    let tag = Rpc::named("dossier.profile.v1.CustomerService/AddTags")?;
    // An example customer has SENSITIVE attributes, which a viewer does not see.
    let shown = scene.example(&get).await?;
    let name = shown.messages[0]
        .get_field_by_name("name")
        .context("name")?;
    let name = name.as_str().context("a name")?.to_owned();
    let body = json!({"name": name, "tags": ["unwritten"]});
    let tagged = Example::from_json(&tag, vec![body])?;
    let admin = scene.caller().clone();
    let viewer = suite.caller_as(&[Role::Viewer], suite.tenant())?;
    let first = Instant::now();
    viewer.call(&shown).await.context("a DIRECT read")?;

    abuse(&suite, &[BREAK])?;
    refused(&admin, &tagged).await.context("a mutation")?;
    refused(&admin, &shown).await.context("a SENSITIVE read")?;
    let begun = Instant::now();
    let answered = viewer.call(&shown).await;
    // Later than that reads may have stopped, rightly.
    if first.elapsed() < SURELY_SHOWN {
        answered.context("a DIRECT read at first")?;
    }
    while refused(&viewer, &shown).await.is_err() {
        ensure!(begun.elapsed() < TIMEOUT, "DIRECT reads do not stop");
        // The suite says it by answering otherwise, so it is asked.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    abuse(&suite, &[HEAL])?;
    let healed = Instant::now();
    while viewer.call(&shown).await.is_err() {
        ensure!(healed.elapsed() < TIMEOUT, "DIRECT reads do not go on");
        // The suite says it by answering otherwise, so it is asked.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let answer = admin.call(&shown).await.context("a SENSITIVE read")?;
    let bytes = answer.messages.concat();
    let word = b"unwritten";
    ensure!(
        !bytes.windows(word.len()).any(|part| part == word),
        "a refused mutation was kept"
    );
    admin.call(&tagged).await.context("a mutation")?;
    Ok(())
}

async fn refused(caller: &Caller, example: &Example) -> anyhow::Result<()> {
    match caller.call(example).await {
        Ok(_) => bail!("was answered"),
        Err(status) => {
            let refusal = Refusal::of(&status);
            ensure!(refusal.reason == "AUDIT_UNAVAILABLE", "{refusal:?}");
            ensure!(refusal.has_retry, "says nothing of a retry");
            Ok(())
        }
    }
}
