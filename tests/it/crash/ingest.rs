//! The stream of events: what was sent and what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Clients, Dice, build, cursor_of};
use interaction::ingest_result::Outcome;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::book::check_purchases;

const CUSTOMERS: usize = 40;
/// Sent ahead of the acknowledgements.
const WINDOW: usize = 256;
/// How much one cycle can write; keeps the comparison of a long run short.
const SENT_PER_CYCLE_MAX: usize = 120;
/// How long what was acknowledged before the kill may be on its way.
const LAST_ANSWERS: Duration = Duration::from_millis(100);
const FIRST_SECOND: i64 = 1_700_000_000;

pub struct Ingest {
    pub customers: Vec<String>,
    /// By event id.
    sent: BTreeMap<String, interaction::Interaction>,
    /// The name each acknowledgement gave.
    pub acknowledged: BTreeMap<String, String>,
    unanswered: BTreeSet<String>,
    number: u64,
}

impl Ingest {
    pub async fn open(mut clients: Clients, dice: &mut Dice) -> anyhow::Result<Self> {
        let mut customers = Vec::new();
        let shift = dice.within(0..1_000);
        for number in 0..CUSTOMERS {
            let person = build::person("Somebody", &format!("{shift}-{number}"));
            let request = profile::CreateCustomerRequest {
                customer: Some(person),
                ..Default::default()
            };
            let made = clients.customers.create_customer(request).await?;
            customers.push(made.into_inner().name);
        }
        let request = segmentation::CreateSegmentRequest {
            segment: Some(build::segment("Regulars", "count(purchase) >= 20")),
            ..Default::default()
        };
        clients.segments.create_segment(request).await?;
        Ok(Self {
            customers,
            sent: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            number: 0,
        })
    }

