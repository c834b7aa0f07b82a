//! Every mutation of the contract leaves an event, and so does every answer that shows personal data.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dossier_kernel::AuditLevel;
use dossier_proto::audit::v1::{AuditAction, AuditEvent};
use dossier_testkit::{Answer, Rpc, Scene, Suite, build, on_both_backends};
use tonic::Request;

use super::log::{Log, TIMEOUT};

/// Stands in every value of class DIRECT or SENSITIVE that examples send.
const MARKER: &str = "Zeugin9";

on_both_backends!(every_mutation_and_every_sight_is_in_the_log);

async fn every_mutation_and_every_sight_is_in_the_log(suite: Suite) -> anyhow::Result<()> {
    let scene = Scene::new(suite.caller()?, MARKER);
    let mut log = Log::of(&suite)?;
    let mut problems = Vec::new();
    let (mut mutations, mut sights) = (0, 0);
    for rpc in Rpc::all()? {
        let is_sight = match check(&scene, &mut log, &rpc).await {
            Ok(is_sight) => is_sight,
            Err(problem) => {
                problems.push(format!("{}: {problem:#}", rpc.name));
                continue;
            }
        };
        mutations += u32::from(rpc.is_mutation());
        sights += u32::from(is_sight);
    }
    ensure!(
        problems.is_empty(),
        "{} RPCs are not written down:\n{}",
        problems.len(),
        problems.join("\n")
    );
    println!("audit: {mutations} mutations and {sights} sights left their events");
    ensure!(mutations > 20 && sights >= 7, "the walk went nowhere");
    planted(&scene, &mut log).await
}

/// A method that changes nothing, taken for a mutation, and one that shows nothing, taken for a
/// sight, must be noticed.
async fn planted(scene: &Scene, log: &mut Log) -> anyhow::Result<()> {
    let mut planted = Rpc::named("dossier.feedback.v1.SurveyService/GetSurvey")?;
    planted.audit = AuditLevel::Write;
    let noticed = check(scene, log, &planted).await.err();
    let noticed = noticed.context("a mutation without an event was not noticed")?;
    ensure!(noticed.to_string().contains("no event"), "{noticed:#}");

    let silent = Rpc::named("dossier.feedback.v1.SurveyService/GetSurvey")?;
    let noticed = left_within(log, &silent, "nobody", Duration::from_millis(600)).await;
    ensure!(noticed.is_err(), "a sight without an event was not noticed");
    Ok(())
}

/// Calls the RPC's example and looks for what it left; says whether its answer showed anything.
async fn check(scene: &Scene, log: &mut Log, rpc: &Rpc) -> anyhow::Result<bool> {
    let example = scene.example(rpc).await?;
    let id = build::request_id();
    let mut request = Request::new(futures::stream::iter(example.encoded()));
    request.metadata_mut().insert("x-request-id", id.parse()?);
    let answer = scene.caller().send(rpc, request).await.context("refused")?;
    let shows = shows_personal_data(&answer);
    match rpc.audit {
        AuditLevel::None => {
            ensure!(!shows, "shows personal data and is not to be audited");
        }
        AuditLevel::Write => {
            // It is there when the answer is.
            let event = left_within(log, rpc, &id, Duration::ZERO).await?;
            check_event(&event, rpc)?;
            ensure!(
                event.action() == AuditAction::Write,
                "its event is not of a change"
            );
        }
        AuditLevel::Read if shows => {
            let event = left_within(log, rpc, &id, TIMEOUT).await?;
            check_event(&event, rpc)?;
            ensure!(!event.fields.is_empty(), "its event names no field");
            ensure!(event.resource_count > 0, "its event names no resource");
        }
        AuditLevel::Read => {}
    }
    Ok(shows)
}

fn check_event(event: &AuditEvent, rpc: &Rpc) -> anyhow::Result<()> {
    // These are asked by services alone.
    let caller = match rpc.part.as_str() {
        "subject" => "service:tester",
        _ => "person:tester",
    };
    ensure!(event.principal == caller, "{}", event.principal);
    ensure!(event.permission == rpc.permission, "{}", event.permission);
    ensure!(event.method == rpc.name, "{}", event.method);
    ensure!(!event.request_ids.is_empty(), "it names no request");
    let words = [&event.resources[..], &event.fields, &event.request_ids].concat();
    ensure!(
        !words.iter().any(|word| word.contains(MARKER)),
        "its event holds a value"
    );
    Ok(())
}

/// The event that a request left.
async fn left_within(
    log: &mut Log,
    rpc: &Rpc,
    id: &str,
    at_most: Duration,
) -> anyhow::Result<AuditEvent> {
    let begun = Instant::now();
    loop {
        let events = log.of_method(rpc).await?;
        let ours = |event: &AuditEvent| event.request_ids.iter().any(|one| one == id);
        if let Some(event) = events.into_iter().find(ours) {
            return Ok(event);
        }
        ensure!(begun.elapsed() < at_most, "left no event");
        // The log says it by its next answer, so it is asked.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn shows_personal_data(answer: &Answer) -> bool {
    let marker = MARKER.as_bytes();
    let mut messages = answer.messages.iter();
    messages.any(|message| message.windows(marker.len()).any(|part| part == marker))
}
