//! The same request with the same request id: one effect and one answer, however often, however
//! many at once, and also over a crash. Every mutation of the contract, by its example.
//!
//! `cargo xtask soak idempotency --cycles KEYS --seed S` repeats a failure.

mod keys;
mod rows;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use dossier_feed::Cursor;
use dossier_testkit::{
    Answer, Backend, Caller, Example, Refusal, Rpc, Scene, Soak, Suite, harness,
};
use futures::future::try_join_all;
use tonic::{Code, Status};

use keys::{KEYED_BY_ITEM, Key};
use rows::Rows;

const AT_ONCE: usize = 50;
/// Rows settle once what they caused elsewhere is done.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// A suite that is overloaded, or was just killed, answers on a later try.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

// Every mutation once is the least.
harness!("idempotency", run, 1);

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let mutations: Vec<Rpc> = Rpc::all()?.into_iter().filter(Rpc::is_mutation).collect();
    let mut suite = Suite::start(soak.backend).await?;
    let mut keys = 0;
    let mut calls = 0;
    // Once with a look at every table; then as many rounds as were asked for.
    let mut answered = measure(&suite, &mutations).await?;
    loop {
        keys += answered.len() as u64;
        calls += answered.len() * (AT_ONCE + 2);
        keys += over_a_crash(&mut suite, &mutations, answered, &mut soak.dice).await?;
        if keys >= soak.cycles {
            break;
        }
        answered = at_once(&suite, &mutations).await?;
    }
    println!(
        "idempotency: {} mutations, {keys} keys, {calls} calls: one effect and one answer each",
        mutations.len()
    );
    Ok(())
}

/// A key that was used, and what it was answered.
struct Answered {
    key: Key,
    answer: Answer,
}

/// For each mutation: fifty at once change as many rows as one does, and neither a repeat nor
/// another body under the same id changes any.
async fn measure(suite: &Suite, mutations: &[Rpc]) -> anyhow::Result<Vec<Answered>> {
    let scene = Scene::new(suite.caller()?, "Once");
    let caller = scene.caller().clone();
    // What is only made once, such as a tenant's keys, is there before anybody counts.
    for rpc in mutations {
        call(&caller, &scene.example(rpc).await?).await?;
    }
    let mut answered = Vec::new();
    for rpc in mutations {
        let reference = Key::fresh(&scene, rpc).await?;
        let key = Key::fresh(&scene, rpc).await?;
        let other = key.other(&scene).await?;
        let answer = one_effect(suite, &caller, &reference, &key, &other).await?;
        answered.push(Answered { key, answer });
    }
    Ok(answered)
}

async fn one_effect(
    suite: &Suite,
    caller: &Caller,
    reference: &Key,
    key: &Key,
    other: &Key,
) -> anyhow::Result<Answer> {
    let (name, store) = (key.name(), store_of(&key.example.rpc));
    let before = settled(suite, caller, store).await?;
    call(caller, &reference.example).await?;
    let once = settled(suite, caller, store).await?;
    let expected = once.added_since(&before);
    ensure!(!expected.is_empty(), "{name} changed no row");
    let answers = same_answers(caller, key).await;
    let after = settled(suite, caller, store).await?;
    let added = after.added_since(&once);
    ensure!(
        added == expected,
        "{name}: {AT_ONCE} calls at once added {added:?}, one adds {expected:?}"
    );
    let answer = answers?;
    same_again(caller, key, &answer).await?;
    refused_for_another_body(caller, key, other).await?;
    let last = settled(suite, caller, store).await?;
    ensure!(
        last == after,
        "{name}: repeats changed {:?}",
        last.changed_since(&after)
    );
    Ok(answer)
}

/// One key of each mutation, called fifty times at once.
async fn at_once(suite: &Suite, mutations: &[Rpc]) -> anyhow::Result<Vec<Answered>> {
    let scene = Scene::new(suite.caller()?, "Once");
    let mut answered = Vec::new();
    for rpc in mutations {
        let key = Key::fresh(&scene, rpc).await?;
        let other = key.other(&scene).await?;
        let answer = same_answers(scene.caller(), &key).await?;
        refused_for_another_body(scene.caller(), &key, &other).await?;
        answered.push(Answered { key, answer });
    }
    Ok(answered)
}

