//! SIGTERM under load: calls in flight finish, streams end with a cursor to resume from, the process
//! is gone in time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{Clients, Suite, build, on_both_backends};
use interaction::watch_interactions_response::Item;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

const WRITERS: usize = 16;
const EXIT_MAX: Duration = Duration::from_secs(25);

on_both_backends!(a_stop_under_load_loses_no_call_and_no_event);

async fn a_stop_under_load_loses_no_call_and_no_event(mut suite: Suite) -> anyhow::Result<()> {
    let mut clients = suite.clients()?;
    let request = profile::CreateCustomerRequest {
        customer: Some(build::person("Somebody", "one")),
        ..Default::default()
    };
    let customer = clients
        .customers
        .create_customer(request)
        .await?
        .into_inner()
        .name;
    let watching = tokio::spawn(Watcher::start(&mut clients, String::new()).await?.ended());
    let load = Load::start(&clients, &customer);
    load.acknowledged_at_least(300).await?;

    load.stopping.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    suite.terminate()?;
    let statuses = suite.wait(EXIT_MAX).await?;
    ensure!(
        statuses.iter().all(std::process::ExitStatus::success),
        "{statuses:?}"
    );
    let exit = asked.elapsed();
    ensure!(exit <= EXIT_MAX, "gone after {exit:?}");
    eprintln!("gone {exit:?} after SIGTERM");
    let mut acknowledged = load.finish().await?;
    let (mut seen, cursor) = watching.await??;

    suite.start_again().await?;
    let mut clients = suite.clients()?;
    let last = build::purchase(&customer, "drain", "last", 1_760_000_000, 100);
    let request = interaction::RecordInteractionRequest {
        interaction: Some(last),
        ..Default::default()
    };
    clients.interactions.record_interaction(request).await?;
    acknowledged.insert("last".to_owned());
    let rest = Watcher::start(&mut clients, cursor).await?;
    let rest = rest.until("last").await?;
    ensure!(
        seen.is_disjoint(&rest),
        "a resumed stream repeats what was before its cursor"
    );
    seen.extend(rest);
    let missed: Vec<_> = acknowledged.difference(&seen).collect();
    ensure!(
        missed.is_empty(),
        "acknowledged and never watched: {missed:?}"
    );
    Ok(())
}

/// Writers that record one interaction after the other, and one that streams them.
struct Load {
    stopping: Arc<AtomicBool>,
    count: watch::Receiver<usize>,
    tasks: Vec<JoinHandle<anyhow::Result<Vec<String>>>>,
}

impl Load {
    fn start(clients: &Clients, customer: &str) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let (count, counted) = watch::channel(0);
        let mut tasks = Vec::new();
        for writer in 0..WRITERS {
            let work = write(
                clients.clone(),
                customer.to_owned(),
                writer,
                Arc::clone(&stopping),
                count.clone(),
            );
            tasks.push(tokio::spawn(work));
        }
        tasks.push(tokio::spawn(ingest(clients.clone(), customer.to_owned())));
        Self {
            stopping,
            count: counted,
            tasks,
        }
    }

    async fn acknowledged_at_least(&self, wanted: usize) -> anyhow::Result<()> {
        self.count
            .clone()
            .wait_for(|count| *count >= wanted)
            .await?;
        Ok(())
    }

    /// Every event id that was acknowledged.
    async fn finish(self) -> anyhow::Result<BTreeSet<String>> {
        let mut acknowledged = BTreeSet::new();
        for task in self.tasks {
            acknowledged.extend(task.await??);
        }
        Ok(acknowledged)
    }
}

