//! Watch streams over a wire that is cut in the middle of whatever is on it: etcd's six watch
//! guarantees, as a client sees them.
//!
//! `cargo xtask soak stream-cuts --cycles CUTS --seed S` repeats a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dossier_feed::Cursor;
use dossier_feed::testing::{Committed, Saw, Watched, check_whole};
use dossier_kernel::Role;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{
    Backend, Clients, Dice, Plan, Proxy, Shape, Soak, Suite, Way, build, harness,
};
use interaction::watch_interactions_response::Item;
use tonic::{Status, Streaming};

const CUTS: u64 = 60;
const FOLLOWERS: u64 = 3;
/// Messages before the wire is cut, at most.
const STRETCH: u64 = 40;
/// Longer than a quiet stream goes without a heartbeat.
const QUIET_MAX: Duration = Duration::from_secs(30);

/// A call whose connection is cut just when it is sent may be left without an answer by the client's
/// library: a follower then asks again, and that must be rare.
const OPENING_MAX: Duration = Duration::from_secs(10);
const HUNG_MAX: u32 = 3;

harness!("stream-cuts", run, CUTS);

/// Some events are left out of what watchers are told.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_left_out_is_noticed() -> anyhow::Result<()> {
    let mut soak = Soak::begin("stream-cuts", Backend::SqliteMemory, CUTS)?;
    let mut suite = Suite::prepare(plan(soak.backend), None)?;
    let bug = "feed::forget_event=300*off->5%40*return".to_owned();
    suite.set_environment(vec![("FAILPOINTS".to_owned(), bug)]);
    suite.start_again().await?;
    let noticed = cut(&suite, &mut soak).await.err().context("not noticed")?;
    let noticed = format!("{noticed:#}");
    eprintln!("noticed: {noticed}");
    let violations = ["Reliable", "Resumable", "Bookmarkable", "are told"];
    ensure!(
        violations.iter().any(|words| noticed.contains(words)),
        "{noticed}"
    );
    Ok(())
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let suite = Suite::start_as(plan(soak.backend)).await?;
    cut(&suite, soak).await
}

async fn cut(suite: &Suite, soak: &mut Soak) -> anyhow::Result<()> {
    let enough = Arc::new(AtomicBool::new(false));
    let seed = soak.dice.roll();
    let writing = tokio::spawn(write(suite.clients()?, Dice::new(seed), enough.clone()));
    let mut following = Vec::new();
    for number in 0..FOLLOWERS {
        let follower = Follower::new(suite, seed ^ (number + 1)).await?;
        let cuts = soak.cycles.div_ceil(FOLLOWERS);
        following.push(tokio::spawn(follower.follow_over_cuts(cuts)));
    }
    let mut followers = Vec::new();
    for follower in following {
        followers.push(follower.await??);
    }
    enough.store(true, Ordering::SeqCst);
    let written = writing.await??;

    // The truth: one reading from the beginning, by a follower that nobody cuts, which agrees with
    // what the writer was told.
    let mut reader = Follower::new(suite, seed).await?;
    reader.follow_to_the_end(None).await?;
    let committed = Committed::of_reading(&reader.watched, |name| written.get(name).copied())?;
    let stored: BTreeSet<_> = committed.keys().cloned().collect();
    ensure!(
        stored == written.keys().cloned().collect(),
        "{} events were acknowledged, {} are told",
        written.len(),
        stored.len()
    );
    check_whole(&committed, &reader.watched)?;
    let mut cuts = 0;
    for mut follower in followers {
        follower.follow_to_the_end(reader.watched.cursor()).await?;
        check_whole(&committed, &follower.watched)?;
        cuts += follower.cuts;
    }
    println!(
        "stream-cuts: {cuts} cuts of {FOLLOWERS} watches, {} events: 0 violations",
        committed.len()
    );
    Ok(())
}

const fn plan(backend: Backend) -> Plan {
    Plan {
        backend,
        shape: Shape::OneProcess,
        log_level: "info",
    }
}

/// One client with a wire of its own.
struct Follower {
    clients: Clients,
    wire: Proxy,
    dice: Dice,
    watched: Watched<String>,
    cuts: u64,
}

impl Follower {
    async fn new(suite: &Suite, seed: u64) -> anyhow::Result<Self> {
        let address = &suite.addresses()[0];
        let target = address.trim_start_matches("http://").to_owned();
        let wire = Proxy::start(vec![target]).await?;
        let addresses = [(); 4].map(|()| format!("http://{}", wire.address()));
        let token = suite.token(&[Role::Admin], suite.tenant())?;
        Ok(Self {
            clients: Clients::new(&addresses, &token)?,
            wire,
            dice: Dice::new(seed),
            watched: Watched::default(),
            cuts: 0,
        })
    }

