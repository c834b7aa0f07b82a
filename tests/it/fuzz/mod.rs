//! Hostile requests to every RPC over real gRPC: bytes that are no message, messages nobody would
//! send. Each is answered in time, by an error the contract knows or by success; never by a fault of
//! the server, and no handler panics.
//!
//! Requests are spoilt at random from a seed rather than guided by coverage: that needs a nightly
//! compiler, which the suite is not built with. What they reach is the whole path (HTTP/2, decoding,
//! layers, handlers, stores) instead of one function, and examples of every RPC begin it deep inside.

mod spoil;
mod verdict;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use dossier_testkit::{Answer, Caller, Example, Rpc, Scene, Soak, Suite, harness};
use futures::StreamExt as _;
use tonic::{Request, Status};

use spoil::spoilt;
use verdict::Verdict;

/// Spoilt requests of each RPC.
const CYCLES: u64 = 40;
const AT_ONCE: usize = 16;
/// Nothing that is refused takes this long.
const PATIENCE: Duration = Duration::from_secs(25);
/// What waits by contract is cut off here.
const ENOUGH: Duration = Duration::from_secs(10);
/// Spoilt requests that begin with the same good one.
const OF_ONE_EXAMPLE: u64 = 40;

harness!("fuzz", run, CYCLES);

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let mut suite = Suite::start(soak.backend).await?;
    let scene = Scene::new(suite.caller()?, "Fuzz");
    let rpcs = Rpc::all()?;
    let mut refused = 0;
    for round in (0..soak.cycles).step_by(usize::try_from(OF_ONE_EXAMPLE)?) {
        let mut examples = Vec::new();
        for rpc in &rpcs {
            examples.push(scene.example(rpc).await?);
        }
        let mut attempts = Vec::new();
        for (index, example) in examples.iter().enumerate() {
            let other = &examples[(index + 1) % examples.len()];
            for turn in round..soak.cycles.min(round + OF_ONE_EXAMPLE) {
                let turn = usize::try_from(turn)?;
                let messages = spoilt(example, other, turn, &mut soak.dice);
                attempts.push((&example.rpc, messages));
            }
        }
        let calls = attempts.into_iter().map(|(rpc, messages)| {
            let caller = scene.caller().clone();
            async move { (rpc, attempt(&caller, rpc, &messages).await, messages) }
        });
        let mut answers = futures::stream::iter(calls).buffer_unordered(AT_ONCE);
        while let Some((rpc, answer, messages)) = answers.next().await {
            refused += u64::from(matches!(answer, Some(Err(_))));
            Verdict::of(rpc, answer.as_ref()).check(rpc, &messages)?;
        }
        suite.check_running()?;
        verdict::check_log(&suite.log()?)?;
    }
    still_works(&scene, &rpcs).await?;
    let sent = soak.cycles * rpcs.len() as u64;
    eprintln!(
        "{sent} hostile requests to {} RPCs, {refused} refused, 0 faults",
        rpcs.len()
    );
    // Requests that are all as good as the examples prove nothing.
    ensure!(
        refused * 3 > sent,
        "only {refused} of {sent} requests were hostile"
    );
    Ok(())
}

/// `None` when there was no answer in time.
async fn attempt(caller: &Caller, rpc: &Rpc, messages: &[Bytes]) -> Option<Result<Answer, Status>> {
    let request = Request::new(futures::stream::iter(messages.to_vec()));
    let patience = match verdict::waits_by_contract(rpc) {
        true => ENOUGH,
        false => PATIENCE,
    };
    tokio::time::timeout(patience, caller.send(rpc, request))
        .await
        .ok()
}

/// Who asks properly is served as before.
async fn still_works(scene: &Scene, rpcs: &[Rpc]) -> anyhow::Result<()> {
    for rpc in rpcs {
        let example: Example = scene.example(rpc).await?;
        let answer = scene.caller().call(&example).await;
        answer.with_context(|| format!("{} does not work any more", rpc.name))?;
    }
    Ok(())
}