/// Records until the suite is gone. A call that was sent before the stop was asked for must succeed;
/// one that was not may be turned away.
async fn write(
    mut clients: Clients,
    customer: String,
    writer: usize,
    stopping: Arc<AtomicBool>,
    count: watch::Sender<usize>,
) -> anyhow::Result<Vec<String>> {
    let mut acknowledged = Vec::new();
    let number = AtomicUsize::new(0);
    loop {
        let event = format!("{writer}-{}", number.fetch_add(1, Ordering::Relaxed));
        let began_before = !stopping.load(Ordering::SeqCst);
        let request = interaction::RecordInteractionRequest {
            interaction: Some(build::purchase(
                &customer,
                "drain",
                &event,
                1_760_000_000,
                100,
            )),
            customer_key: None,
            request_id: build::request_id(),
        };
        match clients.interactions.record_interaction(request).await {
            Ok(_) => {
                acknowledged.push(event);
                count.send_modify(|count| *count += 1);
            }
            Err(status) => {
                // CANCELLED with a cause is tonic's own word for a connection that closed before the
                // request left: what waited in the client for its turn was never in flight. What a
                // server says has no cause on this side.
                let caused = std::error::Error::source(&status).is_some();
                let unsent = status.code() == Code::Cancelled && caused;
                ensure!(
                    !began_before || unsent,
                    "a call in flight was lost: {status}"
                );
                let gone = matches!(status.code(), Code::Unavailable | Code::Cancelled);
                ensure!(gone, "a late call got {status}");
                return Ok(acknowledged);
            }
        }
    }
}

/// Streams until the suite ends the stream, and answers what was acknowledged.
async fn ingest(mut clients: Clients, customer: String) -> anyhow::Result<Vec<String>> {
    let (send, receive) = mpsc::channel(16);
    let sender = tokio::spawn(async move {
        for position in 0.. {
            let event = format!("stream-{position}");
            let interaction = build::purchase(&customer, "drain", &event, 1_760_000_000, 100);
            let request = interaction::IngestInteractionsRequest {
                position,
                interaction: Some(interaction),
                customer_key: None,
            };
            if send.send(request).await.is_err() {
                return;
            }
        }
    });
    let answers = clients
        .interactions
        .ingest_interactions(ReceiverStream::new(receive))
        .await?;
    let mut answers = answers.into_inner();
    let mut acknowledged = Vec::new();
    while let Ok(Some(answer)) = answers.message().await {
        for result in answer.results {
            if let Some(interaction::ingest_result::Outcome::Name(_)) = result.outcome {
                acknowledged.push(format!("stream-{}", result.position));
            }
        }
    }
    sender.abort();
    Ok(acknowledged)
}

/// Follows the feed of interactions and notes every event once.
struct Watcher {
    stream: tonic::Streaming<interaction::WatchInteractionsResponse>,
    seen: BTreeSet<String>,
}

impl Watcher {
    async fn start(clients: &mut Clients, cursor: String) -> anyhow::Result<Self> {
        let include_snapshot = cursor.is_empty();
        let request = interaction::WatchInteractionsRequest {
            cursor,
            include_snapshot,
        };
        let stream = clients
            .interactions
            .watch_interactions(request)
            .await?
            .into_inner();
        Ok(Self {
            stream,
            seen: BTreeSet::new(),
        })
    }

    /// What was seen until the suite ended the stream on purpose, and where to go on.
    async fn ended(mut self) -> anyhow::Result<(BTreeSet<String>, String)> {
        loop {
            let message = self
                .stream
                .message()
                .await?
                .context("the stream broke without an end")?;
            match message.item.context("an item")? {
                Item::Change(change) => self.note(change)?,
                Item::Heartbeat(_) => {}
                Item::End(end) => {
                    ensure!(end.cause == "drain", "{}", end.cause);
                    ensure!(!message.cursor.is_empty(), "no cursor to resume from");
                    return Ok((self.seen, message.cursor));
                }
            }
        }
    }

    /// What was seen up to and with this event.
    async fn until(mut self, event: &str) -> anyhow::Result<BTreeSet<String>> {
        while !self.seen.contains(event) {
            let message = self.stream.message().await?.context("the stream ended")?;
            if let Some(Item::Change(change)) = message.item {
                self.note(change)?;
            }
        }
        Ok(self.seen)
    }

    fn note(&mut self, change: interaction::InteractionChange) -> anyhow::Result<()> {
        let event = change.interaction.context("the interaction")?.event_id;
        ensure!(self.seen.insert(event.clone()), "{event} was sent twice");
        Ok(())
    }
}