    /// Streams until `killed` and notes what is acknowledged.
    pub async fn write(
        &mut self,
        clients: &Clients,
        queue: Vec<interaction::IngestInteractionsRequest>,
        killed: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let mut clients = clients.clone();
        let (send, receive) = mpsc::channel(WINDOW);
        let sender = tokio::spawn(send_all(queue, send));
        let stream = clients
            .interactions
            .ingest_interactions(ReceiverStream::new(receive));
        let reader = async {
            // A stream that breaks, at once or later, is the point.
            let Ok(answers) = stream.await else {
                return Ok(());
            };
            let mut answers = answers.into_inner();
            while let Ok(Some(answer)) = answers.message().await {
                for result in answer.results {
                    self.note(result)?;
                }
            }
            Ok::<_, anyhow::Error>(())
        };
        let ended = async {
            killed.await;
            // What was acknowledged may still be on its way; a service whose database is gone
            // keeps the stream open.
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        let read = tokio::select! {
            read = reader => read,
            () = ended => Ok(()),
        };
        sender.abort();
        read
    }

    /// What is unanswered, a few that are answered, and new ones; the position is the event's.
    pub fn queue(
        &mut self,
        cycle: u64,
        dice: &mut Dice,
    ) -> Vec<interaction::IngestInteractionsRequest> {
        let mut ids: Vec<_> = self.unanswered.iter().cloned().collect();
        for _ in 0..20.min(self.acknowledged.len()) {
            let id = format!("{:08}", dice.within(0..self.number));
            ids.extend(self.acknowledged.contains_key(&id).then_some(id));
        }
        while ids.len() < SENT_PER_CYCLE_MAX {
            let id = format!("{:08}", self.number);
            self.number += 1;
            let customer = dice.pick(&self.customers).clone();
            let cents = i64::try_from(dice.within(1..100_000)).unwrap_or(1);
            let second = FIRST_SECOND + i64::try_from(cycle).unwrap_or(0);
            let event = build::purchase(&customer, "crash", &id, second, cents);
            self.sent.insert(id.clone(), event);
            self.unanswered.insert(id.clone());
            ids.push(id);
        }
        let request = |id: String| interaction::IngestInteractionsRequest {
            position: id.parse().unwrap_or(u64::MAX),
            interaction: self.sent.get(&id).cloned(),
            customer_key: None,
        };
        ids.into_iter().map(request).collect()
    }

    pub fn note(&mut self, result: interaction::IngestResult) -> anyhow::Result<()> {
        let id = format!("{:08}", result.position);
        let name = match result.outcome {
            Some(Outcome::Name(name)) => name,
            // Refused before anything was written; it is sent again.
            Some(Outcome::Error(_)) => return Ok(()),
            None => bail!("event {id}: an acknowledgement without outcome"),
        };
        match self.acknowledged.get(&id) {
            Some(first) => {
                ensure!(*first == name, "event {id} is {first} and {name}: doubled");
                ensure!(
                    result.duplicate,
                    "event {id} was acknowledged before and is not told so"
                );
            }
            None => {
                self.unanswered.remove(&id);
                self.acknowledged.insert(id, name);
            }
        }
        Ok(())
    }

    /// Everything acknowledged that was sent since this cycle is there, as it was sent; nothing is
    /// there twice or was never sent.
    pub async fn compare(&self, clients: &Clients, first_cycle: u64) -> anyhow::Result<()> {
        let since = FIRST_SECOND + i64::try_from(first_cycle)?;
        let stored = list(clients, since).await?;
        for (id, name) in &self.acknowledged {
            let sent = &self.sent[id];
            if sent.occur_time.is_none_or(|time| time.seconds < since) {
                continue;
            }
            let found = stored.get(id);
            let found = found.with_context(|| format!("event {id} ({name}) is lost"))?;
            ensure!(
                found.name == *name,
                "event {id} is {name} and {}: doubled",
                found.name
            );
        }
        for (id, found) in &stored {
            let sent = self.sent.get(id);
            let sent = sent.with_context(|| format!("event {id} was never sent"))?;
            let same = found.customer == sent.customer && found.details == sent.details;
            ensure!(same, "event {id} is not what was sent");
        }
        Ok(())
    }

    /// Segmentation has followed every event of these customers and counts as many as there are.
    pub async fn settle(&mut self, clients: &Clients) -> anyhow::Result<()> {
        let mut clients = clients.clone();
        let id = format!("last-{}", self.number);
        self.number += 1;
        let last = build::purchase(&self.customers[0], "settle", &id, FIRST_SECOND, 1);
        let request = interaction::RecordInteractionRequest {
            interaction: Some(last),
            ..Default::default()
        };
        let recorded = clients.interactions.record_interaction(request).await?;
        clients.settle("interaction", &cursor_of(&recorded)).await?;
        check_purchases(&clients, &self.customers).await
    }
}

async fn send_all(
    queue: Vec<interaction::IngestInteractionsRequest>,
    send: mpsc::Sender<interaction::IngestInteractionsRequest>,
) {
    for request in queue {
        if send.send(request).await.is_err() {
            return;
        }
    }
    // The stream stays open until the process is killed.
    std::future::pending::<()>().await;
}

/// Everything ingested that occurred since, by event id; an event that is there twice is an error.
async fn list(
    clients: &Clients,
    since: i64,
) -> anyhow::Result<BTreeMap<String, interaction::Interaction>> {
    let mut clients = clients.clone();
    let from = dossier_kernel::Timestamp::from_secs(since).to_rfc3339();
    let mut request = interaction::ListInteractionsRequest {
        page_size: 1_000,
        filter: format!("source = \"crash\" AND occur_time >= {from:?}"),
        ..Default::default()
    };
    let mut stored = BTreeMap::new();
    loop {
        let page = clients
            .interactions
            .list_interactions(request.clone())
            .await?
            .into_inner();
        for one in page.interactions {
            let id = one.event_id.clone();
            ensure!(
                stored.insert(id.clone(), one).is_none(),
                "event {id} is there twice"
            );
        }
        if page.next_page_token.is_empty() {
            return Ok(stored);
        }
        request.page_token = page.next_page_token;
    }
}