    async fn follow_over_cuts(mut self, cuts: u64) -> anyhow::Result<Self> {
        let mut hung = 0;
        while self.cuts < cuts {
            let messages = self.dice.within(0..STRETCH);
            let Ok(opened) = tokio::time::timeout(OPENING_MAX, self.open()).await else {
                hung += 1;
                ensure!(hung <= HUNG_MAX, "a watch does not open");
                continue;
            };
            let Ok(mut stream) = opened else { continue };
            for _ in 0..messages {
                let message = tokio::time::timeout(QUIET_MAX, stream.message());
                let message = message.await.context("a quiet stream")?;
                let Ok(Some(message)) = message else { break };
                self.note(message)?;
            }
            self.wire.set(Way::Cut);
            self.cuts += 1;
            // What was already on this side of the cut still counts.
            let rest = async {
                while let Ok(Some(message)) = stream.message().await {
                    self.note(message)?;
                }
                Ok::<_, anyhow::Error>(())
            };
            tokio::time::timeout(QUIET_MAX, rest)
                .await
                .context("a cut stream ends")??;
            self.wire.set(Way::Open);
        }
        Ok(self)
    }

    /// Until a heartbeat that covers `goal`, or the first one.
    async fn follow_to_the_end(&mut self, goal: Option<&Cursor>) -> anyhow::Result<()> {
        let mut stream = self.open().await?;
        loop {
            let message = tokio::time::timeout(QUIET_MAX, stream.message());
            let message = message.await.context("a quiet stream")??;
            self.note(message.context("a watch has no end")?)?;
            if let Some(Saw::Heartbeat { cursor }) = self.watched.seen.last()
                && goal.is_none_or(|goal| cursor.covers(goal))
            {
                return Ok(());
            }
        }
    }

    /// Resumes after the last cursor received, or begins at the beginning.
    async fn open(&mut self) -> Result<Streaming<interaction::WatchInteractionsResponse>, Status> {
        let after = self.watched.cursor().cloned();
        let request = interaction::WatchInteractionsRequest {
            cursor: after.as_ref().map(ToString::to_string).unwrap_or_default(),
            include_snapshot: true,
        };
        let stream = self
            .clients
            .interactions
            .watch_interactions(request)
            .await?;
        self.watched.saw(Saw::Opened { after });
        Ok(stream.into_inner())
    }

    fn note(&mut self, message: interaction::WatchInteractionsResponse) -> anyhow::Result<()> {
        let cursor = Cursor::parse(&message.cursor)?;
        self.watched.saw(match message.item.context("an item")? {
            Item::Change(change) => Saw::Event {
                cursor,
                key: change.interaction.context("an interaction")?.name,
            },
            Item::Heartbeat(_) => Saw::Heartbeat { cursor },
            Item::End(_) => return Ok(()),
        });
        Ok(())
    }
}

/// Records batches until it is enough; which interactions were acknowledged, and in which batch.
async fn write(
    mut clients: Clients,
    mut dice: Dice,
    enough: Arc<AtomicBool>,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut customers = Vec::new();
    for number in 0..20 {
        let request = profile::CreateCustomerRequest {
            customer: Some(build::person("Somebody", &number.to_string())),
            ..Default::default()
        };
        let made = clients.customers.create_customer(request).await?;
        customers.push(made.into_inner().name);
    }
    let mut written = BTreeMap::new();
    let mut batch = 0;
    while !enough.load(Ordering::SeqCst) {
        batch += 1;
        let requests = (0..dice.within(1..9)).map(|item| {
            let id = format!("{batch}-{item}");
            let customer = dice.pick(&customers);
            let purchase = build::purchase(customer, "cuts", &id, 1_760_000_000, 100);
            interaction::RecordInteractionRequest {
                interaction: Some(purchase),
                ..Default::default()
            }
        });
        let request = interaction::BatchRecordInteractionsRequest {
            requests: requests.collect(),
            ..Default::default()
        };
        let recorded = clients
            .interactions
            .batch_record_interactions(request)
            .await?;
        for response in recorded.into_inner().responses {
            let name = response.interaction.context("an interaction")?.name;
            written.insert(name, batch);
        }
        // A pace at which followers that are cut all the time keep up.
        tokio::time::sleep(Duration::from_micros(dice.within(0..4_000))).await;
    }
    Ok(written)
}