/// Kills the suite while it answers a key of each mutation, and wants every key's answer
/// afterwards: those from before the crash the same, those of the crash one each.
async fn over_a_crash(
    suite: &mut Suite,
    mutations: &[Rpc],
    before: Vec<Answered>,
    dice: &mut dossier_testkit::Dice,
) -> anyhow::Result<u64> {
    let scene = Scene::new(suite.caller()?, "Crash");
    let mut keys = Vec::new();
    for rpc in mutations {
        keys.push(Key::fresh(&scene, rpc).await?);
    }
    let calls = keys.iter().map(|key| {
        let (caller, example) = (scene.caller().clone(), key.example.clone());
        // Some are answered, some are cut off; which, nobody knows but the suite.
        tokio::spawn(async move { caller.call(&example).await.ok() })
    });
    let calls: Vec<_> = calls.collect();
    // Each kill comes at another moment.
    tokio::time::sleep(Duration::from_micros(dice.within(0..30_000))).await;
    suite.kill()?;
    let first = try_join_all(calls).await?;
    suite.start_again().await?;

    let caller = suite.caller()?;
    for (key, first) in keys.iter().zip(first) {
        let answer = call(&caller, &key.example).await?;
        if let Some(first) = &first {
            key.compare(first, &answer)
                .context("before and after a crash")?;
        }
        same_again(&caller, key, &answer).await?;
    }
    for Answered { key, answer } in &before {
        same_again(&caller, key, answer)
            .await
            .context("after a crash")?;
    }
    Ok(keys.len() as u64)
}

async fn same_answers(caller: &Caller, key: &Key) -> anyhow::Result<Answer> {
    let calls = (0..AT_ONCE).map(|_| call(caller, &key.example));
    let mut answers = try_join_all(calls).await?;
    let first = answers.swap_remove(0);
    for answer in &answers {
        key.compare(&first, answer)?;
    }
    Ok(first)
}

async fn same_again(caller: &Caller, key: &Key, first: &Answer) -> anyhow::Result<()> {
    let again = call(caller, &key.example).await?;
    key.compare(first, &again)?;
    // Whoever lost the first answer can still wait for the effect.
    if !first.cursor().is_empty() && key.is_named() {
        let (told, needed) = (
            Cursor::parse(again.cursor()),
            Cursor::parse(first.cursor())?,
        );
        let covers = told.is_ok_and(|told| told.covers(&needed));
        ensure!(
            covers,
            "{}: a repeat's cursor does not cover it",
            key.name()
        );
    }
    Ok(())
}

async fn refused_for_another_body(caller: &Caller, key: &Key, other: &Key) -> anyhow::Result<()> {
    if !key.is_named() {
        return Ok(());
    }
    let Err(status) = caller.call(&other.example).await else {
        bail!(
            "{}: another body under the same id was accepted",
            key.name()
        );
    };
    let refused = Refusal::of(&status);
    ensure!(
        refused.code == Code::Aborted && refused.reason == "REQUEST_ID_REUSED",
        "{}: another body under the same id: {refused:?}",
        key.name()
    );
    Ok(())
}

/// Again while the suite says that it cannot right now.
async fn call(caller: &Caller, example: &Example) -> anyhow::Result<Answer> {
    let until = tokio::time::Instant::now() + RETRY_TIMEOUT;
    loop {
        match caller.call(example).await {
            Ok(answer) => return Ok(answer),
            Err(status) if is_passing(&status) && tokio::time::Instant::now() < until => {
                // It said that it cannot right now.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => return Err(status).with_context(|| example.rpc.name.clone()),
        }
    }
}

fn is_passing(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::ResourceExhausted)
}

