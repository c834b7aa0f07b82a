//! kill -9 while interactions stream in: what was acknowledged is there, once, and segmentation's
//! state is what a rebuild from the feeds makes.
//!
//! One client keeps the book of acknowledgements outside the killed process. Each cycle sends new
//! events, what the cycle before left unanswered, and some that were already acknowledged, until
//! the process is killed; then the suite starts again on its data and is compared with the book.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Backend, Clients, Dice, Suite, build, cursor_of};
use interaction::ingest_result::Outcome;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

const CYCLES_SQLITE: u64 = 50;
const CYCLES_POSTGRES: u64 = 10;
const CUSTOMERS: usize = 40;
/// Sent ahead of the acknowledgements; also bounds how much one cycle can write.
const WINDOW: usize = 256;
const SENT_PER_CYCLE_MAX: usize = 3_000;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() -> anyhow::Result<()> {
    soak(Backend::SqliteMemory, CYCLES_SQLITE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() -> anyhow::Result<()> {
    soak(Backend::PostgresRedis, CYCLES_POSTGRES).await
}

/// A harness that cannot fail proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_and_a_doubled_event_are_noticed() -> anyhow::Result<()> {
    let mut suite = Suite::start(Backend::SqliteMemory).await?;
    let mut book = Book::open(suite.clients()?, Dice::random()).await?;
    while book.acknowledged.is_empty() {
        book.ingest_until_killed(&mut suite, 0).await?;
        suite.start_again().await?;
    }
    book.compare(&mut suite.clients()?, 0).await?;

    suite.kill()?;
    let (lost, name) = book
        .acknowledged
        .first_key_value()
        .context("an acknowledged event")?;
    let (lost, name) = (lost.clone(), name.clone());
    let database = suite.dir().join("data/dossier-interaction.db");
    let deleted = rusqlite::Connection::open(database)?.execute(
        "DELETE FROM interaction WHERE source = 'crash' AND event_id = ?1",
        [&lost],
    )?;
    ensure!(deleted == 1, "the row was not found");
    suite.start_again().await?;
    let noticed = book
        .compare(&mut suite.clients()?, 0)
        .await
        .err()
        .context("not noticed")?;
    ensure!(
        noticed.to_string() == format!("event {lost} ({name}) is lost"),
        "{noticed}"
    );

    let again = interaction::IngestResult {
        position: lost.parse()?,
        outcome: Some(Outcome::Name("interactions/another".to_owned())),
        duplicate: true,
    };
    let noticed = book.note(again).err().context("not noticed")?;
    ensure!(noticed.to_string().ends_with("doubled"), "{noticed}");
    Ok(())
}

async fn soak(backend: Backend, cycles: u64) -> anyhow::Result<()> {
    if !backend.is_wanted() {
        return Ok(());
    }
    let cycles = number("DOSSIER_SOAK_CYCLES")?.unwrap_or(cycles);
    let dice = number("DOSSIER_SOAK_SEED")?.map_or_else(Dice::random, Dice::new);
    let seed = dice.seed;
    eprintln!("kill -9 on {backend:?}: {cycles} cycles, seed {seed}");
    let family = if backend == Backend::SqliteMemory {
        "sqlite"
    } else {
        "postgres"
    };
    run(backend, cycles, dice).await.with_context(|| {
        format!(
            "again by `cargo xtask soak kill9 --backend {family} --cycles {cycles} --seed {seed}`"
        )
    })
}

async fn run(backend: Backend, cycles: u64, dice: Dice) -> anyhow::Result<()> {
    let mut suite = Suite::start(backend).await?;
    let mut book = Book::open(suite.clients()?, dice).await?;
    for cycle in 0..cycles {
        let acknowledged = book.ingest_until_killed(&mut suite, cycle).await?;
        suite.start_again().await?;
        book.compare(&mut suite.clients()?, cycle)
            .await
            .with_context(|| format!("after kill {cycle}, with {acknowledged} acknowledged"))?;
    }
    let total = book.acknowledged.len();
    book.settle(&mut suite.clients()?).await?;
    eprintln!("{cycles} kills, {total} events acknowledged: 0 lost, 0 doubled, state as rebuilt");
    Ok(())
}

/// What was sent and what the suite said about it.
struct Book {
    dice: Dice,
    customers: Vec<String>,
    /// By event id.
    sent: BTreeMap<String, interaction::Interaction>,
    /// The name each acknowledgement gave.
    acknowledged: BTreeMap<String, String>,
    number: u64,
}

impl Book {
    async fn open(mut clients: Clients, dice: Dice) -> anyhow::Result<Self> {
        let mut customers = Vec::new();
        for number in 0..CUSTOMERS {
            let person = build::person("Somebody", &number.to_string());
            let request = profile::CreateCustomerRequest {
                customer: Some(person),
                ..Default::default()
            };
            customers.push(
                clients
                    .customers
                    .create_customer(request)
                    .await?
                    .into_inner()
                    .name,
            );
        }
        let request = segmentation::CreateSegmentRequest {
            segment: Some(build::segment("Regulars", "count(purchase) >= 20")),
            ..Default::default()
        };
        clients.segments.create_segment(request).await?;
        let (sent, acknowledged) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            dice,
            customers,
            sent,
            acknowledged,
            number: 0,
        })
    }

    /// Streams events until the process is gone; answers how many were acknowledged.
    async fn ingest_until_killed(
        &mut self,
        suite: &mut Suite,
        cycle: u64,
    ) -> anyhow::Result<usize> {
        let mut clients = suite.clients()?;
        let (send, receive) = mpsc::channel(WINDOW);
        let begun = Instant::now();
        let kill_after = Duration::from_micros(self.dice.within(1_000..400_000));
        let queue = self.queue(cycle);
        let sender = tokio::spawn(send_all(queue, send));
        let stream = clients
            .interactions
            .ingest_interactions(ReceiverStream::new(receive));
        let killer = async {
            tokio::time::sleep_until((begun + kill_after).into()).await;
            suite.kill()
        };
        let before = self.acknowledged.len();
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
        let (killed, read) = tokio::join!(killer, reader);
        sender.abort();
        killed?;
        read?;
        Ok(self.acknowledged.len() - before)
    }

    /// What is unanswered, a few that are answered, and new ones; the position is the event's.
    fn queue(&mut self, cycle: u64) -> Vec<interaction::IngestInteractionsRequest> {
        let unanswered = self
            .sent
            .keys()
            .filter(|id| !self.acknowledged.contains_key(*id));
        let mut ids: Vec<_> = unanswered.cloned().collect();
        let answered: Vec<_> = self.acknowledged.keys().cloned().collect();
        if !answered.is_empty() {
            ids.extend((0..20).map(|_| self.dice.pick(&answered).clone()));
        }
        while ids.len() < SENT_PER_CYCLE_MAX {
            let id = format!("{:08}", self.number);
            self.number += 1;
            let customer = self.dice.pick(&self.customers).clone();
            let cents = i64::try_from(self.dice.within(1..100_000)).unwrap_or(1);
            let second = 1_700_000_000 + i64::try_from(cycle).unwrap_or(0);
            self.sent.insert(
                id.clone(),
                build::purchase(&customer, "crash", &id, second, cents),
            );
            ids.push(id);
        }
        let request = |id: String| interaction::IngestInteractionsRequest {
            position: id.parse().unwrap_or(u64::MAX),
            interaction: self.sent.get(&id).cloned(),
            customer_key: None,
        };
        ids.into_iter().map(request).collect()
    }

    fn note(&mut self, result: interaction::IngestResult) -> anyhow::Result<()> {
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
                self.acknowledged.insert(id, name);
            }
        }
        Ok(())
    }

    /// Everything acknowledged is there, as it was sent; nothing is there twice or was never sent.
    async fn compare(&mut self, clients: &mut Clients, cycle: u64) -> anyhow::Result<()> {
        // The last cycles are read whole each time, all cycles every tenth time.
        let first = if cycle.is_multiple_of(10) {
            0
        } else {
            cycle.saturating_sub(1)
        };
        let since = 1_700_000_000 + i64::try_from(first)?;
        let stored = list(clients, since).await?;
        for (id, name) in &self.acknowledged {
            let sent = &self.sent[id];
            if sent.occur_time.is_none_or(|time| time.seconds < since) {
                continue;
            }
            let found = stored
                .get(id)
                .with_context(|| format!("event {id} ({name}) is lost"))?;
            ensure!(
                found.name == *name,
                "event {id} is {name} and {}: doubled",
                found.name
            );
        }
        for (id, found) in &stored {
            let sent = self
                .sent
                .get(id)
                .with_context(|| format!("event {id} was never sent"))?;
            let same = found.customer == sent.customer && found.details == sent.details;
            ensure!(same, "event {id} is not what was sent");
        }
        if cycle % 10 == 9 {
            self.settle(clients).await?;
        }
        Ok(())
    }

    /// Segmentation has followed every event and is what a rebuild would be.
    async fn settle(&mut self, clients: &mut Clients) -> anyhow::Result<()> {
        let id = format!("last-{}", self.number);
        self.number += 1;
        let last = build::purchase(&self.customers[0], "settle", &id, 1_700_000_000, 1);
        let request = interaction::RecordInteractionRequest {
            interaction: Some(last),
            ..Default::default()
        };
        let recorded = clients.interactions.record_interaction(request).await?;
        clients.settle("interaction", &cursor_of(&recorded)).await?;
        let request = segmentation::VerifyStateRequest {};
        let state = clients.progress.verify_state(request).await?.into_inner();
        ensure!(
            state.difference_count == 0,
            "not as rebuilt: {:?}",
            state.differences
        );
        ensure!(state.customer_count == i64::try_from(CUSTOMERS)?);

        let mut stored = 0;
        for customer in &self.customers {
            let request = interaction::GetActivitySummaryRequest {
                customer: customer.clone(),
                window_days: 0,
            };
            let summary = clients
                .interactions
                .get_activity_summary(request)
                .await?
                .into_inner();
            stored += summary.purchase_count;
        }
        let request = segmentation::GetPurchaseReportRequest {};
        let report = clients
            .values
            .get_purchase_report(request)
            .await?
            .into_inner();
        ensure!(
            report.purchase_count == stored,
            "segmentation counts {} purchases, interaction has {stored}",
            report.purchase_count
        );
        Ok(())
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
    clients: &mut Clients,
    since: i64,
) -> anyhow::Result<BTreeMap<String, interaction::Interaction>> {
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

fn number(name: &str) -> anyhow::Result<Option<u64>> {
    let text = std::env::var(name).ok();
    text.map(|text| text.parse().with_context(|| format!("{name} is no number")))
        .transpose()
}