/// The service that keeps what the RPC changes.
fn store_of(rpc: &Rpc) -> &str {
    match rpc.part.as_str() {
        // Of the services of a process, the one that is asked first stands for all.
        "access" | "vault" => "profile",
        "subject" => "interaction",
        part => part,
    }
}

/// The rows of a service once what its last call caused is done: two looks in a row agree.
async fn settled(suite: &Suite, caller: &Caller, part: &str) -> anyhow::Result<Rows> {
    if part == "segmentation" {
        settle(caller).await?;
    }
    let until = tokio::time::Instant::now() + SETTLE_TIMEOUT;
    let mut last = Rows::read(suite, part)?;
    loop {
        // Only segmentation goes on working after it has answered.
        if part != "segmentation" {
            return Ok(last);
        }
        // Two looks at the same instant would agree about nothing.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = Rows::read(suite, part)?;
        if now == last {
            return Ok(now);
        }
        ensure!(tokio::time::Instant::now() < until, "{part} never settles");
        last = now;
    }
}

/// Waits until segmentation has followed the other services to where they stand.
async fn settle(caller: &Caller) -> anyhow::Result<()> {
    let mut cursors = BTreeMap::new();
    for (feed, watch) in [
        (
            "profile",
            "dossier.profile.v1.CustomerService/WatchCustomers",
        ),
        (
            "interaction",
            "dossier.interaction.v1.InteractionService/WatchInteractions",
        ),
        (
            "feedback",
            "dossier.feedback.v1.FeedbackService/WatchFeedback",
        ),
    ] {
        let rpc = Rpc::named(watch)?;
        let now = Example::from_json(&rpc, vec![serde_json::json!({})])?;
        let head = caller.call(&now).await?.first(&rpc)?;
        let cursor = head.get_field_by_name("cursor").context("a cursor")?;
        cursors.insert(feed, cursor.as_str().unwrap_or_default().to_owned());
    }
    let wait = Rpc::named("dossier.segmentation.v1.ProgressService/AwaitProgress")?;
    let wait = Example::from_json(&wait, vec![serde_json::json!({"cursors": cursors})])?;
    caller.call(&wait).await?;
    Ok(())
}

/// Calls that nothing names stand for a service that forgets names.
#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_happens_again_is_noticed() -> anyhow::Result<()> {
    let suite = Suite::start(Backend::SqliteMemory).await?;
    let scene = Scene::new(suite.caller()?, "Once");
    let rpc = Rpc::named("dossier.feedback.v1.SurveyService/CreateSurvey")?;
    call(scene.caller(), &scene.example(&rpc).await?).await?;
    let unnamed = async || {
        let (id, example) = (String::new(), scene.example(&rpc).await?);
        Ok::<_, anyhow::Error>(Key { id, example })
    };
    let (reference, key, other) = (unnamed().await?, unnamed().await?, unnamed().await?);
    let judged = one_effect(&suite, scene.caller(), &reference, &key, &other).await;
    let Err(noticed) = judged else {
        bail!("fifty effects pass for one");
    };
    println!("{noticed}");
    ensure!(
        noticed.to_string().contains("calls at once added"),
        "{noticed}"
    );
    Ok(())
}

#[tokio::test]
async fn a_request_id_that_is_none_is_refused() -> anyhow::Result<()> {
    let suite = Suite::start(Backend::SqliteMemory).await?;
    let scene = Scene::new(suite.caller()?, "Once");
    for rpc in Rpc::all()?.into_iter().filter(Rpc::is_mutation) {
        let example = scene.example(&rpc).await?;
        if KEYED_BY_ITEM.iter().any(|(name, _)| *name == rpc.name) {
            continue;
        }
        let Err(status) = scene.caller().call(&example.with_request_id("again")).await else {
            bail!("{} accepts a request id that is no UUID", rpc.name);
        };
        let refused = Refusal::of(&status);
        ensure!(
            refused.fields() == ["request_id"],
            "{}: {refused:?}",
            rpc.name
        );
    }
    Ok(())
}
